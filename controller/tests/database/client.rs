//! Clients that operators register, and how clients prove who they are.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proto::{
    access::v1::{OauthSettings, RoleScope},
    admin::v1,
};
use serde_json::json;

pub(crate) use self::world::{ISSUER, Key, World, asserted, now};
use crate::support::{postgres::dump, told};

/// What the tests talk to.
mod world;

/// S4-35: registered, shown, changed, given another secret, removed; each is recorded, and the secret
/// is nowhere but in the answer.
#[tokio::test]
async fn an_operator_keeps_clients() {
    let world = World::start().await;
    let made = world.create(
        "ci",
        v1::Client {
            grant_types: vec!["client_credentials".to_owned()],
            roles: vec!["deployer".to_owned()],
            ..v1::Client::default()
        },
    );
    let made = made.await.unwrap();
    let (client, secret) = (made.client.unwrap(), made.client_secret);
    assert_eq!(client.name, "tenants/acme/clients/ci");
    assert_eq!(client.token_endpoint_auth_method, "client_secret_basic");
    assert!(
        client
            .client_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    );
    assert!(secret.starts_with("aldcs") && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let tables = dump(&world.stack.postgres.address("root"));
    assert!(!tables.contains(&secret) && !world.stack.log().contains(&secret));

    let mut change = client.clone();
    change.display_name = "CI".to_owned();
    change.roles.clear();
    let changed = world
        .update(change, &["display_name", "roles"])
        .await
        .unwrap();
    assert_eq!(
        (changed.display_name.as_str(), changed.roles.len()),
        ("CI", 0)
    );
    assert_ne!(changed.etag, client.etag);
    assert_eq!(world.revocations().await, 1);
    let stale = world.update(client.clone(), &["display_name"]).await;
    assert_eq!(told(&stale.unwrap_err()).0, "ETAG_MISMATCH");

    assert_eq!(
        world
            .introspect(&basic(&client.client_id, &secret), "")
            .await
            .status,
        200
    );
    let rotated = world.rotate("ci").await.unwrap();
    assert_ne!(rotated.client_secret, secret);
    assert_eq!(
        world
            .introspect(&basic(&client.client_id, &secret), "")
            .await
            .status,
        401
    );
    let line = basic(&client.client_id, &rotated.client_secret);
    assert_eq!(world.introspect(&line, "").await.status, 200);

    let listed = world.list().await;
    assert_eq!(listed.len(), 1);
    let deleted = world.delete("ci").await.unwrap();
    assert!(deleted.revocation > 0);
    assert_eq!(world.introspect(&line, "").await.status, 401);
    assert!(world.list().await.is_empty());
}

/// S4-35.
#[tokio::test]
async fn each_field_of_a_client_that_is_at_fault_is_named() {
    let world = World::start().await;
    let redirects = |uris: &[&str]| v1::Client {
        redirect_uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
        ..v1::Client::default()
    };
    let good = redirects(&[
        "https://app.test/cb",
        "http://localhost/cb",
        "https://localhost/cb",
    ]);
    assert!(world.create("good", good.clone()).await.is_ok());
    for (client, field) in [
        (redirects(&[]), "client.redirect_uris"),
        (
            redirects(&["http://app.test/cb"]),
            "client.redirect_uris[0]",
        ),
        (
            redirects(&["https://app.test/cb", "javascript:x"]),
            "client.redirect_uris[1]",
        ),
        (
            v1::Client {
                grant_types: vec!["password".into()],
                ..good.clone()
            },
            "client.grant_types[0]",
        ),
        (
            v1::Client {
                token_endpoint_auth_method: "x".into(),
                ..good.clone()
            },
            "client.token_endpoint_auth_method",
        ),
        (
            v1::Client {
                token_endpoint_auth_method: "private_key_jwt".into(),
                ..good.clone()
            },
            "client.jwks",
        ),
        (
            v1::Client {
                jwks_uri: "https://app.test/jwks".into(),
                ..good.clone()
            },
            "client.jwks",
        ),
        (
            v1::Client {
                token_endpoint_auth_method: "none".into(),
                grant_types: vec!["client_credentials".into()],
                ..good.clone()
            },
            "client.token_endpoint_auth_method",
        ),
        (
            v1::Client {
                trust: v1::ClientTrust::Trusted.into(),
                ..good.clone()
            },
            "client.trust",
        ),
        (
            v1::Client {
                roles: vec![String::new()],
                ..good.clone()
            },
            "client.roles[0]",
        ),
    ] {
        let refused = world.create("bad", client).await.unwrap_err();
        assert_eq!(told(&refused).1, [field]);
    }
    let own = world.create("aldgate-cli", good.clone()).await.unwrap_err();
    assert_eq!(told(&own).1, ["client_id"]);
    assert!(world.create("good", good).await.is_err());
}

/// TOK-4, TOK-7, TOK-8, A20, A28.
#[tokio::test]
async fn a_client_proves_who_it_is_in_the_way_it_is_registered_with() {
    let world = World::start().await;
    let make = async |slug: &str, method: &str| {
        let client = v1::Client {
            redirect_uris: vec!["https://app.test/cb".to_owned()],
            token_endpoint_auth_method: method.to_owned(),
            ..v1::Client::default()
        };
        let made = world.create(slug, client).await.unwrap();
        (made.client.unwrap().client_id, made.client_secret)
    };
    let (id, secret) = make("either", "").await;
    let post = |id: &str, secret: &str| format!("&client_id={id}&client_secret={secret}");
    assert_eq!(world.introspect(&basic(&id, &secret), "").await.status, 200);
    assert_eq!(world.introspect("", &post(&id, &secret)).await.status, 200);
    let encoded = basic(&id.replace('-', "%2D"), &secret.replace('a', "%61"));
    assert_eq!(world.introspect(&encoded, "").await.status, 200);
    let wrong = world.introspect(&basic(&id, "wrong"), "").await;
    assert_eq!(
        (wrong.status, &wrong.body["error"]),
        (401, &json!("invalid_client"))
    );
    assert_eq!(
        wrong.header("www-authenticate"),
        Some(r#"Basic realm="aldgate""#)
    );
    assert_eq!(wrong.header("cache-control"), Some("no-store"));
    let unknown = world.introspect("", &post("client-none", &secret)).await;
    assert_eq!(
        (unknown.status, unknown.header("www-authenticate")),
        (401, None)
    );
    assert_eq!(
        unknown.body,
        world.introspect("", &post(&id, "wrong")).await.body
    );
    let both = world
        .introspect(&basic(&id, &secret), &post(&id, &secret))
        .await;
    assert_eq!(
        (both.status, &both.body["error"]),
        (400, &json!("invalid_request"))
    );
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 401);

    let (id, secret) = make("posts", "client_secret_post").await;
    assert_eq!(world.introspect("", &post(&id, &secret)).await.status, 200);
    assert_eq!(world.introspect(&basic(&id, &secret), "").await.status, 401);
    let (id, secret) = make("public", "none").await;
    assert_eq!(secret, "");
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 200);
    assert_eq!(world.revoke(&post(&id, "x")).await.status, 401);

    let blocked = v1::Client {
        name: "tenants/acme/clients/public".to_owned(),
        trust: v1::ClientTrust::Blocked.into(),
        ..v1::Client::default()
    };
    world.update(blocked, &["trust"]).await.unwrap();
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 401);
    assert_eq!(world.revocations().await, 1);
}

