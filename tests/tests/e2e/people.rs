//! One tenant whose people sign in: with a demo server behind two gateways, at addresses that real
//! programs can resolve, a user, and a policy that lets the user's role do everything.

use anyhow::{Context, Result};
use proto::admin::v1::{
    CreateUserRequest, PasswordInput, RevokeRequest, RevokeResponse, TokenInput, User,
    revoke_request::Target,
};
use tests::{
    admin::{Admin, everything_for},
    cluster::Cluster,
    connect::Desktop,
    demo::Demo,
    gateway::Gateway,
    person::Person,
    seed::Seed,
};

/// The tenant, its person, and the admin API.
pub(crate) struct People {
    pub(crate) cluster: Cluster,
    _demo: Demo,
    pub(crate) admin: Admin,
    pub(crate) ada: Person,
    /// The tenant's origins: the issuer, and its alias at the other gateway.
    pub(crate) origins: Vec<String>,
}

impl People {
    /// The tenant's name.
    pub(crate) const TENANT: &'static str = "tenants/acme";

    /// On a new cluster.
    pub(crate) async fn start() -> Result<Self> {
        Self::on(Cluster::builder().start().await?).await
    }

    /// On this cluster.
    pub(crate) async fn on(cluster: Cluster) -> Result<Self> {
        let demo = Demo::start(&cluster.logs(), "demo", "credential-of-the-demo", 0).await?;
        let origins: Vec<_> = cluster.gateways.iter().map(Gateway::url).collect();
        let seed = Seed {
            tenant: "acme",
            host: &origins[0],
            aliases: &origins[1..],
            server: "demo",
            url: &demo.url(),
            credential_file: Some(demo.credential_file()),
        };
        seed.plant(cluster.cli(), cluster.scratch().path()).await?;
        let people = Self {
            admin: cluster.admin().await?,
            ada: Person {
                login: "ada@acme.test".to_owned(),
                password: "correct horse battery staple".to_owned(),
            },
            cluster,
            _demo: demo,
            origins,
        };
        people.create("ada", &people.ada, &["dev"]).await?;
        let policy = everything_for("dev");
        people.admin.set_policy(Self::TENANT, policy).await?;
        Ok(people)
    }

    /// A user who can sign in with a password and has these roles.
    pub(crate) async fn create(&self, id: &str, person: &Person, roles: &[&str]) -> Result<User> {
        let user = User {
            login: person.login.clone(),
            display_name: id.to_owned(),
            roles: roles.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let request = CreateUserRequest {
            parent: Self::TENANT.into(),
            user_id: id.into(),
            user: Some(user),
            password: Some(PasswordInput {
                password: person.password.clone(),
                ..Default::default()
            }),
        };
        let answer = self.admin.users.clone().create_user(request).await?;
        answer.into_inner().user.context("a user")
    }

    /// Revokes a token as it was issued and waits until both nodes say so.
    pub(crate) async fn revoke_token(&self, token: &str) -> Result<RevokeResponse> {
        let token = TokenInput {
            value: token.to_owned(),
        };
        self.revoke(Target::Token(token)).await
    }

    /// Revokes and waits until both nodes say so.
    pub(crate) async fn revoke(&self, target: Target) -> Result<RevokeResponse> {
        let request = RevokeRequest {
            parent: Self::TENANT.into(),
            target: Some(target),
            wait: Some(prost_types::Duration {
                seconds: 10,
                nanos: 0,
            }),
        };
        let answer = self.admin.revocations.clone().revoke(request).await?;
        Ok(answer.into_inner())
    }

    /// The MCP URLs of the demo server, one at each gateway.
    pub(crate) fn urls(&self) -> Vec<String> {
        let origins = self.origins.iter();
        origins.map(|origin| format!("{origin}/mcp/demo")).collect()
    }

    /// Ada's machine; a new one each time.
    pub(crate) async fn desktop(&self) -> Result<Desktop> {
        Desktop::of(&self.ada, self.cluster.scratch().path()).await
    }

    /// Restarts both gateways and the controller, one after the other.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        for gateway in &mut self.cluster.gateways {
            gateway.restart().await?;
        }
        self.cluster.controller.restart().await?;
        for gateway in &mut self.cluster.gateways {
            gateway.ready().await?;
        }
        Ok(())
    }
}
