//! Users, their passwords, and what changes of them revoke.

use proto::admin::v1::{self, user_service_client::UserServiceClient};
use tonic::{Code, Status, transport::Channel};

use crate::{
    operator::Operator,
    support::{Stack, postgres::dump, told},
};

/// A user is created, read, listed, changed and deleted; what their tokens said until then is revoked.
#[tokio::test]
async fn a_change_of_rights_revokes_what_was_issued_until_then() {
    let world = World::start().await;
    let made = world.create("ada", "ada@acme.com", None).await.unwrap();
    let user = made.user.unwrap();
    assert_eq!((user.has_password, made.password.as_str()), (false, ""));
    assert_eq!(world.revoked().await, []);

    let renamed = world
        .update("display_name", |user| user.display_name = "Ada".into())
        .await;
    assert_eq!(renamed.unwrap().display_name, "Ada");
    assert_eq!(world.revoked().await, []);

    for change in [
        |user: &mut v1::User| user.roles = vec!["dev".into()],
        |user: &mut v1::User| user.groups = vec!["ops".into()],
        |user: &mut v1::User| user.set_admin_role(v1::AdminRole::Viewer),
        |user: &mut v1::User| user.login = "ada@acme.org".into(),
        |user: &mut v1::User| user.disabled = true,
    ] {
        let before = world.revoked().await.len();
        let masks = ["roles", "groups", "admin_role", "login", "disabled"];
        world.update(masks[before], change).await.unwrap();
        let revoked = world.revoked().await;
        assert_eq!(revoked.len(), before + 1);
        assert_eq!(revoked[before], ("user".to_owned(), true));
    }
    let user = world.get().await.unwrap();
    assert_eq!((user.etag.as_str(), user.disabled), ("7", true));

    let mut users = UserServiceClient::new(world.admin.channel.clone());
    let request = v1::DeleteUserRequest {
        name: ADA.to_owned(),
        etag: "1".to_owned(),
    };
    let refused = users.delete_user(world.admin.call(request)).await;
    assert_eq!(told(&refused.unwrap_err()).0, "ETAG_MISMATCH");
    let request = v1::DeleteUserRequest {
        name: ADA.to_owned(),
        etag: user.etag,
    };
    let deleted = users.delete_user(world.admin.call(request)).await.unwrap();
    assert_eq!(deleted.into_inner().revocation, 6);
    assert_eq!(world.revoked().await[5], ("user".to_owned(), false));
    assert_eq!(world.get().await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        world.actions().await,
        [
            "users.create",
            "users.update",
            "users.update",
            "users.update",
            "users.update",
            "users.update",
            "users.update",
            "users.delete"
        ]
    );
}

/// A40: of a password only the hash is kept, and a generated one is shown once.
#[tokio::test]
async fn a_password_is_kept_as_a_hash_and_shown_at_most_once() {
    let world = World::start().await;
    let given = v1::PasswordInput {
        password: "correct horse battery".to_owned(),
        generate: false,
    };
    let made = world.create("ada", "ada@acme.com", Some(given)).await;
    let made = made.unwrap();
    assert_eq!(made.password, "");
    assert!(made.user.unwrap().has_password);
    let hash = world.hash().await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));

    world.open_browser().await;
    let generate = v1::PasswordInput {
        password: String::new(),
        generate: true,
    };
    let set = world.set_password(Some(generate)).await.unwrap();
    assert!(set.password.chars().count() >= 20);
    assert_ne!(world.hash().await.unwrap(), hash);
    assert_eq!(world.browsers().await, 0);
    let dump = dump(&world.stack.postgres.address("root"));
    assert!(!dump.contains(&set.password) && !dump.contains("correct horse battery"));
    assert!(!world.stack.log().contains(&set.password));

    world.open_browser().await;
    let removed = world.set_password(None).await.unwrap();
    assert!(!removed.user.unwrap().has_password);
    assert_eq!((world.hash().await, world.browsers().await), (None, 0));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_user_is_named() {
    let world = World::start().await;
    world.create("ada", "ada@acme.com", None).await.unwrap();
    for (slug, login, field) in [
        ("ada", "other", "user_id"),
        ("eve", "ADA@acme.com", "user.login"),
        ("Eve", "eve", "user_id"),
        ("eve", "", "user.login"),
        ("eve", "keys/ci", "user.login"),
        ("eve", "clients/x", "user.login"),
        ("eve", "anonymous", "user.login"),
    ] {
        let refused = world.create(slug, login, None).await.unwrap_err();
        assert_eq!(told(&refused).1, [field], "{slug} {login}");
    }
    let short = v1::PasswordInput {
        password: "short".to_owned(),
        generate: false,
    };
    let refused = world.create("eve", "eve", Some(short)).await.unwrap_err();
    assert_eq!(told(&refused).1, ["password.password"]);
    assert!(!format!("{refused:?}").contains("short"));
    let refused = world.update("uid", |_| ()).await.unwrap_err();
    assert_eq!(told(&refused).1, ["update_mask"]);
}

