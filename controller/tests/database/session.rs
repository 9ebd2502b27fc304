//! The auth door, and the sessions that a tenant's backend has made behind it.

use std::time::{Duration, SystemTime};

use proto::{
    admin::v1::{self, key_service_client::KeyServiceClient},
    node::v1::{
        TenantSecrets, WatchLeasesRequest, lease_service_client::LeaseServiceClient,
        watch_leases_response::Kind as News,
    },
};
use seal::session::SessionCipher;
use serde_json::{Value, json};
use token::session::{self, SessionToken};

use crate::{
    operator::Operator,
    support::{Stack, gateway},
};

/// S2-9, S2-10: the token says whom it is for and opens with the keys that nodes hold.
#[tokio::test]
async fn a_backend_exchanges_its_key_for_a_token_of_one_of_its_users() {
    let world = World::start().await;
    let wish = json!({"user": "alice", "roles": ["dev"], "servers": ["files"], "expires_in": 600});
    let answer = world.ask(&world.ci, &wish).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["user"], "alice");
    let seconds = answer.body["expires_in"].as_i64().unwrap();
    assert!((598..=600).contains(&seconds), "{seconds}");
    assert!(answer.body["expires_at"].as_str().unwrap().ends_with('Z'));

    let token = world.opened(answer.body["token"].as_str().unwrap()).await;
    assert_eq!(&*token.user, "alice");
    assert_eq!(token.roles.as_deref(), Some(&["dev".into()][..]));
    assert_eq!(token.servers.unwrap().len(), 1);
    assert!(token.scopes.is_empty());
    let lives = token.expires.duration_since(token.issued).unwrap();
    assert_eq!(lives, Duration::from_mins(10));
    assert!(token.expires > SystemTime::now());

    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let record: (String, String, String) = sqlx::query_as(
        "SELECT actor, resource, peer FROM audit_records WHERE action = 'sessions.create'",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(record.0, "tenants/acme/keys/ci");
    let named = format!("tenants/acme/users/alice/sessions/{}", token.id);
    assert_eq!((record.1, record.2.as_str()), (named, "192.0.2.7:4711"));
    assert!(
        !world
            .stack
            .log()
            .contains(answer.body["token"].as_str().unwrap())
    );
}

/// S2-10: nothing that the key does not have.
#[tokio::test]
async fn a_session_never_has_more_than_its_key() {
    let world = World::start().await;
    for (key, wish, field) in [
        (
            &world.ci,
            json!({"user": "a", "servers": ["mail"]}),
            "servers[0]",
        ),
        (
            &world.ci,
            json!({"user": "a", "servers": ["files", "no-such"]}),
            "servers[1]",
        ),
        (
            &world.reader,
            json!({"user": "a", "scopes": ["files:read", "files:write"]}),
            "scopes[1]",
        ),
        (
            &world.reader,
            json!({"user": "a", "scopes": ["*:read"]}),
            "scopes[0]",
        ),
    ] {
        let answer = world.ask(key, &wish).await;
        assert_eq!(answer.status, 403, "{wish}");
        assert_eq!(answer.body["field"], field, "{wish}");
        assert_eq!(answer.body["type"], "authorization_error");
    }
    let wish = json!({"user": "a", "scopes": ["files:read"]});
    assert_eq!(world.ask(&world.reader, &wish).await.status, 201);
    let wrong = world
        .ask(&world.ci, &json!({"user": "a", "roles": "dev"}))
        .await;
    assert_eq!((wrong.status, &wrong.body["field"]), (400, &json!("roles")));
}

/// S3-9, S0-27: whatever is wrong with a key looks the same, but that a genuine one has expired.
#[tokio::test]
async fn a_key_that_does_not_count_makes_no_session() {
    let world = World::start().await;
    let wish = json!({"user": "alice"});
    assert_eq!(world.ask(&world.ci, &wish).await.status, 201);
    let unknown = token::ApiKey::generate().expose().to_owned();
    let invalid =
        json!({"error": "Invalid API key", "status": 401, "type": "authentication_error"});
    world.disable("ci").await;
    for key in [&unknown, &world.ci, &world.foreign, "mcp_sk_x", ""] {
        let answer = world.ask(key, &wish).await;
        assert_eq!((answer.status, &answer.body), (401, &invalid), "{key}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(
            challenge,
            r#"Bearer realm="aldgate", error="invalid_token""#
        );
    }
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    sqlx::query("UPDATE api_keys SET expires_at = now() WHERE slug = 'reader'")
        .execute(&mut sql)
        .await
        .unwrap();
    let answer = world.ask(&world.reader, &wish).await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (401, &json!("Token expired"))
    );
    let nothing = world.send(&[], "/sessions", &wish).await;
    assert_eq!((nothing.status, &nothing.body), (401, &invalid));
    assert_eq!(
        nothing.header("www-authenticate"),
        Some(r#"Bearer realm="aldgate""#)
    );
}

