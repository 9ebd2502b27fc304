//! Clients that are known by a document of theirs.

use std::io::ErrorKind;

use serde_json::json;
use tokio::net::TcpListener;

use super::*;

/// CIMD-2, CIMD-5, CIMD-6, A24, A26: a document makes a client as long as it says what it must.
#[tokio::test]
async fn a_document_makes_a_client() {
    let world = World::start().await;
    let mut host = Host::start(&world.stack).await;
    let id = host.url("/client.json");
    let document = |id: &str| json!({"client_id": id, "client_name": "App", "redirect_uris": ["http://127.0.0.1/cb"]});
    host.put("/client.json", &document(&id));
    assert_eq!(known(&world, &id).await, 200);
    assert_eq!(known(&world, &id).await, 200);
    assert_eq!(host.asked(), 1, "it is fresh");
    let wrong = host.url("/wrong.json");
    host.put("/wrong.json", &document(&id));
    assert_eq!(known(&world, &wrong).await, 401);
    assert_eq!(known(&world, &host.url("/missing.json")).await, 401);
    let asked = host.asked();
    assert_eq!(known(&world, &wrong).await, 401);
    assert_eq!(host.asked(), asked, "a failure is not repeated at once");
    for id in [
        "http://localhost/client.json",
        "https://127.0.0.1/client.json",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/client.json",
        "https://localhost:22/client.json",
        "https://acme.test:8080/client.json",
    ] {
        assert_eq!(known(&world, id).await, 401, "{id}");
    }
    assert!(
        world.list().await.is_empty(),
        "nobody has allowed it anything"
    );
    host.stop().await;
    assert_eq!(known(&world, &id).await, 200, "it is fresh still");

    let policy = |policy: DocumentPolicy| OauthSettings {
        client_documents: policy.into(),
        ..OauthSettings::default()
    };
    let claude = "https://claude.ai/oauth/claude-code-client-metadata";
    for (chosen, other, well_known) in [
        (DocumentPolicy::Known, 401, 200),
        (DocumentPolicy::Off, 401, 401),
        (DocumentPolicy::Any, 200, 200),
    ] {
        world.set(Some(policy(chosen))).await.unwrap();
        assert_eq!(known(&world, &id).await, other, "{chosen:?}");
        // There is no way out of here: it is what we ship.
        assert_eq!(known(&world, claude).await, well_known, "{chosen:?}");
    }
}

/// A24, A27: networks that are allowed for servers are not called for what clients publish, whose
/// addresses anybody can name.
#[tokio::test]
async fn a_network_that_is_allowed_for_servers_is_not_called_for_documents() {
    let world = World::on(Stack::start_with_documents("").await).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let id = format!("https://localhost:{port}/client.json");
    assert_eq!(known(&world, &id).await, 401);
    let asked = format!("GET /authorize?client_id={}", encoded(&id));
    assert_eq!(world.ask(ISSUER, &asked, &[], "").await.status, 400);
    let key = Key::generate();
    let signs = v1::Client {
        redirect_uris: vec!["https://app.test/cb".to_owned()],
        token_endpoint_auth_method: "private_key_jwt".to_owned(),
        jwks_uri: format!("https://localhost:{port}/jwks.json"),
        ..v1::Client::default()
    };
    let made = world.create("signs", signs).await.unwrap();
    let signs = made.client.unwrap().client_id;
    let claims = json!({"iss": signs, "sub": signs, "aud": ISSUER, "exp": now() + 60, "jti": "1"});
    let assertion = asserted(&key.sign(&json!({}), &claims));
    let form = format!("&client_id={signs}{assertion}");
    assert_eq!(world.introspect("", &form).await.status, 401);
    let called = listener.accept().map_err(|error| error.kind());
    assert_eq!(called.unwrap_err(), ErrorKind::WouldBlock, "it was called");
    // Servers may be there.
    let url = format!("http://localhost:{port}/mcp");
    assert!(world.admin.server_at("acme", "inner", &url).await.is_ok());

    // And documents where the operator says so.
    let world = World::on(Stack::start_with_documents("127.0.0.0/8").await).await;
    let host = Host::start(&world.stack).await;
    let id = host.url("/client.json");
    let document =
        json!({"client_id": id, "client_name": "App", "redirect_uris": ["http://127.0.0.1/cb"]});
    host.put("/client.json", &document);
    assert_eq!(known(&world, &id).await, 200);
}

/// A24: what is told of a fetch that failed tells nothing of what is there.
#[tokio::test]
async fn every_fetch_that_fails_is_answered_alike() {
    let world = World::start().await;
    let host = Host::start(&world.stack).await;
    host.put_text("/html", "text/html", "{}");
    host.put_text("/large", "application/json", &" ".repeat(6 << 10));
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (no_tls, refused) = (port(&plain), port(&closed));
    drop(closed);
    let mut hang_up = JoinSet::new();
    hang_up.spawn(async move {
        loop {
            drop(plain.accept().await);
        }
    });
    let mut told = Vec::new();
    for id in [
        host.url("/missing"),
        host.url("/html"),
        host.url("/large"),
        format!("https://localhost:{no_tls}/client.json"),
        format!("https://localhost:{refused}/client.json"),
        "https://localhost:5432/client.json".to_owned(),
        "https://nobody.invalid/client.json".to_owned(),
    ] {
        let id = encoded(&id);
        let program = world.revoke(&format!("&client_id={id}")).await;
        let asked = format!("GET /authorize?client_id={id}");
        let page = world.ask(ISSUER, &asked, &[], "").await;
        told.push((program.status, program.text, page.status, page.text));
    }
    let first = &told[0];
    assert!(first.1.contains("cannot be fetched"), "{}", first.1);
    assert!(first.3.contains("could not be fetched"), "{}", first.3);
    assert!(told.iter().all(|one| one == first), "{told:#?}");
}

/// A28, CIMD-6, A27: keys at the document's own host.
#[tokio::test]
async fn a_document_client_signs_with_keys_from_its_host() {
    let world = World::start().await;
    let host = Host::start(&world.stack).await;
    let (id, key) = (host.url("/client.json"), Key::generate());
    host.put(
        "/client.json",
        &json!({
            "client_id": id,
            "client_name": "App",
            "redirect_uris": ["https://app.test/cb"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": host.url("/jwks.json"),
        }),
    );
    host.put("/jwks.json", &key.set());
    let claims =
        |jti: &str| json!({"iss": id, "sub": id, "aud": ISSUER, "exp": now() + 60, "jti": jti});
    let send = async |assertion: &str| {
        let form = format!("&client_id={id}{}", asserted(assertion));
        world.revoke(&form).await.status
    };
    let good = key.sign(&json!({}), &claims("1"));
    assert_eq!(send(&good).await, 200);
    assert_eq!(send(&good).await, 401);
    assert_eq!(
        send(&Key::generate().sign(&json!({}), &claims("2"))).await,
        401
    );
    assert_eq!(known(&world, &id).await, 401, "no downgrade");
}
