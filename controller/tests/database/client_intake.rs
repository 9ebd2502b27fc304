//! Clients that register themselves, or bring a document.

use controller::store::{Author, Store, sweep::Dust};
use proto::{
    access::v1::{DocumentPolicy, OauthSettings},
    admin::v1,
};
use runtime::clock::Clock;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinSet;

use crate::{
    client::{ISSUER, Key, World, asserted, now},
    support::{Stack, gateway::Answer, host::Host, told},
};

/// Clients by document.
mod documents;

/// DCR-1, DCR-2, DCR-3, DCR-7, OA-10: what is registered works, and those alike are one.
#[tokio::test]
async fn a_program_registers_itself() {
    let world = World::start().await;
    let cursor = |port: u16| {
        json!({
            "client_name": "Cursor",
            "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback",
                "javascript:alert(1)", format!("http://localhost:{port}/callback")],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        })
    };
    let first = register(&world, &cursor(8787)).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let uris = json!([
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "http://localhost:8787/callback"
    ]);
    assert_eq!(first.body["redirect_uris"], uris);
    assert!(!first.text.contains("null") && !first.text.contains("secret_"));
    let id = first.body["client_id"].as_str().unwrap();
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 200);
    let again = register(&world, &cursor(18787)).await;
    assert_eq!(
        (again.status, &again.body["client_id"]),
        (201, &first.body["client_id"])
    );
    assert_eq!(world.list().await.len(), 1);

    let secret = json!({"client_name": "py", "redirect_uris": ["http://localhost:1/cb"]});
    let (one, two) = (
        register(&world, &secret).await,
        register(&world, &secret).await,
    );
    assert_ne!(one.body["client_id"], two.body["client_id"]);
    assert_eq!(one.body["client_secret_expires_at"], 0);
    let (id, text) = (&one.body["client_id"], &one.body["client_secret"]);
    let form = format!(
        "&client_id={}&client_secret={}",
        id.as_str().unwrap(),
        text.as_str().unwrap()
    );
    assert_eq!(world.introspect("", &form).await.status, 200);
    assert_eq!(
        world
            .introspect("", &form.replace("aldcs", "aldcS"))
            .await
            .status,
        401
    );

    for body in ["", "x", "[]", "{}", r#"{"redirect_uris":["data:x"]}"#] {
        let refused = world.post("/register", &[], body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(
            refused.body["error"]
                .as_str()
                .unwrap()
                .starts_with("invalid_")
        );
    }
    let large = format!(r#"{{"client_name":"{}"}}"#, "x".repeat(65 << 10));
    assert_eq!(world.post("/register", &[], &large).await.status, 413);
    assert_eq!(world.get("/register").await.status, 405);
}

/// A23, must-hold 8: a flood from one network stops itself, fills nothing and locks nobody out.
#[tokio::test]
async fn a_flood_of_registrations_stops_itself() {
    let world = World::start().await;
    let app = |name: &str| {
        json!({"client_name": name, "redirect_uris": ["https://app.test/cb"],
            "token_endpoint_auth_method": "none"})
    };
    let known = register(&world, &app("known")).await.body["client_id"].clone();
    let from = async |peer: &str, body: Value| {
        let lines = [("aldgate-peer", peer), ("content-type", "application/json")];
        world.post("/register", &lines, &body.to_string()).await
    };
    let mut made = 0;
    let slow = loop {
        let answer = from("198.51.100.1:1", app(&format!("flood {made}"))).await;
        if answer.status != 201 {
            break answer;
        }
        made += 1;
        assert!(made < 200, "nothing stops it");
    };
    assert!(made >= 60, "{made}");
    assert_eq!(slow.status, 429);
    assert!(slow.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert!(slow.body["error"].is_string());
    // Whoever is known costs nothing, and others have their own budget.
    let again = from("198.51.100.1:2", app("known")).await;
    assert_eq!((again.status, &again.body["client_id"]), (201, &known));
    assert_eq!(from("203.0.113.9:1", app("legitimate")).await.status, 201);
    assert_eq!(
        from("[2001:db8::1]:1", app("legitimate 6")).await.status,
        201
    );
}

/// A23: of those that nobody ever allowed anything there are 10,000; the oldest make room, those that
/// somebody allowed something never do.
#[tokio::test]
async fn clients_that_nobody_uses_make_room() {
    let world = World::start().await;
    let app = |name: &str| {
        json!({"client_name": name, "redirect_uris": ["https://app.test/cb"],
            "token_endpoint_auth_method": "none"})
    };
    let kept = register(&world, &app("kept")).await.body["client_id"].clone();
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    for statement in [
        "UPDATE oauth_clients SET granted_at = now() - interval '9 days', updated_at = now() - interval '9 days'",
        "INSERT INTO oauth_clients (tenant_id, client_uid, slug, client_id, registration)
         SELECT tenant_id, gen_random_uuid(), 'x' || n, 'x' || n, 'dynamic'
         FROM tenants, generate_series(1, 10000) n",
    ] {
        sqlx::query(statement).execute(&mut sql).await.unwrap();
    }
    let full = register(&world, &app("one more")).await;
    assert_eq!(full.status, 429, "{}", full.text);
    assert_eq!(register(&world, &app("kept")).await.body["client_id"], kept);
    sqlx::query(
        "UPDATE oauth_clients SET updated_at = now() - interval '2 hours' WHERE slug LIKE 'x1%'",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    assert_eq!(register(&world, &app("one more")).await.status, 201);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM oauth_clients")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(count, 10_002 - 100);
    assert_eq!(register(&world, &app("kept")).await.body["client_id"], kept);

    // Those that are blocked stay, and take up nobody's room.
    for statement in [
        "UPDATE oauth_clients SET trust = 'blocked' WHERE slug LIKE 'x%'",
        "INSERT INTO oauth_clients (tenant_id, client_uid, slug, client_id, registration, trust)
         SELECT tenant_id, gen_random_uuid(), 'y' || n, 'y' || n, 'dynamic', 'blocked'
         FROM tenants, generate_series(1, 200) n",
    ] {
        sqlx::query(statement).execute(&mut sql).await.unwrap();
    }
    assert_eq!(register(&world, &app("two more")).await.status, 201);
    let blocked = "SELECT count(*) FROM oauth_clients WHERE trust = 'blocked'";
    let blocked: i64 = sqlx::query_scalar(blocked)
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(blocked, 10_100);
}

/// A23: to register again, and stay longer by it, costs what a new row costs.
#[tokio::test]
async fn to_be_forgotten_later_is_paid_for() {
    let world = World::start().await;
    let app = |name: &str| {
        json!({"client_name": name, "redirect_uris": ["https://app.test/cb"],
            "token_endpoint_auth_method": "none"})
    };
    let from = async |peer: &str, name: &str| {
        let lines = [("aldgate-peer", peer), ("content-type", "application/json")];
        world
            .post("/register", &lines, &app(name).to_string())
            .await
    };
    let known = from("203.0.113.9:1", "known").await.body["client_id"].clone();
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let age = "UPDATE oauth_clients SET updated_at = now() - interval '10 min'";
    sqlx::query(age).execute(&mut sql).await.unwrap();
    let mut made = 0;
    while from("198.51.100.1:1", &format!("flood {made}"))
        .await
        .status
        == 201
    {
        made += 1;
        assert!(made < 200, "nothing stops it");
    }
    let young = "SELECT updated_at > now() - interval '5 min' FROM oauth_clients
                 WHERE display_name = 'known'";
    for (peer, renewed) in [("198.51.100.1:1", false), ("203.0.113.9:1", true)] {
        let again = from(peer, "known").await;
        assert_eq!((again.status, &again.body["client_id"]), (201, &known));
        let young: bool = sqlx::query_scalar(young).fetch_one(&mut sql).await.unwrap();
        assert_eq!(young, renewed, "{peer}");
    }
}

/// A23: for a device code the client of a document gets a row. It is paid for like one that registers,
/// and there must be room.
#[tokio::test]
async fn a_device_code_for_a_document_costs_what_a_registration_costs() {
    let world = World::start().await;
    let host = Host::start(&world.stack).await;
    let ask = async |peer: &str, path: &str| {
        let id = host.url(path);
        let document = json!({
            "client_id": id, "client_name": "App", "redirect_uris": ["http://127.0.0.1/cb"],
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
        });
        host.put(path, &document);
        let form = format!("client_id={}", encoded(&id));
        let content_type = ("content-type", "application/x-www-form-urlencoded");
        let lines = [("aldgate-peer", peer), content_type];
        world.post("/device_authorization", &lines, &form).await
    };
    let first = ask("198.51.100.1:1", "/first").await;
    assert_eq!(first.status, 200, "{}", first.text);
    let mut made = 0;
    loop {
        let app = json!({"client_name": format!("flood {made}"), "token_endpoint_auth_method": "none",
            "redirect_uris": ["https://app.test/cb"]});
        let peer = ("aldgate-peer", "198.51.100.1:1");
        let answer = world.post("/register", &[peer], &app.to_string()).await;
        if answer.status == 429 {
            break;
        }
        made += 1;
        assert!(made < 200, "nothing stops it");
    }
    let slow = ask("198.51.100.1:1", "/second").await;
    assert_eq!(slow.status, 429, "{}", slow.text);
    assert!(slow.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    // Who has a row, who is elsewhere and who is ours go on.
    assert_eq!(ask("198.51.100.1:1", "/first").await.status, 200);
    assert_eq!(ask("203.0.113.9:1", "/second").await.status, 200);

    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let fill = "INSERT INTO oauth_clients (tenant_id, client_uid, slug, client_id, registration)
                SELECT tenant_id, gen_random_uuid(), 'x' || n, 'x' || n, 'dynamic'
                FROM tenants, generate_series(1, 10000) n";
    sqlx::query(fill).execute(&mut sql).await.unwrap();
    assert_eq!(ask("203.0.113.9:1", "/third").await.status, 429);
    assert_eq!(ask("203.0.113.9:1", "/second").await.status, 200);
}

/// Clients that nobody ever allowed anything are forgotten after a month, and no others.
#[tokio::test]
async fn clients_that_were_never_allowed_anything_end() {
    let world = World::start().await;
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    for (slug, registration, trust, granted, days) in [
        ("old", "dynamic", "ask", false, 31),
        ("old-document", "document", "ask", false, 31),
        ("young", "dynamic", "ask", false, 29),
        ("allowed", "dynamic", "ask", true, 400),
        ("registered", "manual", "ask", false, 400),
        ("blocked", "dynamic", "blocked", false, 400),
        ("trusted", "document", "trusted", false, 400),
    ] {
        sqlx::query(
            "INSERT INTO oauth_clients (
                 tenant_id, client_uid, slug, client_id, registration, trust, granted_at, updated_at
             )
             SELECT tenant_id, gen_random_uuid(), $1, $1, $2, $3,
                    CASE WHEN $4 THEN now() END, now() - make_interval(days => $5)
             FROM tenants",
        )
        .bind(slug)
        .bind(registration)
        .bind(trust)
        .bind(granted)
        .bind(days)
        .execute(&mut sql)
        .await
        .unwrap();
    }
    let address = world.stack.postgres.address("aldgate_app");
    let pool = PgPool::connect(&address).await.unwrap();
    let store = Store::new(pool, Clock::system());
    let mut tx = store.platform(Author::task("test")).await.unwrap();
    assert_eq!(tx.sweep(Dust::Clients, 100).await.unwrap(), 2);
    tx.commit_unrecorded().await.unwrap();
    let left = sqlx::query_scalar("SELECT slug FROM oauth_clients ORDER BY slug");
    let left: Vec<String> = left.fetch_all(&mut sql).await.unwrap();
    let kept = ["allowed", "blocked", "registered", "trusted", "young"];
    assert_eq!(left, kept);
}

/// S4-35: of a client that no operator registered, trust alone is the operator's.
#[tokio::test]
async fn a_registered_program_can_be_blocked_and_not_changed() {
    let world = World::start().await;
    let app = json!({"client_name": "App", "redirect_uris": ["https://app.test/cb"],
        "token_endpoint_auth_method": "none"});
    let id = register(&world, &app).await.body["client_id"].clone();
    let mut client = world.list().await.remove(0);
    assert_eq!(client.registration(), v1::ClientRegistration::Dynamic);
    let refused = world.update(client.clone(), &["display_name"]).await;
    assert_eq!(told(&refused.unwrap_err()).1, ["update_mask"]);
    client.set_trust(v1::ClientTrust::Trusted);
    let refused = world.update(client.clone(), &["trust"]).await;
    assert_eq!(told(&refused.unwrap_err()).1, ["client.trust"]);
    let form = format!("&client_id={}", id.as_str().unwrap());
    assert_eq!(world.revoke(&form).await.status, 200);
    client.set_trust(v1::ClientTrust::Blocked);
    world.update(client.clone(), &["trust"]).await.unwrap();
    assert_eq!(world.revoke(&form).await.status, 401);
    // To register again leads to the same row.
    assert_eq!(register(&world, &app).await.body["client_id"], id);
    assert_eq!(world.revoke(&form).await.status, 401);
    client.etag.clear();
    client.set_trust(v1::ClientTrust::Ask);
    world.update(client, &["trust"]).await.unwrap();
    assert_eq!(world.revoke(&form).await.status, 200);
}

async fn register(world: &World, body: &Value) -> Answer {
    let lines = [("content-type", "application/json")];
    world.post("/register", &lines, &body.to_string()).await
}

/// Whether a public client of this id is known: 200, or 401.
async fn known(world: &World, id: &str) -> u16 {
    let form = format!("&client_id={}", encoded(id));
    world.revoke(&form).await.status
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