/// The overlap of a rotation holds here too.
#[tokio::test]
async fn the_secret_before_works_until_its_overlap_ends() {
    let world = World::start().await;
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let replace = "UPDATE api_keys SET previous_sha256 = sha256, sha256 = sha256($1::bytea),
                       previous_expires_at = now() + $2 * interval '1 hour' WHERE slug = 'ci'";
    sqlx::query(replace)
        .bind(b"new".as_slice())
        .bind(1)
        .execute(&mut sql)
        .await
        .unwrap();
    let wish = json!({"user": "alice"});
    assert_eq!(world.ask(&world.ci, &wish).await.status, 201);
    let end = "UPDATE api_keys SET previous_expires_at = now() - interval '1 s' WHERE slug = 'ci'";
    sqlx::query(end).execute(&mut sql).await.unwrap();
    assert_eq!(world.ask(&world.ci, &wish).await.status, 401);
}

/// The tenant is found by any of its origins, and by its name in the path layout.
#[tokio::test]
async fn a_tenant_is_found_wherever_it_answers() {
    let world = World::start().await;
    world
        .admin
        .move_tenant("acme", &["alias.test"])
        .await
        .unwrap();
    let wish = json!({"user": "alice"});
    for (origin, status) in [
        ("http://acme.test:8080", 201),
        ("http://alias.test", 201),
        ("https://gw.test/t/acme", 201),
        ("http://beta.test", 401),
        ("https://gw.test/t/beta", 401),
        ("https://gw.test/t/no-such", 401),
        ("http://unknown.test", 401),
        ("https://gw.test/elsewhere", 400),
        ("acme.test", 400),
    ] {
        let credential = format!("Bearer {}", world.ci);
        let lines = [
            ("authorization", credential.as_str()),
            ("aldgate-origin", origin),
        ];
        let answer = world.send_at(&lines, "/sessions", &wish).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}

/// ISSUE: nobody but a node comes in, and a node must say whose request it is.
#[tokio::test]
async fn the_auth_door_is_closed_to_all_but_gateways() {
    let world = World::start().await;
    let stack = &world.stack;
    let credential = format!("Bearer {}", world.ci);
    let lines = [
        ("authorization", credential.as_str()),
        ("aldgate-origin", "http://acme.test:8080"),
        ("aldgate-peer", "192.0.2.7:4711"),
        ("content-type", "application/json"),
    ];
    let body = r#"{"user":"alice"}"#;
    let node = stack.sign("spiffe://aldgate/pool/default/node/gw-1");
    let other = stack.sign("spiffe://aldgate/controller");
    let foreign = Stack::foreign("spiffe://aldgate/pool/default/node/gw-1");
    let ask = |own| gateway::send(stack, own, "/sessions", &lines, body);
    assert_eq!(ask(Some(&node)).await.unwrap().status, 201);
    assert!(ask(None).await.is_err());
    assert!(ask(Some(&other)).await.is_err());
    assert!(ask(Some(&foreign)).await.is_err());
    for unsaid in [&lines[..1], &lines[..2]] {
        let answer = gateway::send(stack, Some(&node), "/sessions", unsaid, body).await;
        assert_eq!(answer.unwrap().status, 400);
    }
    let elsewhere = gateway::send(stack, Some(&node), "/elsewhere", &lines, body).await;
    assert_eq!(elsewhere.unwrap().status, 404);
    let huge = format!(r#"{{"user":"{}"}}"#, "a".repeat(64 << 10));
    let too_large = gateway::send(stack, Some(&node), "/sessions", &lines, &huge).await;
    assert_eq!(too_large.unwrap().status, 413);
    let plain = [lines[0], lines[1], lines[2], ("content-type", "text/plain")];
    let plain = gateway::send(stack, Some(&node), "/sessions", &plain, body).await;
    assert_eq!(plain.unwrap().status, 415);
    let twice = [lines[0], lines[0], lines[1], lines[2], lines[3]];
    let twice = gateway::send(stack, Some(&node), "/sessions", &twice, body).await;
    assert_eq!(twice.unwrap().status, 400);
}

/// Two tenants, two servers, three keys.
struct World {
    stack: Stack,
    admin: Operator,
    /// Opens `files`.
    ci: String,
    /// Opens `files`, to read.
    reader: String,
    /// The other tenant's.
    foreign: String,
}

impl World {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        for (tenant, host) in [("acme", "acme.test:8080"), ("beta", "beta.test")] {
            admin.tenant(tenant, host).await.unwrap();
            admin.server(tenant, "files", None).await.unwrap();
            admin.server(tenant, "mail", None).await.unwrap();
        }
        let key = async |tenant, slug| admin.key(tenant, slug, "files").await.unwrap().secret;
        let (ci, reader, foreign) = (
            key("acme", "ci").await,
            key("acme", "reader").await,
            key("beta", "ci").await,
        );
        let mut sql = stack.postgres.connect("root", "aldgate").await;
        sqlx::query("UPDATE api_keys SET scopes = '{files:read}' WHERE slug = 'reader'")
            .execute(&mut sql)
            .await
            .unwrap();
        Self {
            stack,
            admin,
            ci,
            reader,
            foreign,
        }
    }

    async fn ask(&self, key: &str, wish: &Value) -> gateway::Answer {
        let credential = format!("Bearer {key}");
        self.send(&[("authorization", &credential)], "/sessions", wish)
            .await
    }

    async fn send(&self, lines: &[(&str, &str)], path: &str, wish: &Value) -> gateway::Answer {
        let lines = [lines, &[("aldgate-origin", "http://acme.test:8080")]].concat();
        self.send_at(&lines, path, wish).await
    }

    async fn send_at(&self, lines: &[(&str, &str)], path: &str, wish: &Value) -> gateway::Answer {
        let node = self.stack.sign("spiffe://aldgate/pool/default/node/gw-1");
        let more = [
            ("aldgate-peer", "192.0.2.7:4711"),
            ("content-type", "application/json"),
        ];
        let lines = [lines, &more].concat();
        gateway::send(&self.stack, Some(&node), path, &lines, &wish.to_string())
            .await
            .unwrap()
    }

    async fn disable(&self, key: &str) {
        let request = v1::UpdateKeyRequest {
            key: Some(v1::Key {
                name: format!("tenants/acme/keys/{key}"),
                disabled: true,
                ..v1::Key::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["disabled".to_owned()],
            }),
        };
        let mut keys = KeyServiceClient::new(self.admin.channel.clone());
        keys.update_key(self.admin.call(request)).await.unwrap();
    }

    /// What a token says, opened as a node opens it.
    async fn opened(&self, text: &str) -> SessionToken {
        let secrets = self.secrets().await;
        let tenant = secrets.tenant_uid.parse().unwrap();
        let kid = session::kid_of(text).unwrap();
        let key = secrets.session_keys.iter().find(|key| key.kid == kid);
        let key: [u8; 32] = key.unwrap().key.as_ref().try_into().unwrap();
        session::open(text, tenant, &SessionCipher::new(kid, &key)).unwrap()
    }

    /// The keys that a node gets for the tenant `acme`.
    async fn secrets(&self) -> TenantSecrets {
        let get = v1::GetTenantRequest {
            name: "tenants/acme".to_owned(),
        };
        let mut tenants =
            v1::tenant_service_client::TenantServiceClient::new(self.admin.channel.clone());
        let tenant = tenants.get_tenant(self.admin.call(get)).await.unwrap();
        let uid = tenant.into_inner().tenant.unwrap().uid;
        let mut leases = LeaseServiceClient::new(self.stack.node_channel().await);
        let hello = WatchLeasesRequest {
            node_id: "gw-1".to_owned(),
        };
        let mut news = leases.watch_leases(hello).await.unwrap().into_inner();
        loop {
            let next = news.message().await.unwrap().unwrap();
            if let Some(News::TenantSecrets(secrets)) = next.kind
                && secrets.tenant_uid == uid
            {
                return secrets;
            }
        }
    }
}
