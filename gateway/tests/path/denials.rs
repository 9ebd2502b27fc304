//! What restricted callers are told, what reaches no server, and what does all the same.

use proto::access::v1;

use crate::{
    client::Post,
    rules::{Rules, grant},
    world::{HOST_A, World},
};

/// S4-51, CL-04: the error names who and what, and nothing of the server.
#[tokio::test]
async fn a_denied_call_reaches_nobody_and_shows_no_config() {
    let mut world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    let reply = world.ask(&pay(&world.adam)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.body,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-31003,"message":"Access denied","data":{"subject":"keys/adam","tool":"pay"}}}"#
    );
    assert!(reply.is("content-type", "application/json"));
    assert!(world.one.is_untouched());
    let request = pay(&world.alice);
    let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!((reply.status, reply.code()), (200, None));
    let log = world.stop().await;
    let denied = log.lines().find(|line| line.contains("adam")).unwrap();
    assert!(
        denied.contains(r#""error":"denied","policy.rule":"default","jsonrpc.error_code":-31003"#),
        "{denied}"
    );
    assert_eq!(log.matches("policy.rule").count(), 1, "{log}");
}

/// S4-55
#[tokio::test]
async fn the_log_names_the_rule_that_denied() {
    let mut world = World::new().await;
    let deny = v1::Grant {
        deny: true,
        tools: vec!["pay".into()],
        ..grant("*")
    };
    Rules::granting(&world, [grant("*"), deny]).publish(&world);
    assert_eq!(world.ask(&pay(&world.adam)).await.code(), Some(-31003));
    let log = world.stop().await;
    assert!(
        log.contains(r#""policy.rule":"keys/adam.extra[1]""#),
        "{log}"
    );
}

/// TK-13
#[tokio::test]
async fn a_missing_scope_is_a_403_that_names_it_alone() {
    let mut world = World::new().await;
    Rules::scoped(&world, &["s1:read", "s2:*"]).publish(&world);
    let reply = world.ask(&pay(&world.adam)).await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.body,
        r#"{"error":"Insufficient permission","status":403,"type":"authorization_error"}"#
    );
    assert!(reply.is(
        "www-authenticate",
        r#"Bearer realm="aldgate", error="insufficient_scope", scope="s1:write""#
    ));
    assert!(world.one.is_untouched());
    let request = pay(&world.adam).at("/mcp/s2");
    let (reply, _call) = tokio::join!(world.ask(&request), world.two.answer());
    assert_eq!(reply.status, 200);
    assert!(world.stop().await.contains(r#""policy.rule":"scope""#));
}

/// Scopes and policy must both allow (S3-41).
#[tokio::test]
async fn neither_scopes_nor_policy_are_enough_alone() {
    let world = World::new().await;
    let mut rules = Rules::granting(&world, [grant("read")]);
    rules.adam.as_mut().unwrap().scopes = Some(policy::Scopes::parse(&["s1:*"]).unwrap());
    rules.publish(&world);
    assert_eq!(world.ask(&pay(&world.adam)).await.code(), Some(-31003));

    let mut rules = Rules::granting(&world, [grant("*")]);
    rules.adam.as_mut().unwrap().scopes = Some(policy::Scopes::parse(&["s1:read"]).unwrap());
    rules.publish(&world);
    assert_eq!(world.ask(&pay(&world.adam)).await.status, 403);

    let mut rules = Rules::granting(&world, [grant("*")]);
    rules.adam.as_mut().unwrap().scopes = Some(policy::Scopes::parse(&["s1:*"]).unwrap());
    rules.publish(&world);
    let request = pay(&world.adam);
    let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!((reply.status, reply.code()), (200, None));
}

/// TI-01: a server where the policy allows nothing is as one that does not exist.
#[tokio::test]
async fn a_server_without_any_grant_does_not_exist() {
    let world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    for method in ["POST", "GET", "DELETE"] {
        let ask = async |server: &str| {
            let request = match method {
                "POST" => Post::call(HOST_A, server, &world.adam),
                _ => Post::bare(method, HOST_A, server, &world.adam),
            };
            let reply = world.ask(&request).await;
            let headers = reply.headers.into_iter().filter(|(name, _)| name != "date");
            (reply.status, headers.collect::<Vec<_>>(), reply.body)
        };
        let (hidden, missing) = (ask("s2").await, ask("ghost").await);
        assert_eq!(hidden, missing, "{method}");
        assert_eq!(hidden.0, 404);
    }
    assert!(world.two.is_untouched());
    let request = Post::call(HOST_A, "s2", &world.alice);
    let (reply, _call) = tokio::join!(world.ask(&request), world.two.answer());
    assert_eq!(reply.status, 200);
}

/// What everybody may do who reaches the server, and what needs a grant of its own.
#[tokio::test]
async fn methods_beyond_tools_need_an_explicit_grant() {
    let world = World::new().await;
    let vendor = v1::Grant {
        methods: vec!["vendor/*".into()],
        tools: vec!["none".into()],
        ..grant("*")
    };
    let read = [grant("read")];
    for free in [
        "ping",
        "logging/setLevel",
        "server/discover",
        "tasks/get",
        "tasks/result",
        "tasks/cancel",
        "tasks/update",
    ] {
        assert_eq!(allowed(&world, &read, free, "{}").await, None, "{free}");
    }
    for own in ["tasks/list", "vendor/thing", "roots/list"] {
        assert_eq!(
            denied(&world, &read, own, "{}").await,
            Some(-31003),
            "{own}"
        );
    }
    assert_eq!(
        allowed(&world, std::slice::from_ref(&vendor), "vendor/thing", "{}").await,
        None
    );
    assert_eq!(
        denied(&world, &[vendor], "tasks/list", "{}").await,
        Some(-31003)
    );
}

/// `completion/complete` is about what it completes.
#[tokio::test]
async fn completing_is_allowed_where_getting_is() {
    let world = World::new().await;
    let grants = [v1::Grant {
        prompts: vec!["summary".into()],
        resources: vec!["file:///docs/*".into()],
        ..grant("read")
    }];
    let method = "completion/complete";
    for good in [
        r#"{"ref":{"type":"ref/prompt","name":"summary"},"argument":{"name":"a","value":""}}"#,
        r#"{"ref":{"type":"ref/resource","uri":"file:///docs/{x}"},"argument":{"name":"x","value":""}}"#,
    ] {
        assert_eq!(allowed(&world, &grants, method, good).await, None, "{good}");
    }
    for bad in [
        r#"{"ref":{"type":"ref/prompt","name":"pay"},"argument":{"name":"a","value":""}}"#,
        r#"{"ref":{"type":"ref/resource","uri":"file:///etc/{x}"},"argument":{"name":"x","value":""}}"#,
        r#"{"ref":{"type":"ref/prompt","name":"summary","Name":"pay"}}"#,
        r#"{"ref":{"type":"ref/other","name":"summary"}}"#,
        "{}",
    ] {
        assert_eq!(
            denied(&world, &grants, method, bad).await,
            Some(-31003),
            "{bad}"
        );
    }
    // From alice nothing is kept.
    let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{}}}}"#);
    let request = Post::plain(HOST_A, "s1", &world.alice, body);
    let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.code(), None);
}