/// One tenant.
struct World {
    stack: Stack,
    admin: Operator,
}

impl World {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", "acme.test:8080").await.unwrap();
        Self { stack, admin }
    }

    fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.admin.channel.clone())
    }

    async fn create(
        &self,
        slug: &str,
        login: &str,
        password: Option<v1::PasswordInput>,
    ) -> Result<v1::CreateUserResponse, Status> {
        let request = v1::CreateUserRequest {
            parent: "tenants/acme".to_owned(),
            user_id: slug.to_owned(),
            user: Some(v1::User {
                login: login.to_owned(),
                ..Default::default()
            }),
            password,
        };
        let made = self.users().create_user(self.admin.call(request)).await?;
        Ok(made.into_inner())
    }

    async fn get(&self) -> Result<v1::User, Status> {
        let name = ADA.to_owned();
        let request = self.admin.call(v1::GetUserRequest { name });
        Ok(self
            .users()
            .get_user(request)
            .await?
            .into_inner()
            .user
            .unwrap())
    }

    async fn update(
        &self,
        field: &str,
        change: impl FnOnce(&mut v1::User),
    ) -> Result<v1::User, Status> {
        let mut user = self.get().await?;
        change(&mut user);
        let request = v1::UpdateUserRequest {
            user: Some(user),
            update_mask: Some(prost_types::FieldMask {
                paths: vec![field.to_owned()],
            }),
        };
        let changed = self.users().update_user(self.admin.call(request)).await?;
        Ok(changed.into_inner().user.unwrap())
    }

    async fn set_password(
        &self,
        password: Option<v1::PasswordInput>,
    ) -> Result<v1::SetPasswordResponse, Status> {
        let request = v1::SetPasswordRequest {
            name: ADA.to_owned(),
            password,
        };
        let set = self.users().set_password(self.admin.call(request)).await?;
        Ok(set.into_inner())
    }

    /// The kinds of what is revoked, and whether what is issued later counts.
    async fn revoked(&self) -> Vec<(String, bool)> {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_as("SELECT kind, issued_until IS NOT NULL FROM revocations ORDER BY sequence")
            .fetch_all(&mut sql)
            .await
            .unwrap()
    }

    async fn actions(&self) -> Vec<String> {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_scalar(
            "SELECT action FROM audit_records WHERE action LIKE 'users.%' ORDER BY record_id",
        )
        .fetch_all(&mut sql)
        .await
        .unwrap()
    }

    async fn hash(&self) -> Option<String> {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_scalar("SELECT password FROM users WHERE slug = 'ada'")
            .fetch_one(&mut sql)
            .await
            .unwrap()
    }

    async fn open_browser(&self) {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query(
            "INSERT INTO browser_sessions (tenant_id, session_sha256, user_id, auth_time, expires_at)
             SELECT tenant_id, sha256('x'), user_id, now(), now() + interval '1 hour' FROM users",
        )
        .execute(&mut sql)
        .await
        .unwrap();
        assert_eq!(self.browsers().await, 1);
    }

    async fn browsers(&self) -> i64 {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_scalar("SELECT count(*) FROM browser_sessions")
            .fetch_one(&mut sql)
            .await
            .unwrap()
    }
}

const ADA: &str = "tenants/acme/users/ada";
