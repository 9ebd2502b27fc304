//! One tenant whose server lets callers in by every kind of authenticator at once, and a credential
//! of each kind.

use anyhow::{Context, Result};
use proto::{
    access::v1::{
        AnonymousAuthenticator, ApiKeyAuthenticator, Authenticator, Authenticators,
        ForwardedAuthenticator, Grant, JwtAuthenticator, Policy, Role, SessionAuthenticator,
        StaticAuthenticator, Subject, authenticator::Kind,
    },
    admin::v1::{
        CreateStaticTokenRequest, CreateStaticTokenResponse, KeyLifespan, Server, StaticToken,
        StaticTokenInput, StaticTokenType, UpdateServerRequest,
    },
};
use serde_json::{Value, json};
use tests::{
    admin::{Admin, everything_for},
    gateway::Gateway,
    http::Request,
    issuer::Issuer,
};

use crate::calls::Acme;

/// The tenant, its issuer, and the admin API.
pub(crate) struct Doors {
    pub(crate) acme: Acme,
    pub(crate) issuer: Issuer,
    pub(crate) admin: Admin,
    host: String,
}

/// What a caller of some kind sends.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) kind: &'static str,
    pub(crate) headers: Vec<(String, String)>,
}

impl Caller {
    pub(crate) fn new(kind: &'static str, name: &str, value: impl Into<String>) -> Self {
        Self {
            kind,
            headers: vec![(name.to_owned(), value.into())],
        }
    }

    /// The request as this caller sends it to `acme.test`.
    pub(crate) fn dress(&self, request: Request) -> Request {
        let headers = self.headers.iter();
        headers.fold(request.host(Acme::HOST), |request, (name, value)| {
            request.header(name, value)
        })
    }
}

impl Doors {
    /// With all kinds but `anonymous`, and a policy that lets the role `dev` do everything.
    pub(crate) async fn open(acme: Acme) -> Result<Self> {
        Self::open_at(acme, Acme::HOST).await
    }

    /// The same where the tenant has this host.
    pub(crate) async fn open_at(acme: Acme, host: &str) -> Result<Self> {
        let (issuer, admin) = (Issuer::start().await?, acme.cluster.admin().await?);
        let doors = Self {
            acme,
            issuer,
            admin,
            host: host.to_owned(),
        };
        doors.set_policy(everything_for("dev")).await?;
        doors.set_authenticators(doors.all_kinds()).await?;
        Ok(doors)
    }

    /// Every kind that wants a credential, the API key first.
    pub(crate) fn all_kinds(&self) -> Vec<Kind> {
        vec![
            Kind::ApiKey(ApiKeyAuthenticator::default()),
            Kind::Session(SessionAuthenticator {}),
            Kind::Jwt(self.jwt()),
            Kind::Static(StaticAuthenticator {}),
            Kind::Forwarded(ForwardedAuthenticator {
                source_networks: vec!["127.0.0.0/8".into()],
                ..Default::default()
            }),
        ]
    }

    /// The issuer's tokens for the audience [`AUDIENCE`].
    pub(crate) fn jwt(&self) -> JwtAuthenticator {
        JwtAuthenticator {
            issuer: self.issuer.url().to_owned(),
            audiences: vec![AUDIENCE.into()],
            jwks_uri: self.issuer.jwks_uri(),
            roles_claim: "roles".into(),
            ..Default::default()
        }
    }

