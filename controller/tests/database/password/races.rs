//! Signing in while an operator changes something, and twice at once. Hashing takes a while, and nothing
//! is locked meanwhile: what was right when it was compared must still be so when the session begins.

use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher as _};
use proto::admin::v1::{self, user_service_client::UserServiceClient};
use tonic::Status;

use super::{HOME, RIGHT, World};
use crate::support::{browser::Browser, gateway::Answer, hold::Hold};

/// A40: who was about to get in with a password that an operator takes away in this moment, or as a user
/// who is disabled, stays out: those changes end all sessions, and none begins after them.
#[tokio::test]
async fn nobody_gets_in_with_what_was_right_before() {
    let world = World::start().await;
    let browser = world.browser(HOME).await;
    let wrong = world.submit(&browser, "ada", "wrong").await;
    assert_eq!(wrong.status, 403);
    let wrong = browser.without_secrets(&wrong.text);
    // What changes nothing about it lets in.
    let (_, answer) = world.sign_in_behind(Change::DisplayName).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(world.sessions().await, 1);

    for change in [Change::Password(OTHER), Change::NoPassword, Change::Disable] {
        world.change(Change::Password(RIGHT)).await.unwrap();
        assert_eq!(world.sessions().await, 0, "{change:?}");
        let (browser, answer) = world.sign_in_behind(change).await;
        assert_eq!(answer.status, 403, "{change:?}: {}", answer.text);
        assert_eq!(answer.header("set-cookie"), None, "{change:?}");
        assert_eq!(browser.without_secrets(&answer.text), wrong, "{change:?}");
        assert_eq!(world.sessions().await, 0, "{change:?}");
        if let Change::Password(now) = change {
            let again = world.submit(&browser, "ada", now).await;
            assert_eq!(again.status, 303, "the same page: {}", again.text);
        }
    }
}

/// Two who sign in at once when the parameters have changed both make a new hash of the same password.
#[tokio::test]
async fn a_password_that_is_hashed_anew_twice_at_once_lets_both_in() {
    let world = World::start().await;
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let weak = Params::new(8, 1, 1, None).unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak);
    let weak = weak.hash_password(RIGHT.as_bytes()).unwrap().to_string();
    sqlx::query("UPDATE users SET password = $1 WHERE slug = 'ada'")
        .bind(&weak)
        .execute(&mut sql)
        .await
        .unwrap();
    let hold = Hold::take(&world.stack, "SELECT FROM users FOR UPDATE").await;
    let (one, other, ()) = tokio::join!(
        world.sign_in("ada", RIGHT, HOME),
        world.sign_in("ada", RIGHT, "192.0.2.8"),
        async {
            Hold::is_awaited(&world.stack, 2).await;
            hold.release().await;
        }
    );
    assert_eq!((one.status, other.status), (303, 303));
    let stored: String = sqlx::query_scalar("SELECT password FROM users WHERE slug = 'ada'")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert!(stored.contains("m=19456,t=2,p=1"), "{stored}");
    assert_eq!(world.sign_in("ada", RIGHT, HOME).await.status, 303);
}

/// What an operator does to `ada`.
#[derive(Debug, Clone, Copy)]
enum Change {
    DisplayName,
    Password(&'static str),
    NoPassword,
    Disable,
}

impl World {
    /// Signs `ada` in, and has a change, which the browser knew nothing of when its password was compared,
    /// come first.
    async fn sign_in_behind(&self, change: Change) -> (Browser, Answer) {
        let browser = self.browser(HOME).await;
        let hold = Hold::take(&self.stack, "SELECT FROM users FOR UPDATE").await;
        let (changed, answer) = tokio::join!(self.change(change), async {
            Hold::is_awaited(&self.stack, 1).await;
            let (answer, ()) = tokio::join!(self.submit(&browser, "ada", RIGHT), async {
                Hold::is_awaited(&self.stack, 2).await;
                hold.release().await;
            });
            answer
        });
        changed.unwrap();
        (browser, answer)
    }

    async fn change(&self, change: Change) -> Result<(), Status> {
        let mut users = UserServiceClient::new(self.admin.channel.clone());
        let name = "tenants/acme/users/ada".to_owned();
        let (field, password) = match change {
            Change::DisplayName => ("display_name", None),
            Change::Disable => ("disabled", None),
            Change::Password(password) => ("", Some(password)),
            Change::NoPassword => ("", None),
        };
        if field.is_empty() {
            let password = password.map(|password| v1::PasswordInput {
                password: password.to_owned(),
                generate: false,
            });
            let request = v1::SetPasswordRequest { name, password };
            users.set_password(self.admin.call(request)).await?;
        } else {
            let user = v1::User {
                name,
                display_name: "Ada".to_owned(),
                disabled: true,
                ..v1::User::default()
            };
            let request = v1::UpdateUserRequest {
                user: Some(user),
                update_mask: Some(prost_types::FieldMask {
                    paths: vec![field.to_owned()],
                }),
            };
            users.update_user(self.admin.call(request)).await?;
        }
        Ok(())
    }

    async fn sessions(&self) -> i64 {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_scalar("SELECT count(*) FROM browser_sessions")
            .fetch_one(&mut sql)
            .await
            .unwrap()
    }
}

const OTHER: &str = "another horse battery";
