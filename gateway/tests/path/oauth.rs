//! Tokens of a tenant's authorization server: what they open, and where clients learn of them.

mod metadata;
mod refusals;
mod tokens;

use std::{sync::Arc, time::Duration};

use gateway::config::snapshot::{
    ApiKeyHeader, Authenticator, Authenticators, EgressMode, Server, ServerSlot, Snapshot, Tenant,
};
use policy::{Class, Policy};
use proto::access::v1;
use token::access::SigningKey;

use self::tokens::Issuer;
use crate::{
    client::{Client, Post},
    upstream::Call,
    world::{HOST_A, HOST_B, SHARED, World, secrets, server, spec},
};

/// What tests change before they publish.
struct Setup {
    keys: Vec<SigningKey>,
    of_tenant: Authenticators,
    s1: Server,
    canonical: String,
}

impl Setup {
    fn new(world: &World, key: SigningKey) -> Self {
        let mut s1 = server(11, "s1", &world.one, Some((1, "Bearer CANARY-A1")));
        let tools = Arc::make_mut(&mut s1.tools);
        tools.insert("pay".into(), Class::Write);
        tools.insert("look".into(), Class::Read);
        Self {
            keys: vec![key],
            of_tenant: Authenticators::default(),
            s1,
            canonical: format!("https://{HOST_A}"),
        }
    }

    /// A with `s1` and `s2`, where everybody may do everything, and B with the same names.
    fn publish(self, world: &World) {
        let allow = v1::Policy {
            default: "allow".to_owned(),
            ..v1::Policy::default()
        };
        let allow = Arc::new(Policy::compile(&allow).unwrap());
        let mut own = spec(1, "a", HOST_A);
        own.canonical_origin = self.canonical.into();
        own.authenticators = Arc::new(self.of_tenant);
        own.signing_keys = self.keys.iter().map(SigningKey::public).collect();
        let s2 = server(12, "s2", &world.two, None);
        let three = server(21, "s1", &world.three, None);
        let slot = |server| ServerSlot::Serving(Arc::new(server));
        let a = Tenant::new(own, Arc::default())
            .with_secrets(Arc::new(secrets().with_jwt_secret("s", &[5; 32])))
            .with_policy(Arc::clone(&allow), 2)
            .with_server(&"s1".parse().unwrap(), slot(self.s1))
            .with_server(&"s2".parse().unwrap(), slot(s2));
        let mut other = spec(2, "b", HOST_B);
        other.signing_keys = [SigningKey::generate().0.public()].into();
        let b = Tenant::new(other, Arc::default())
            .with_policy(allow, 2)
            .with_server(&"s1".parse().unwrap(), slot(three));
        let snapshot = Snapshot::of(2, [Arc::new(a), Arc::new(b)]);
        world.config.publish(Arc::new(snapshot));
    }
}

/// A world in which tokens of A's authorization server count, with who makes them.
async fn opened() -> (World, Issuer) {
    let world = World::new().await;
    let (issuer, key) = Issuer::new();
    Setup::new(&world, key).publish(&world);
    (world, issuer)
}

fn call(host: &str, path: &str, token: &str) -> Post {
    Post::call(host, "s1", token).at(path)
}

