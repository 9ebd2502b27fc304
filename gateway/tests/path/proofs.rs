//! Every kind of credential at one server: who gets in, and that nobody else learns why not.

mod doors;
mod ends;
mod refusals;

use std::time::Duration;

use gateway::config::snapshot::{Authenticator, Authenticators};

use self::doors::{Doors, Kind, jwt};
use crate::{
    client::{Post, Reply},
    world::{HOST_A, World, now},
};

/// S4-19, S4-22 to S4-28, S0-10: all kinds in parallel, in either order.
#[tokio::test]
async fn each_kind_of_credential_gets_in_where_all_are_configured() {
    let mut world = World::new().await;
    for reversed in [false, true] {
        let mut kinds = Kind::ALL.to_vec();
        if reversed {
            kinds.reverse();
        }
        Doors::new(&world).publish(&world, &kinds);
        for (name, credential) in credentials(&world) {
            let request = call(&credential);
            let (reply, _) = tokio::join!(world.ask(&request), world.one.answer());
            assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        }
    }
    let log = world.stop().await;
    for record in [
        r#""principal.kind":"api_key","key":"alice""#,
        r#""principal.kind":"jwt","principal":"carol""#,
        r#""principal.kind":"session","principal":"dave""#,
        r#""principal.kind":"static","token":"bearer","principal":"tokens/bearer""#,
        r#""principal.kind":"forwarded","principal":"erin""#,
        r#""principal.kind":"anonymous","principal":"anonymous""#,
    ] {
        assert!(log.contains(record), "{record} in {log}");
    }
    for (name, secret) in credentials(&world)
        .iter()
        .flat_map(|(_, lines)| lines.clone())
    {
        let secret = secret.rsplit(' ').next().unwrap();
        let is_name = name.starts_with("X-Forwarded");
        assert!(is_name || !log.contains(secret), "{secret} is in the log");
    }
}

/// S0-26: a list without kinds lets nobody in.
#[tokio::test]
async fn an_empty_list_lets_nobody_in() {
    let world = World::new().await;
    Doors::new(&world).publish(&world, &[Kind::ApiKey]);
    let alice = call(&[("Authorization", format!("Bearer {}", world.alice))]);
    let (reply, _) = tokio::join!(world.ask(&alice), world.one.answer());
    assert_eq!(reply.status, 200);

    Doors::new(&world).publish(&world, &[]);
    for (name, credential) in credentials(&world) {
        let reply = world.ask(&call(&credential)).await;
        assert_eq!(reply.status, 401, "{name}");
        assert_eq!(
            reply.body,
            r#"{"error":"Unauthorized","status":401,"type":"authentication_error"}"#
        );
    }
}

/// S0-6, TK-10: presenting anything that some kind reads is not presenting nothing, wherever in the
/// list `anonymous` stands.
#[tokio::test]
async fn a_bad_credential_is_never_anonymous() {
    let world = World::new().await;
    for kinds in [
        [Kind::Anonymous, Kind::ApiKey, Kind::Forwarded],
        [Kind::ApiKey, Kind::Forwarded, Kind::Anonymous],
    ] {
        Doors::new(&world).publish(&world, &kinds);
        let nothing = call(&[]);
        let (reply, _) = tokio::join!(world.ask(&nothing), world.one.answer());
        assert_eq!(reply.status, 200);
        for (header, value) in [
            ("Authorization", "Bearer mcp_sk_made-up"),
            ("Authorization", "Bearer x.y.z"),
            ("Authorization", "Bearer "),
            ("Authorization", "Basic eDp5"),
            ("Authorization", ""),
            ("X-API-Key", "made-up"),
            ("X-Forwarded-User", ""),
            ("X-Forwarded-Groups", "admins"),
        ] {
            let reply = world.ask(&call(&[(header, value.to_owned())])).await;
            assert_eq!(reply.status, 401, "{header}: {value}");
        }
        // What nobody reads does not count.
        let unread = call(&[("Api-Key", "x".to_owned())]);
        let (reply, _) = tokio::join!(world.ask(&unread), world.one.answer());
        assert_eq!(reply.status, 200);
    }
}

/// S4-26: the word of somebody else than the proxy is a bad credential.
#[tokio::test]
async fn forwarded_users_are_believed_from_the_configured_networks_only() {
    let world = World::new().await;
    let request = call(&[("X-Forwarded-User", "erin".to_owned())]);
    Doors::new(&world).publish(&world, &[Kind::Forwarded]);
    let (reply, _) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);

    let mut doors = Doors::new(&world);
    doors.proxies = "192.0.2.0/24";
    doors.publish(&world, &[Kind::Forwarded, Kind::Anonymous]);
    assert_eq!(world.ask(&request).await.status, 401);
}

