//! A tenant with a provider, and browsers that go there and back.

use proto::admin::v1::{
    self, identity_provider_service_client::IdentityProviderServiceClient,
    user_service_client::UserServiceClient,
};
use time::OffsetDateTime;
use tonic::{Status, transport::Channel};

use crate::{
    operator::Operator,
    support::{
        Stack,
        browser::Browser,
        gateway::Answer,
        provider::{CLIENT, Provider, SECRET},
    },
};

/// A tenant with a provider.
pub(super) struct World {
    pub(super) stack: Stack,
    pub(super) admin: Operator,
    pub(super) provider: Provider,
}

impl World {
    pub(super) async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", "acme.test:8080").await.unwrap();
        let world = Self {
            stack,
            admin,
            provider: Provider::start().await,
        };
        world.register("main", |_| ()).await.unwrap();
        world
    }

    pub(super) fn providers(&self) -> IdentityProviderServiceClient<Channel> {
        IdentityProviderServiceClient::new(self.admin.channel.clone())
    }

    pub(super) async fn register(
        &self,
        slug: &str,
        change: impl FnOnce(&mut v1::IdentityProvider),
    ) -> Result<(), Status> {
        let group_roles = [("Engineers", "dev"), ("Ops", "oncall")];
        let mut given = v1::IdentityProvider {
            display_name: "Main".to_owned(),
            issuer: self.provider.url().to_owned(),
            client_id: CLIENT.to_owned(),
            client_secret: SECRET.to_owned(),
            groups_claim: "groups".to_owned(),
            group_roles: group_roles
                .map(|(group, role)| v1::GroupRoles {
                    group: group.to_owned(),
                    roles: vec![role.to_owned()],
                })
                .into(),
            create_users: true,
            ..Default::default()
        };
        change(&mut given);
        let request = v1::CreateIdentityProviderRequest {
            parent: "tenants/acme".to_owned(),
            identity_provider_id: slug.to_owned(),
            identity_provider: Some(given),
        };
        let request = self.admin.call(request);
        self.providers().create_identity_provider(request).await?;
        Ok(())
    }

    pub(super) async fn known(&self) -> v1::IdentityProvider {
        let name = NAME.to_owned();
        let request = self.admin.call(v1::GetIdentityProviderRequest { name });
        let found = self.providers().get_identity_provider(request).await;
        found.unwrap().into_inner().identity_provider.unwrap()
    }

    /// Sets a field of the provider; without a change, to nothing.
    pub(super) async fn change(&self, field: &str, change: impl FnOnce(&mut v1::IdentityProvider)) {
        let mut given = v1::IdentityProvider {
            name: NAME.to_owned(),
            ..Default::default()
        };
        change(&mut given);
        let request = v1::UpdateIdentityProviderRequest {
            identity_provider: Some(given),
            update_mask: Some(prost_types::FieldMask {
                paths: vec![field.to_owned()],
            }),
        };
        let request = self.admin.call(request);
        let changed = self.providers().update_identity_provider(request).await;
        changed.unwrap();
    }

    pub(super) async fn browser(&self) -> Browser {
        Browser::begin(&self.stack).await
    }

    pub(super) async fn post(&self, browser: &Browser, provider: &str) -> Answer {
        let body = format!("t={}&csrf={}", browser.transaction, browser.csrf);
        let asked = format!("POST /login/{provider}");
        browser.ask(&self.stack, &asked, &body).await
    }

    /// Where the browser is sent to.
    pub(super) async fn leave(&self, browser: &Browser, provider: &str) -> String {
        let answer = self.post(browser, provider).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let refresh = answer.header("refresh").unwrap();
        refresh.strip_prefix("0;url=").unwrap().to_owned()
    }

    pub(super) async fn back(&self, browser: &Browser, provider: &str, query: &str) -> Answer {
        let asked = format!("GET /callback/{provider}?{query}");
        browser.ask(&self.stack, &asked, "").await
    }

    /// There and back.
    pub(super) async fn sign_in(&self) -> Answer {
        let browser = self.browser().await;
        let (code, state) = self.provider.sign_in(&self.leave(&browser, "main").await);
        let query = format!("code={code}&state={state}");
        self.back(&browser, "main", &query).await
    }

    pub(super) async fn users(&self) -> Vec<v1::User> {
        let request = v1::ListUsersRequest {
            parent: "tenants/acme".to_owned(),
            ..Default::default()
        };
        let mut users = UserServiceClient::new(self.admin.channel.clone());
        let found = users.list_users(self.admin.call(request)).await;
        found.unwrap().into_inner().users
    }

    /// Roles and groups of each identity.
    pub(super) async fn given(&self) -> Vec<String> {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_scalar(
            "SELECT array_to_string(roles, ',') || ' ' || array_to_string(groups, ',')
             FROM identities ORDER BY created_at",
        )
        .fetch_all(&mut sql)
        .await
        .unwrap()
    }

    /// What time it is, as tokens are dated.
    pub(super) async fn moment(&self) -> OffsetDateTime {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut sql)
            .await
            .unwrap()
    }

    pub(super) async fn revocations(&self) -> i64 {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query_scalar("SELECT count(*) FROM revocations WHERE kind = 'user'")
            .fetch_one(&mut sql)
            .await
            .unwrap()
    }
}

pub(super) const NAME: &str = "tenants/acme/identityProviders/main";