/// Notifications pass; a method without an id is none.
#[tokio::test]
async fn notifications_pass_and_what_only_looks_like_one_does_not() {
    let world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    let send = |method: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{}}}}"#);
        Post::plain(HOST_A, "s1", &world.adam, body)
    };
    let request = send("notifications/roots/list_changed");
    let serving = async { world.one.call().await.reply(202, &[], "").await };
    let (reply, ()) = tokio::join!(world.ask(&request), serving);
    assert_eq!(reply.status, 202);
    let reply = world.ask(&send("vendor/delete")).await;
    assert_eq!(reply.code(), Some(-31003));
    assert!(world.one.is_untouched());
}

async fn allowed(world: &World, grants: &[v1::Grant], method: &str, params: &str) -> Option<i32> {
    Rules::granting(world, grants.iter().cloned()).publish(world);
    let request = legacy(world, method, params);
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert!(call.body.contains(method));
    reply.code()
}

async fn denied(world: &World, grants: &[v1::Grant], method: &str, params: &str) -> Option<i32> {
    Rules::granting(world, grants.iter().cloned()).publish(world);
    let reply = world.ask(&legacy(world, method, params)).await;
    assert!(world.one.is_untouched(), "{method}");
    reply.code()
}

fn legacy(world: &World, method: &str, params: &str) -> Post {
    let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
    Post::plain(HOST_A, "s1", &world.adam, body)
}

fn pay(key: &str) -> Post {
    let params = r#""name":"pay","arguments":{},"#;
    Post::modern(HOST_A, "s1", key, "tools/call", params).with("Mcp-Name", "pay")
}
