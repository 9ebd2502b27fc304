//! Two tenants with a user and some clients each, and grants as consent would make them.

use std::time::SystemTime;

use proto::id::TenantUid;
use serde_json::{Value, json};
use sqlx::PgConnection;
use token::{
    AuthorizationCode,
    access::{self, AccessToken, PublicKey},
    sha256_of,
};
use uuid::Uuid;

use crate::{
    operator::Operator,
    support::{
        Stack,
        gateway::{self, Answer},
    },
};

pub(super) struct World {
    pub(super) stack: Stack,
    pub(super) admin: Operator,
    pub(super) sql: PgConnection,
    pub(super) acme: Uuid,
    pub(super) alice: Uuid,
}

/// How a controller answers the next usual refresh of the client `app`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// Step by step.
    Long,
    /// In one, because it knows the client.
    Short,
}

impl World {
    /// One whose controller goes this way.
    pub(super) async fn on(way: Way) -> Self {
        let mut world = Self::start().await;
        match way {
            Way::Long => {}
            Way::Short => world.become_known().await,
        }
        world
    }

    /// Lets the controller know the client `app` as it is now.
    pub(super) async fn become_known(&mut self) {
        let (tokens, _) = self.tokens("app").await;
        let refresh = text(&tokens, "refresh_token");
        let answer = self.refresh("app", refresh, &[("scope", "mcp")]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(super) async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        let sql = stack.postgres.connect("root", "aldgate").await;
        let mut world = Self {
            stack,
            admin,
            sql,
            acme: Uuid::nil(),
            alice: Uuid::nil(),
        };
        for (tenant, host) in [("acme", "acme.test:8080"), ("beta", "beta.test")] {
            let tenant = world.admin.tenant(tenant, host).await.unwrap().uid;
            let tenant: Uuid = tenant.parse().unwrap();
            if world.acme.is_nil() {
                world.acme = tenant;
            }
            let all = [CODE, REFRESH, DEVICE].as_slice();
            world.client(tenant, "app", "none", all).await;
            world.client(tenant, "other", "none", all).await;
            world.client(tenant, "once", "none", &[CODE]).await;
            let own = [CREDENTIALS].as_slice();
            world
                .client(tenant, "svc", "client_secret_basic", own)
                .await;
            let user = world.user(tenant).await;
            if tenant == world.acme {
                world.alice = user;
            }
        }
        world
    }

    async fn user(&mut self, tenant: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO users (tenant_id, user_id, slug, login, roles, groups)
             VALUES ($1, $2, 'alice', 'alice@acme.test', '{dev}', '{staff}')",
        )
        .bind(tenant)
        .bind(id)
        .execute(&mut self.sql)
        .await
        .unwrap();
        id
    }

