//! What clients find before they have a token.

use std::sync::Arc;

use gateway::config::snapshot::{ApiKeyHeader, Authenticator, Authenticators};
use serde_json::{Value, json};

use super::{Setup, opened, tokens::Issuer};
use crate::{
    client::{Post, Reply},
    world::{HOST_A, SHARED, World},
};

const OWN: &str = "/.well-known/oauth-protected-resource";

/// PRM-1 to PRM-5, PRM-7, A45, S3-13: the URL as it was typed, whether or not there is such a server.
#[tokio::test]
async fn metadata_repeats_the_url_that_was_typed() {
    let (world, _) = opened().await;
    let server = |path: &str| format!("https://a.test{path}");
    for (host, path, resource, issuer) in [
        (HOST_A, OWN.to_owned(), server("/"), server("")),
        (HOST_A, format!("{OWN}/mcp"), server("/mcp"), server("")),
        (
            HOST_A,
            format!("{OWN}/mcp/s1"),
            server("/mcp/s1"),
            server(""),
        ),
        (
            HOST_A,
            format!("{OWN}/mcp/ghost?x=1"),
            server("/mcp/ghost"),
            server(""),
        ),
        (
            "A.test:443",
            format!("{OWN}/mcp/s1"),
            server("/mcp/s1"),
            server(""),
        ),
        (
            "a.test:8081",
            format!("{OWN}/mcp/s1"),
            "http://a.test:8081/mcp/s1".into(),
            server(""),
        ),
        (
            SHARED,
            format!("{OWN}/t/a/mcp/s1"),
            "https://gw.test/t/a/mcp/s1".into(),
            "https://gw.test/t/a".into(),
        ),
        (
            SHARED,
            format!("/t/a{OWN}/mcp"),
            "https://gw.test/t/a/mcp".into(),
            "https://gw.test/t/a".into(),
        ),
        (
            SHARED,
            format!("{OWN}/t/a"),
            "https://gw.test/t/a".into(),
            "https://gw.test/t/a".into(),
        ),
    ] {
        let reply = get(&world, host, &path).await;
        assert_eq!(reply.status, 200, "{host}{path}");
        let expected = json!({
            "resource": resource,
            "authorization_servers": [issuer],
            "scopes_supported": ["mcp"],
            "bearer_methods_supported": ["header"],
            "resource_name": "A",
        });
        assert_eq!(json(&reply), expected, "{host}{path}");
        assert!(reply.is("content-type", "application/json"));
        assert!(reply.is("cache-control", "public, max-age=3600"));
        readable(&reply);
    }
    // A tenant that does not exist has it like any other, but for its name.
    let nobody = json(&get(&world, SHARED, &format!("{OWN}/t/nobody/mcp")).await);
    assert_eq!(nobody["resource"], "https://gw.test/t/nobody/mcp");
    assert_eq!(nobody.get("resource_name"), None);
}