/// S0-27, S2-15: and only what was good in every other way.
#[tokio::test]
async fn an_expired_credential_is_told_apart_from_a_bad_one() {
    let world = World::new().await;
    Doors::new(&world).publish(&world, &Kind::ALL);
    for (name, credential) in credentials(&world) {
        let has_an_end = matches!(name, "key" | "old secret" | "jwt" | "session" | "bearer");
        if !has_an_end {
            continue;
        }
        let request = call(&credential);
        let (reply, _) = tokio::join!(world.ask(&request), world.one.answer());
        assert_eq!(reply.status, 200, "{name}");
    }
    world.hand.advance(Duration::from_hours(25));
    for (name, credential) in credentials_of(&world, now()) {
        let reply = world.ask(&call(&credential)).await;
        match name {
            "old secret" | "jwt" | "session" | "bearer" => {
                assert_eq!(reply.status, 401, "{name}");
                assert_eq!(
                    reply.body,
                    r#"{"error":"Token expired","status":401,"type":"authentication_error"}"#
                );
                assert_eq!(
                    reply.header("www-authenticate"),
                    Some(
                        r#"Bearer realm="aldgate", error="invalid_token", error_description="The token expired""#
                    ),
                    "{name}"
                );
            }
            _ => {}
        }
    }
    // Expired and wrong is wrong.
    let forged = jwt(|claims| claims["aud"] = "elsewhere".into());
    let reply = world
        .ask(&call(&[("Authorization", format!("Bearer {forged}"))]))
        .await;
    assert!(!reply.body.contains("expired\""), "{}", reply.body);
}

/// S3-4, S4-29: the first kind's words, and the header for keys where one was chosen.
#[tokio::test]
async fn the_first_kind_words_the_refusal() {
    let world = World::new().await;
    for (kind, text) in [
        (Kind::ApiKey, "Invalid API key"),
        (Kind::Jwt, "Invalid or expired JWT token"),
        (Kind::Session, "Invalid session token"),
        (Kind::Static, "Invalid access token"),
        (Kind::Forwarded, "Unauthorized"),
    ] {
        let others = Kind::ALL.into_iter().filter(|other| *other != kind);
        let kinds: Vec<_> = [kind].into_iter().chain(others).collect();
        Doors::new(&world).publish(&world, &kinds);
        let bad = call(&[("Authorization", "Bearer nobody".to_owned())]);
        let reply = world.ask(&bad).await;
        let body = format!(r#"{{"error":"{text}","status":401,"type":"authentication_error"}}"#);
        assert_eq!((reply.status, reply.body), (401, body));
    }
    let mut doors = Doors::new(&world);
    doors.key_header = Some("x-team-key");
    doors.publish(&world, &[Kind::ApiKey]);
    let reply = world.ask(&call(&[])).await;
    assert_eq!(
        challenges(&reply),
        [
            r#"Bearer realm="aldgate""#,
            r#"ApiKey realm="aldgate", header="x-team-key""#
        ]
    );
    let bare = call(&[("X-Team-Key", world.alice.clone())]);
    let (reply, _) = tokio::join!(world.ask(&bare), world.one.answer());
    assert_eq!(reply.status, 200);
}

/// S3-3, S3-13: whatever a query holds was never looked at.
#[tokio::test]
async fn a_credential_in_the_query_does_not_exist() {
    let world = World::new().await;
    Doors::new(&world).publish(&world, &[Kind::ApiKey, Kind::Static]);
    let nothing = world.ask(&call(&[])).await;
    for name in ["api_key", "apiKey", "access_token", "token"] {
        let path = format!("/mcp/s1?{name}={}", world.alice);
        let reply = world.ask(&call(&[]).at(&path)).await;
        assert_eq!((reply.status, &reply.body), (nothing.status, &nothing.body));
        assert_eq!(challenges(&reply), challenges(&nothing));
    }
}

/// A server's own list replaces its tenant's, in both directions.
#[tokio::test]
async fn a_servers_own_list_counts_instead_of_its_tenants() {
    let world = World::new().await;
    let mut doors = Doors::new(&world);
    doors.of_tenant = Authenticators::new([Authenticator::Session]);
    doors.publish(&world, &[Kind::ApiKey]);
    let at = |server| Post::call(HOST_A, server, &world.alice);
    let (s1, s2) = (at("s1"), at("s2"));
    let (reply, _) = tokio::join!(world.ask(&s1), world.one.answer());
    assert_eq!(reply.status, 200);
    let reply = world.ask(&s2).await;
    assert_eq!(reply.status, 401);
    assert!(
        reply.body.contains("Invalid session token"),
        "{}",
        reply.body
    );
}

/// One good credential of each form, by name.
fn credentials(world: &World) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    credentials_of(world, now())
}

fn credentials_of(
    world: &World,
    made: std::time::SystemTime,
) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let bearer = |text: &str| vec![("Authorization", format!("Bearer {text}"))];
    let session = doors::session(made, |_| {});
    vec![
        ("key", bearer(&world.alice)),
        ("bare key", vec![("X-API-Key", world.alice.clone())]),
        ("old secret", bearer(&doors::old_secret())),
        ("jwt", bearer(&jwt(|_| {}))),
        ("session", bearer(&session)),
        ("bearer", bearer("pasted")),
        (
            "basic",
            vec![("Authorization", "basic cGFzdGVkOng=".to_owned())],
        ),
        ("api-key", vec![("Api-Key", "pasted".to_owned())]),
        ("x-api-key", vec![("X-API-Key", "pasted".to_owned())]),
        ("forwarded", vec![("X-Forwarded-User", "erin".to_owned())]),
        ("nothing", vec![]),
    ]
}

/// A call of `A/s1` with these header lines.
fn call(lines: &[(&'static str, String)]) -> Post {
    let bare = Post::call(HOST_A, "s1", "").without("Authorization");
    lines
        .iter()
        .fold(bare, |request, (name, value)| request.with(name, value))
}

fn challenges(reply: &Reply) -> Vec<&str> {
    let lines = reply.headers.iter();
    let lines = lines.filter(|(name, _)| name == "www-authenticate");
    lines.map(|(_, value)| value.as_str()).collect()
}
