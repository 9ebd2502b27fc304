//! MH rows of the attack catalogue through the whole path: the body decides, and headers that repeat
//! it must agree.

use crate::{
    client::{Post, within},
    upstream::RESULT,
    world::{HOST_A, World},
};

const MISMATCH: i32 = -32020;
const VERSION: &str = "MCP-Protocol-Version";

/// MH-01, MH-02, MH-03, MH-05, MH-06, MH-07, MH-09, MH-11: refused, and nothing is sent.
#[tokio::test]
async fn headers_that_disagree_with_the_body_are_refused() {
    let world = fresh().await;
    let set = |name: &str, value: &str| world.call().without(name).with(name, value);
    let body = |old: &str, new: &str| {
        let call = world.call();
        assert!(call.body.contains(old), "{old}");
        Post {
            body: call.body.replace(old, new),
            ..call
        }
    };
    let claim = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#;
    let capabilities = r#","io.modelcontextprotocol/clientCapabilities":{}"#;
    let old = body("2026-07-28", "1999-01-01");
    for (row, request, code) in [
        ("MH-01", set("Mcp-Method", "tools/list"), MISMATCH),
        ("MH-02", body(r#""echo""#, r#""admin_wipe""#), MISMATCH),
        ("MH-02", set("Mcp-Name", "admin_wipe"), MISMATCH),
        ("MH-03", world.call().without("Mcp-Method"), MISMATCH),
        ("MH-03", world.call().without("Mcp-Name"), MISMATCH),
        ("MH-05", set("Mcp-Name", "=?BASE64?ZWNobw==?="), MISMATCH),
        ("MH-05", set("Mcp-Name", "=?base64?!!!!?="), MISMATCH),
        ("MH-05", set("Mcp-Name", "=?base64?ZWNobw=="), MISMATCH),
        ("MH-06", body("2026-07-28", "2025-11-25"), MISMATCH),
        ("MH-06", set(VERSION, "2025-11-25"), MISMATCH),
        (
            "MH-07",
            old.without(VERSION).with(VERSION, "1999-01-01"),
            -32022,
        ),
        ("MH-09", world.call().with("Mcp-Name", "echo"), MISMATCH),
        (
            "MH-09",
            world.call().with("Mcp-Method", "tools/call"),
            MISMATCH,
        ),
        ("MH-09", world.call().with(VERSION, "2026-07-28"), MISMATCH),
        ("MH-11", body(claim, ""), -32602),
        ("MH-11", body(capabilities, ""), -32602),
    ] {
        let mut client = world.connect().await;
        client.send(request.bytes()).await;
        let reply = within(client.reply()).await.expect("a reply");
        assert_eq!(
            (reply.status, reply.code()),
            (400, Some(code)),
            "{row}: {}",
            reply.body
        );
        assert_eq!(
            reply.body.contains(r#""supported":["2026-07-28"]"#),
            row == "MH-07",
            "{}",
            reply.body
        );
        assert!(world.one.is_untouched(), "{row}");
        world.still_serves_on(&mut client).await;
    }
}

/// MH-04.
#[tokio::test]
async fn a_sentinel_that_says_the_same_is_taken_and_written_anew() {
    let world = fresh().await;
    let request = world
        .call()
        .without("Mcp-Name")
        .with("Mcp-Name", "=?base64?ZWNobw==?=");
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!((reply.status, reply.body.as_str()), (200, RESULT));
    assert_eq!(call.header("mcp-name"), Some("echo"));
}

/// MH-08: in the eras without mirrored headers they mean nothing. The server sees the body and none of
/// them, and so does the record; what is decided by name (roles, later) is decided by that name.
#[tokio::test]
async fn headers_of_a_legacy_message_are_never_believed() {
    let mut world = fresh().await;
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"admin_wipe"}}"#;
    let request = Post::plain(HOST_A, "s1", &world.alice, body)
        .with(VERSION, "2025-11-25")
        .with("Mcp-Method", "tools/list")
        .with("Mcp-Name", "echo");
    let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.status, 200);
    assert_eq!(call.body, body);
    assert_eq!(call.header("mcp-name"), None);
    assert_eq!(call.header("mcp-method"), None);
    let log = world.stop().await;
    let line = log.lines().last().unwrap();
    assert!(
        line.contains(r#""mcp.method":"tools/call","mcp.name":"admin_wipe""#),
        "{line}"
    );
}

/// MH-10: whether an argument must be repeated stands in the tool's schema, which the server has. So
/// the header arrives there as it was sent, and the server's refusal arrives here as it was said.
#[tokio::test]
async fn a_parameter_header_is_the_server_s_to_compare() {
    let world = fresh().await;
    let refusal =
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"Mcp-Param-Region"}}"#;
    let mut call_of_us = world.call();
    call_of_us.body = call_of_us.body.replace(r#""x":1"#, r#""region":"us""#);
    for sent in [Some("eu"), None, Some("us"), Some("=?base64?w6k=?=")] {
        let request = match sent {
            Some(value) => call_of_us.clone().with("Mcp-Param-Region", value),
            None => call_of_us.clone(),
        };
        let serving = async {
            let mut call = world.one.call().await;
            assert!(call.body.contains(r#""region":"us""#), "{}", call.body);
            assert_eq!(call.header("mcp-param-region"), sent);
            match call.header("mcp-param-region") {
                Some("us") => call.json(200, RESULT).await,
                _ => call.json(400, refusal).await,
            }
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        if sent == Some("us") {
            assert_eq!((reply.status, reply.body.as_str()), (200, RESULT));
        } else {
            assert_eq!((reply.status, reply.body.as_str()), (400, refusal));
        }
    }
    // What no server could read in one way alone is refused here.
    for broken in [
        call_of_us
            .clone()
            .with("Mcp-Param-Region", "=?base64?w6k?="),
        call_of_us
            .with("Mcp-Param-Region", "us")
            .with("mcp-param-region", "eu"),
    ] {
        let reply = world.ask(&broken).await;
        assert_eq!((reply.status, reply.code()), (400, Some(MISMATCH)));
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// A gateway that has proved to serve.
async fn fresh() -> World {
    let world = World::with(|settings| settings.upstream.reuse = std::time::Duration::ZERO).await;
    world.still_serves().await;
    world
}