    async fn client(&mut self, tenant: Uuid, name: &str, method: &str, grants: &[&str]) {
        let metadata = json!({
            "redirect_uris": [REDIRECT],
            "grant_types": grants,
            "token_endpoint_auth_method": method,
        });
        let secret = (method != "none").then(|| sha256_of(SECRET).to_vec());
        sqlx::query(
            "INSERT INTO oauth_clients (
                 tenant_id, client_uid, slug, client_id, registration, metadata, secret_sha256, roles
             ) VALUES ($1, $2, $3, $3, 'manual', $4, $5, '{robot}')",
        )
        .bind(tenant)
        .bind(Uuid::now_v7())
        .bind(name)
        .bind(metadata)
        .bind(secret)
        .execute(&mut self.sql)
        .await
        .unwrap();
    }

    /// A grant of Alice's to this client, as a consent a moment ago makes it.
    pub(super) async fn grant(&mut self, client: &str, scopes: &[&str]) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO grants (
                 tenant_id, grant_id, user_id, client_uid, resources, scopes, idle_expires_at, expires_at
             )
             SELECT $1, $2, $3, client_uid, $5, $6, now() + interval '1 minute', now() + interval '1 year'
             FROM oauth_clients WHERE tenant_id = $1 AND client_id = $4",
        )
        .bind(self.acme)
        .bind(id)
        .bind(self.alice)
        .bind(client)
        .bind(["http://acme.test:8080/mcp"].as_slice())
        .bind(scopes)
        .execute(&mut self.sql)
        .await
        .unwrap();
        id
    }

    /// A code for such a grant.
    pub(super) async fn code(&mut self, client: &str) -> (String, Uuid) {
        let grant = self.grant(client, &["mcp", "mcp:read"]).await;
        let code = AuthorizationCode::generate();
        sqlx::query(
            "INSERT INTO authorization_codes (
                 tenant_id, code_sha256, grant_id, redirect_uri, redirect_given, code_challenge,
                 expires_at
             ) VALUES ($1, $2, $3, $4, true, $5, now() + interval '1 minute')",
        )
        .bind(self.acme)
        .bind(code.sha256().as_slice())
        .bind(grant)
        .bind(REDIRECT)
        .bind(CHALLENGE)
        .execute(&mut self.sql)
        .await
        .unwrap();
        (code.expose().to_owned(), grant)
    }

    /// The first tokens of a new grant.
    pub(super) async fn tokens(&mut self, client: &str) -> (Value, Uuid) {
        let (code, grant) = self.code(client).await;
        let answer = self.exchange(client, &code, &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.body, grant)
    }

    pub(super) async fn exchange(
        &self,
        client: &str,
        code: &str,
        instead: &[(&str, &str)],
    ) -> Answer {
        let usual = [
            ("grant_type", CODE),
            ("client_id", client),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let kept = usual
            .into_iter()
            .filter(|(name, _)| instead.iter().all(|(other, _)| other != name));
        let form: Vec<_> = kept.chain(instead.iter().copied()).collect();
        self.post("/token", &form).await
    }

    pub(super) async fn refresh(&self, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let form = [
            ("grant_type", REFRESH),
            ("client_id", client),
            ("refresh_token", token),
        ];
        self.post("/token", &[form.as_slice(), more].concat()).await
    }

    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_at(ISSUER, path, &[], form).await
    }

    /// As the client `svc`, which has a secret.
    pub(super) async fn post_as_svc(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        // svc:s3cret
        let basic = [("authorization", "basic c3ZjOnMzY3JldA==")];
        self.post_at(ISSUER, path, &basic, form).await
    }

    pub(super) async fn post_at(
        &self,
        origin: &str,
        path: &str,
        lines: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Answer {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        let body = text.extend_pairs(form).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let lines = [lines, &[("aldgate-origin", origin), kind]].concat();
        self.send(
            self.stack.auth_address(),
            &format!("POST {path}"),
            &lines,
            &body,
        )
        .await
    }

    pub(super) async fn send(
        &self,
        address: &str,
        line: &str,
        lines: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let node = self.stack.sign("spiffe://aldgate/pool/default/node/gw-1");
        let lines = [lines, &[("aldgate-peer", "192.0.2.7:4711")]].concat();
        gateway::exchange_at(&self.stack, address, Some(&node), line, &lines, body)
            .await
            .unwrap()
    }

    /// The keys that are published.
    pub(super) async fn jwks(&self) -> Vec<PublicKey> {
        let answer = self
            .send(
                self.stack.auth_address(),
                "GET /jwks",
                &[("aldgate-origin", ISSUER)],
                "",
            )
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        let decode = |text: &Value| {
            use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
            URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
        };
        let keys = answer.body["keys"].as_array().unwrap().iter();
        keys.map(|key| {
            let kid = key["kid"].as_str().unwrap();
            PublicKey::from_point(kid, &decode(&key["x"]), &decode(&key["y"])).unwrap()
        })
        .collect()
    }

    /// What an access token says, as a node reads it.
    pub(super) async fn read(&self, text: &str) -> AccessToken {
        let keys = self.jwks().await;
        let tenant = TenantUid::from_uuid(self.acme);
        access::verify(text, ISSUER, tenant, &keys, SystemTime::now()).unwrap()
    }

    /// Whether a grant was ended, and why.
    pub(super) async fn end_of(&mut self, grant: Uuid) -> String {
        sqlx::query_scalar("SELECT revoke_reason FROM grants WHERE grant_id = $1")
            .bind(grant)
            .fetch_one(&mut self.sql)
            .await
            .unwrap()
    }

    /// How many revocations of this kind there are.
    pub(super) async fn revocations(&mut self, kind: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM revocations WHERE kind = $1")
            .bind(kind)
            .fetch_one(&mut self.sql)
            .await
            .unwrap()
    }

    /// How often this was recorded.
    pub(super) async fn recorded(&mut self, action: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM audit_records WHERE action = $1")
            .bind(action)
            .fetch_one(&mut self.sql)
            .await
            .unwrap()
    }

    pub(super) async fn sql(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.sql).await.unwrap();
    }
}

/// What a refusal says.
pub(super) fn error(answer: &Answer) -> (u16, &str) {
    assert!(
        answer
            .header("cache-control")
            .is_some_and(|value| value.contains("no-store"))
    );
    (
        answer.status,
        answer.body["error"].as_str().unwrap_or_default(),
    )
}

pub(super) fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

pub(super) const INVALID_GRANT: (u16, &str) = (400, "invalid_grant");
pub(super) const ISSUER: &str = "http://acme.test:8080";
pub(super) const REDIRECT: &str = "http://127.0.0.1:7/callback";
pub(super) const SECRET: &str = "s3cret";
/// RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const CODE: &str = "authorization_code";
pub(super) const REFRESH: &str = "refresh_token";
pub(super) const CREDENTIALS: &str = "client_credentials";
pub(super) const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