    /// Replaces the authenticators of the server and waits until that is live.
    pub(crate) async fn set_authenticators(&self, kinds: Vec<Kind>) -> Result<()> {
        let list = kinds
            .into_iter()
            .map(|kind| Authenticator { kind: Some(kind) });
        let server = Server {
            authenticators: Some(Authenticators {
                list: list.collect(),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.update_server(server, "authenticators").await
    }

    /// Changes one field of the server and waits until that is live.
    pub(crate) async fn update_server(&self, server: Server, field: &str) -> Result<()> {
        let request = UpdateServerRequest {
            server: Some(Server {
                name: SERVER.into(),
                ..server
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec![field.into()],
            }),
        };
        let mut servers = self.admin.servers.clone();
        let answer = servers.update_server(request).await?.into_inner();
        self.live(answer.revision).await
    }

    /// Replaces the policy and waits until that is live.
    pub(crate) async fn set_policy(&self, policy: Policy) -> Result<()> {
        self.admin.set_policy(ACME, policy).await
    }

    /// Makes a static token of this type with this value, and waits until that is live.
    pub(crate) async fn static_token(
        &self,
        id: &str,
        kind: StaticTokenType,
        value: &str,
        more: StaticToken,
    ) -> Result<CreateStaticTokenResponse> {
        let request = CreateStaticTokenRequest {
            parent: ACME.into(),
            static_token_id: id.into(),
            static_token: Some(StaticToken {
                server: SERVER.into(),
                r#type: kind.into(),
                ..more
            }),
            lifespan: KeyLifespan::SevenDays.into(),
            input: Some(StaticTokenInput {
                value: value.into(),
                ..Default::default()
            }),
        };
        let mut tokens = self.admin.static_tokens.clone();
        let answer = tokens.create_static_token(request).await?.into_inner();
        self.live(answer.revision).await?;
        Ok(answer)
    }

    /// A session token, as the tenant's backend gets it.
    pub(crate) async fn session(&self, gateway: &Gateway, body: &Value) -> Result<String> {
        let answer = Request::post("/sessions", body.to_string())
            .host(&self.host)
            .bearer(&self.acme.key)
            .send(gateway.address())
            .await?;
        anyhow::ensure!(answer.status == 201, "{}: {}", answer.status, answer.text());
        let token = answer.json()?["token"].as_str().map(str::to_owned);
        token.context("a token")
    }

    /// One caller of each kind, all with the role `dev` where they need one.
    pub(crate) async fn callers(&self) -> Result<Vec<Caller>> {
        let dev = || StaticToken {
            roles: vec!["dev".into()],
            ..Default::default()
        };
        let bearer =
            |kind, value: &str| Caller::new(kind, "Authorization", format!("Bearer {value}"));
        let gateway = &self.acme.cluster.gateways[0];
        let session = self.session(gateway, &json!({"user": "sam"})).await?;
        let jwt = self
            .issuer
            .token("alice", AUDIENCE, 600, &json!({"roles": ["dev"]}))?;
        let mut callers = vec![
            bearer("api_key", &self.acme.key),
            Caller::new("api_key", "X-API-Key", &self.acme.key),
            bearer("session", &session),
            bearer("jwt", &jwt),
        ];
        for (id, kind) in [
            ("bearer", StaticTokenType::Bearer),
            ("api-key", StaticTokenType::ApiKey),
            ("x-api-key", StaticTokenType::XApiKey),
            ("basic", StaticTokenType::Basic),
        ] {
            let value = match kind {
                StaticTokenType::Basic => "dXNlcjpwYXNzd29yZA==".to_owned(),
                _ => format!("pasted-{id}-0123456789"),
            };
            let made = self.static_token(id, kind, &value, dev()).await?;
            callers.push(Caller::new("static", &made.header_name, made.header_value));
        }
        let mut forwarded = Caller::new("forwarded", "X-Forwarded-User", "frieda");
        let groups = ("X-Forwarded-Groups".to_owned(), "staff, dev".to_owned());
        forwarded.headers.push(groups);
        callers.push(forwarded);
        Ok(callers)
    }

    /// Waits until a revision is live on every node.
    pub(crate) async fn live(&self, revision: u64) -> Result<()> {
        self.admin.live(ACME, revision).await
    }
}

/// A policy with one role.
pub(crate) fn policy_of(role: &str, grants: Vec<Grant>) -> Policy {
    Policy {
        roles: [(role.to_owned(), Role { grants })].into(),
        ..Default::default()
    }
}

/// The policy with this subject having these roles.
pub(crate) fn with_subject(mut policy: Policy, subject: &str, roles: &[&str]) -> Policy {
    let subject_roles = roles.iter().map(|&role| role.to_owned()).collect();
    policy.subjects.insert(
        subject.to_owned(),
        Subject {
            roles: subject_roles,
            ..Default::default()
        },
    );
    policy
}

/// Everybody, as `anonymous` with the role `dev`.
pub(crate) fn anonymous() -> Kind {
    Kind::Anonymous(AnonymousAuthenticator {
        roles: vec!["dev".into()],
    })
}

/// The tenant's name.
const ACME: &str = "tenants/acme";

/// The server's name.
pub(crate) const SERVER: &str = "tenants/acme/servers/files";

/// What tokens of the issuer are for.
pub(crate) const AUDIENCE: &str = "http://acme.test/mcp/files";