/// A zero byte, which the database does not take, is the caller's mistake wherever it stands.
#[tokio::test]
async fn a_zero_byte_is_refused_and_not_asked_about() {
    let world = World::start().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for path in ["/token", "/revoke", "/introspect", "/device_authorization"] {
        for body in ["client_id=%00", "client_id=a&token=%00&code=%00", "%00=a"] {
            let refused = world.post(path, &form, body).await;
            assert_eq!(refused.status, 400, "{path} {body}: {}", refused.text);
            assert_eq!(refused.body["error"], "invalid_request", "{path} {body}");
        }
        for (id, status) in [("a\0", 400), ("a%00", 400), ("a", 401)] {
            let basic = basic(id, "x");
            let lines = [form[0], ("authorization", basic.as_str())];
            let refused = world
                .post(path, &lines, "token=x&grant_type=refresh_token")
                .await;
            assert_eq!(refused.status, status, "{path} {id:?}: {}", refused.text);
        }
    }
    let key = Key::generate();
    let assertion = key.sign(&json!({}), &json!({"iss": "a\0", "sub": "a\0", "jti": "1"}));
    let refused = world.introspect("", &asserted(&assertion)).await;
    assert_eq!(refused.status, 401, "{}", refused.text);
    let mut app = json!({
        "client_name": "App", "redirect_uris": ["https://app.test/cb"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": key.set(),
    });
    let json = [("content-type", "application/json")];
    let good = world.post("/register", &json, &app.to_string()).await;
    assert_eq!(good.status, 201, "{}", good.text);
    app["jwks"]["keys"][0]["x5u"] = json!("a\0");
    let refused = world.post("/register", &json, &app.to_string()).await;
    assert_eq!(
        (refused.status, &refused.body["error"]),
        (400, &json!("invalid_client_metadata"))
    );
    assert!(!world.stack.log().contains("failed inside"));
}

/// A28: an assertion is good once, for us, from the client alone, and not for long.
#[tokio::test]
async fn an_assertion_proves_who_a_client_is_once() {
    let world = World::start().await;
    let (key, other) = (Key::generate(), Key::generate());
    let client = v1::Client {
        redirect_uris: vec!["https://app.test/cb".to_owned()],
        token_endpoint_auth_method: "private_key_jwt".to_owned(),
        jwks: key.set().to_string(),
        ..v1::Client::default()
    };
    let made = world.create("signs", client).await.unwrap();
    assert_eq!(made.client_secret, "");
    let id = made.client.unwrap().client_id;
    let send = async |assertion: &str| {
        let form = format!("&client_id={id}{}", asserted(assertion));
        world.introspect("", &form).await.status
    };
    let claims =
        |jti: &str| json!({"iss": id, "sub": id, "aud": ISSUER, "exp": now() + 300, "jti": jti});
    let good = key.sign(&json!({}), &claims("1"));
    assert_eq!(send(&good).await, 200);
    assert_eq!(send(&good).await, 401, "a second time");
    // By the clock of a controller that is ahead it has expired; here it has not.
    world.spent("30 s").await;
    assert_eq!(send(&good).await, 401, "a second time, by two clocks");
    world.spent("61 s").await;
    assert_eq!(send(&good).await, 200, "nobody remembers it");
    for (at, aud) in [
        json!(format!("{ISSUER}/token")),
        json!(format!("{ISSUER}/")),
        json!([ISSUER, "https://other.test"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut other_name = claims(&format!("aud-{at}"));
        other_name["aud"] = aud.clone();
        assert_eq!(send(&key.sign(&json!({}), &other_name)).await, 200, "{aud}");
    }
    // It may be the only thing that says who it is.
    let alone = asserted(&key.sign(&json!({}), &claims("alone")));
    assert_eq!(world.introspect("", &alone).await.status, 200);
    for (at, (member, value)) in [
        ("iss", json!("client-other")),
        ("sub", json!("client-other")),
        ("aud", json!("http://b.test:8080")),
        ("aud", json!("http://b.test:8080/token")),
        ("exp", json!(now() - 120)),
        ("exp", json!(now() + 365 * 86400)),
        ("exp", json!(now() + 1200)),
        ("exp", json!(null)),
        ("jti", json!(null)),
        ("jti", json!("")),
        ("nbf", json!(now() + 600)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bad = claims(&format!("bad-{at}"));
        bad[member] = value.clone();
        assert_eq!(
            send(&key.sign(&json!({}), &bad)).await,
            401,
            "{member}: {value}"
        );
    }
    assert_eq!(
        send(&other.sign(&json!({}), &claims("2"))).await,
        401,
        "another key"
    );
    let unsigned = key.sign(&json!({"alg": "none"}), &claims("3"));
    assert_eq!(send(&unsigned).await, 401);
    assert_eq!(
        send(&key.sign(&json!({"alg": "HS256"}), &claims("4"))).await,
        401
    );
    assert_eq!(send("x").await, 401);
    // No downgrade.
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 401);
    assert_eq!(world.introspect(&basic(&id, "x"), "").await.status, 401);
    assert_eq!(send(&key.sign(&json!({}), &claims("5"))).await, 200);
}

/// S4-32: settings are checked field by field, and hold from then on.
#[tokio::test]
async fn an_operator_says_how_the_authorization_server_behaves() {
    let world = World::start().await;
    let settings = OauthSettings {
        no_dynamic_registration: true,
        scopes: vec![RoleScope {
            name: "deploy".to_owned(),
            description: "Deploy".to_owned(),
            roles: vec!["deployer".to_owned()],
        }],
        ..OauthSettings::default()
    };
    assert_eq!(world.post("/register", &[], "{}").await.status, 400);
    let set = world.set(Some(settings.clone())).await.unwrap();
    assert!(set.revision > 0);
    let shown = set.oauth_settings.unwrap();
    assert_eq!(shown.issuer, ISSUER);
    let metadata = world.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.body.get("registration_endpoint"), None);
    assert_eq!(
        metadata.body["scopes_supported"],
        json!(["mcp", "mcp:read", "deploy", "offline_access"])
    );
    let off = world.post("/register", &[], "{}").await;
    assert_eq!((off.status, off.body["error"].is_string()), (404, true));

    let mut bad = settings;
    bad.scopes[0].name = "mcp:write".to_owned();
    let refused = world.set(Some(bad)).await.unwrap_err();
    assert_eq!(told(&refused).1, ["oauth_settings.settings.scopes[0].name"]);
    let name = "tenants/acme/oauthSettings".to_owned();
    let request = world.admin.call(v1::GetOauthSettingsRequest { name });
    let read = world.oauth().get_oauth_settings(request).await.unwrap();
    assert_eq!(read.into_inner().oauth_settings.unwrap(), shown);
    world.set(None).await.unwrap();
    assert_eq!(world.post("/register", &[], "{}").await.status, 400);
}

/// ASM-1, ASM-2, ASM-6, A11, A45: under the issuer alone, by GET and HEAD, whatever the query.
#[tokio::test]
async fn metadata_is_there_under_the_issuer_alone() {
    let world = World::start().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let found = world.get(path).await;
        assert_eq!((found.status, &found.body["issuer"]), (200, &json!(ISSUER)));
        assert_eq!(found.header("content-type"), Some("application/json"));
        assert_eq!(found.header("cache-control"), Some("public, max-age=300"));
        assert!(!found.text.contains("null"));
        assert_eq!(
            world
                .get(&format!("{path}?issuer=https://evil.test"))
                .await
                .text,
            found.text
        );
        let head = world.ask(ISSUER, &format!("HEAD {path}"), &[], "").await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        let alias = world
            .ask("http://alias.test:8080", &format!("GET {path}"), &[], "")
            .await;
        assert_eq!((alias.status, alias.body["error"].is_string()), (404, true));
        let shared = world
            .ask("http://gw.test/t/acme", &format!("GET {path}"), &[], "")
            .await;
        assert_eq!(shared.body["issuer"], "http://gw.test/t/acme");
        let nobody = world
            .ask("http://none.test", &format!("GET {path}"), &[], "")
            .await;
        assert_eq!(nobody.status, 404);
    }
    assert_eq!(world.get("/.well-known/other").await.status, 404);
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}