/// RES-7, S4-27: the URL that was called, or that of all servers together, however the client typed it.
#[tokio::test]
async fn a_token_opens_the_urls_that_it_is_for() {
    let (mut world, issuer) = opened().await;
    let all = issuer.token(|_| {});
    let one = issuer.token(|token| token.audiences = ["https://a.test/mcp/s1".into()].into());
    let place = issuer.token(|token| {
        token.issuer = "https://gw.test/t/a".into();
        token.audiences = ["https://gw.test/t/a/mcp/s1".into()].into();
    });
    for (host, path, token) in [
        (HOST_A, "/mcp/s1", &all),
        (HOST_A, "/mcp/s1", &one),
        // An alias means the canonical origin.
        ("a.test:8081", "/mcp/s1", &all),
        ("a.test:8081", "/mcp/s1", &one),
        (SHARED, "/t/a/mcp/s1", &place),
    ] {
        let request = call(host, path, token);
        let (reply, seen) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200, "{host}{path}: {}", reply.body);
        assert_eq!(seen.header("authorization"), Some("Bearer CANARY-A1"));
    }
    for (host, path, token) in [
        (HOST_A, "/mcp/s2", &one),
        (HOST_A, "/mcp", &one),
        (HOST_A, "/", &one),
        (HOST_A, "/mcp/s1", &place),
        (SHARED, "/t/a/mcp/s1", &all),
        (SHARED, "/t/a/mcp/s2", &place),
    ] {
        let reply = world.ask(&call(host, path, token)).await;
        assert_eq!(reply.status, 401, "{host}{path}");
        assert!(
            reply
                .header("www-authenticate")
                .unwrap()
                .ends_with(r#"", scope="mcp", realm="aldgate", error="invalid_token""#)
        );
    }
    let log = world.stop().await;
    let record = r#""principal.kind":"oauth","principal":"ada""#;
    assert_eq!(log.matches(record).count(), 5, "{log}");
    assert!(log.contains(r#""error.reason":"foreign""#), "{log}");
}

/// design.md §8: several kinds in parallel, and a token of ours never goes on.
#[tokio::test]
async fn tokens_of_two_issuers_are_told_apart_and_ours_goes_nowhere() {
    let world = World::new().await;
    let (issuer, key) = Issuer::new();
    let foreign = tokens::foreign("https://a.test/mcp/s1");
    let ours = issuer.token(|_| {});
    let mut key = Some(key);
    for jwt_first in [true, false] {
        let mut kinds = vec![tokens::jwt(), Authenticator::Oauth];
        if !jwt_first {
            kinds.reverse();
        }
        let mut setup = Setup::new(&world, key.take().unwrap_or_else(|| issuer.key()));
        setup.of_tenant = Authenticators::new(kinds);
        setup.s1.egress = EgressMode::Passthrough;
        setup.s1.url = "https://a.test/mcp/s1".into();
        setup.publish(&world);
        for (token, passed) in [(&ours, false), (&foreign, true)] {
            let request = call(HOST_A, "/mcp/s1", token);
            let (reply, seen) = tokio::join!(world.ask(&request), world.one.answer());
            assert_eq!(reply.status, 200, "{}", reply.body);
            assert_eq!(seen.header("authorization").is_some(), passed);
        }
    }
}

/// OA-18, TK-13, RS-1: the client is told to ask for more, with what it has.
#[tokio::test]
async fn a_token_that_is_too_narrow_is_a_403_that_names_what_to_ask_for() {
    let (world, issuer) = opened().await;
    let with = |scopes: &[&str]| {
        issuer.token(|token| token.scopes = scopes.iter().map(|scope| (*scope).into()).collect())
    };
    let tool = |token: &str, name: &str| {
        let params = format!(r#""name":"{name}","arguments":{{}},"#);
        Post::modern(HOST_A, "s1", token, "tools/call", &params).with("Mcp-Name", name)
    };
    for (scopes, name) in [
        (&["mcp"][..], "pay"),
        (&["mcp", "mcp:read"], "pay"),
        (&["mcp:read", "finance"], "look"),
    ] {
        let request = tool(&with(scopes), name);
        let (reply, _) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!((reply.status, reply.code()), (200, None), "{scopes:?}");
    }
    for (scopes, name, wanted) in [
        (&["mcp:read"][..], "pay", "mcp"),
        (&["mcp:read", "finance"], "pay", "mcp finance"),
        (&["finance"], "look", "mcp finance"),
        (&[], "look", "mcp"),
    ] {
        let request = tool(&with(scopes), name).with("Origin", "https://claude.ai");
        let reply = world.ask(&request).await;
        assert_eq!(reply.status, 403, "{scopes:?}");
        let metadata = "https://a.test/.well-known/oauth-protected-resource/mcp/s1";
        let challenge = format!(
            r#"Bearer error="insufficient_scope", scope="{wanted}", resource_metadata="{metadata}", error_description="The token allows less than this""#
        );
        assert!(reply.is("www-authenticate", &challenge), "{reply:?}");
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("WWW-Authenticate"));
    }
    assert!(world.one.is_untouched());
}

/// TK-12, TK-16: whatever takes a token's validity ends its streams.
#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_the_key_that_signed_it() {
    let changes: [fn(&mut Setup); 3] = [
        |setup| setup.keys = vec![SigningKey::generate().0],
        |setup| {
            let key = Authenticator::ApiKey(ApiKeyHeader::default());
            setup.of_tenant = Authenticators::new([key]);
        },
        |setup| setup.canonical = "https://new.test".to_owned(),
    ];
    for change in changes {
        let (world, issuer) = opened().await;
        let token = issuer.token(|_| {});
        let (mut client, mut upstream) = listen(&world, &token).await;
        Setup::new(&world, issuer.key()).publish(&world);
        upstream.chunk(EVENT).await;
        assert!(client.chunk().await.unwrap().is_some(), "goes on");
        let mut setup = Setup::new(&world, issuer.key());
        change(&mut setup);
        setup.publish(&world);
        assert!(client.chunk().await.unwrap().is_none(), "ends properly");
        upstream.closed().await;
    }
    let (world, issuer) = opened().await;
    let token = issuer.token(|_| {});
    let (mut client, _upstream) = listen(&world, &token).await;
    world.hand.advance(Duration::from_mins(62));
    assert!(client.chunk().await.unwrap().is_none());
}

const EVENT: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n";

async fn listen(world: &World, token: &str) -> (Client, Call) {
    let mut client = world.connect().await;
    client
        .send(Post::bare("GET", HOST_A, "s1", token).bytes())
        .await;
    let mut call = world.one.call().await;
    call.stream("").await;
    assert_eq!(client.head().await.unwrap().0, 200);
    (client, call)
}