/// PRM-6, RS-1: whichever URL was called, with whatever method, the challenge leads to metadata that
/// names that URL.
#[tokio::test]
async fn the_challenge_leads_to_the_metadata_of_the_url_that_was_called() {
    let (world, _) = opened().await;
    for (host, path, origin, resource) in [
        (HOST_A, "/mcp/s1", "https://a.test", "https://a.test/mcp/s1"),
        (
            HOST_A,
            "/mcp/ghost",
            "https://a.test",
            "https://a.test/mcp/ghost",
        ),
        (HOST_A, "/mcp", "https://a.test", "https://a.test/mcp"),
        (HOST_A, "/", "https://a.test", "https://a.test/"),
        (
            "a.test:8081",
            "/mcp/s1",
            "http://a.test:8081",
            "http://a.test:8081/mcp/s1",
        ),
        (
            SHARED,
            "/t/a/mcp/s1",
            "https://gw.test",
            "https://gw.test/t/a/mcp/s1",
        ),
        (
            SHARED,
            "/t/ghost/mcp",
            "https://gw.test",
            "https://gw.test/t/ghost/mcp",
        ),
        (SHARED, "/t/a", "https://gw.test", "https://gw.test/t/a"),
    ] {
        for method in ["HEAD", "GET", "POST", "DELETE"] {
            let bare = Post::bare(method, host, "s1", "")
                .without("Authorization")
                .at(path);
            let mut client = world.connect().await;
            client.send(bare.bytes()).await;
            let (status, headers) = client.head().await.unwrap();
            assert_eq!(status, 401, "{method} {host}{path}");
            let lines = headers
                .iter()
                .filter(|(name, _)| name == "www-authenticate");
            let lines: Vec<_> = lines.map(|(_, value)| value.as_str()).collect();
            let [challenge] = lines[..] else {
                panic!("one challenge: {lines:?}");
            };
            let url = challenge
                .strip_prefix(r#"Bearer resource_metadata=""#)
                .unwrap();
            let url = url
                .strip_suffix(r#"", scope="mcp", realm="aldgate""#)
                .unwrap();
            let metadata = url.strip_prefix(origin).unwrap();
            let found = json(&get(&world, host, metadata).await);
            assert_eq!(found["resource"], resource);
        }
    }
}

/// PRM-7: pages read the challenge where they may call.
#[tokio::test]
async fn allowed_pages_can_read_the_challenge() {
    let (world, _) = opened().await;
    let bare = Post::bare("GET", HOST_A, "s1", "").without("Authorization");
    let reply = world
        .ask(&bare.clone().with("Origin", "https://claude.ai"))
        .await;
    assert_eq!(reply.status, 401);
    let exposed = reply.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("WWW-Authenticate"), "{exposed}");
    let reply = world
        .ask(&bare.with("Origin", "https://evil.example"))
        .await;
    assert_eq!(reply.status, 403);
}

/// PRM-7: from any page, with the headers that clients in browsers send along.
#[tokio::test]
async fn any_page_may_read_metadata() {
    let (world, _) = opened().await;
    let path = format!("{OWN}/mcp/s1");
    for origin in ["https://evil.example", "null"] {
        let request = Post::bare("GET", HOST_A, "s1", "")
            .at(&path)
            .with("Origin", origin);
        let reply = world.ask(&request).await;
        assert_eq!(reply.status, 200, "{origin}");
        readable(&reply);
        for path in [&path, "/.well-known/oauth-authorization-server/mcp/s1"] {
            let preflight = Post::bare("OPTIONS", HOST_A, "s1", "")
                .at(path)
                .with("Origin", origin)
                .with("Access-Control-Request-Method", "GET")
                .with("Access-Control-Request-Headers", "mcp-protocol-version");
            let reply = world.ask(&preflight).await;
            assert_eq!(reply.status, 204, "{path}");
            let allowed = reply.header("access-control-allow-headers").unwrap();
            assert!(allowed.contains("MCP-Protocol-Version"), "{allowed}");
            readable(&reply);
        }
    }
    let mut client = world.connect().await;
    let head = Post::bare("HEAD", HOST_A, "s1", "").at(&path);
    client.send(head.bytes()).await;
    assert_eq!(client.head().await.unwrap().0, 200);
    let post = Post::plain(HOST_A, "s1", "", "{}").at(&path);
    assert_eq!(world.ask(&post).await.status, 405);
}

/// ASM-6, A45: clients go on to their next guess after a 404, and give up after anything else.
#[tokio::test]
async fn well_known_uris_without_anything_are_a_json_404_that_any_page_may_read() {
    let (world, _) = opened().await;
    assert_eq!(get(&world, HOST_A, OWN).await.status, 200);
    for (host, path) in [
        (HOST_A, "/.well-known/oauth-authorization-server/mcp/s1"),
        (HOST_A, "/.well-known/openid-configuration/mcp"),
        (HOST_A, "/.well-known/oauth-protected-resource/other"),
        (HOST_A, "/.well-known/oauth-protected-resource/mcp/s1/"),
        (HOST_A, "/.well-known/oauth-authorization-server/../.."),
        (HOST_A, "/.well-known/security.txt"),
        (HOST_A, "/.well-known/"),
        (SHARED, "/.well-known/oauth-protected-resource"),
        (SHARED, "/.well-known/oauth-protected-resource/mcp/s1"),
        (SHARED, "/.well-known/oauth-authorization-server"),
        (SHARED, "/.well-known/openid-configuration"),
        (SHARED, "/.well-known/oauth-authorization-server/t/a/mcp"),
        (SHARED, "/.well-known/oauth-protected-resource/t/a/../b"),
        (SHARED, "/t/a/.well-known/other"),
    ] {
        let reply = get(&world, host, path).await;
        assert_eq!(reply.status, 404, "{host}{path}");
        assert!(reply.is("content-type", "application/json"));
        assert!(json(&reply).is_object());
        assert_eq!(reply.header("location"), None);
        readable(&reply);
    }
}

/// design.md §4: `resource_metadata` is there only where tokens count, and so is the metadata.
#[tokio::test]
async fn where_no_tokens_count_nothing_is_said_of_them() {
    let world = World::new().await;
    let (_, key) = Issuer::new();
    let keys = || Authenticators::new([Authenticator::ApiKey(ApiKeyHeader::default())]);
    let mut setup = Setup::new(&world, key);
    setup.of_tenant = keys();
    setup.s1.authenticators = Some(Arc::new(Authenticators::default()));
    setup.publish(&world);
    for (server, counts) in [("s1", true), ("s2", false), ("ghost", false)] {
        let reply = get(&world, HOST_A, &format!("{OWN}/mcp/{server}")).await;
        assert_eq!(reply.status == 200, counts, "{server}");
        let bare = Post::bare("GET", HOST_A, server, "").without("Authorization");
        let reply = world.ask(&bare).await;
        let challenge = reply.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains("resource_metadata"), counts, "{server}");
    }
    assert_eq!(get(&world, HOST_A, OWN).await.status, 404);
}

async fn get(world: &World, host: &str, path: &str) -> Reply {
    let request = Post::bare("GET", host, "s1", "");
    world.ask(&request.without("Authorization").at(path)).await
}

fn json(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

/// Any page may read it, and no cookie counts.
fn readable(reply: &Reply) {
    assert!(reply.is("access-control-allow-origin", "*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
}
