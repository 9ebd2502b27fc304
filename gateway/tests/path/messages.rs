//! JR rows of the attack catalogue through the whole path, in both kinds of era: the parser's
//! decisions, seen from outside. The parser's own tests go deeper.

use mcp::mirror::encode_value;

use crate::{
    client::{Post, within},
    upstream::RESULT,
    world::{HOST_A, World},
};

const PLAIN: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"x":1}}}"#;
const INVALID: (u16, i32) = (400, -32600);
const PARSE: (u16, i32) = (400, -32700);
const PARAMS: (u16, i32) = (400, -32602);
const UNKNOWN: (u16, i32) = (404, -32601);

/// JR-01, JR-02, JR-03, JR-04, JR-06, JR-07, JR-08, JR-13, JR-14, JR-16, JR-17, JR-19, JR-21, JR-22,
/// JR-23: one piece of a right call is replaced.
#[tokio::test]
async fn a_call_with_one_bad_piece_is_refused() {
    let world = fresh().await;
    let nested = format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200));
    let long = format!(r#""id":"{}""#, "x".repeat(10_240));
    for (row, old, new, answer) in [
        (
            "JR-01",
            r#""method":"tools/call""#,
            r#""method":"tools/list","method":"tools/call""#,
            INVALID,
        ),
        (
            "JR-02",
            r#""name":"echo""#,
            r#""name":"echo","name":"admin_wipe""#,
            INVALID,
        ),
        (
            "JR-03",
            r#""name":"echo""#,
            r#""name":"echo","na\u006de":"admin_wipe""#,
            INVALID,
        ),
        ("JR-04", r#""id":7"#, r#""id":7,"Method":"x/y""#, INVALID),
        ("JR-04", r#""id":7"#, r#""id":7,"Params":{}"#, INVALID),
        (
            "JR-04",
            r#""name":"echo""#,
            r#""name":"echo","NAME":"admin_wipe""#,
            INVALID,
        ),
        ("JR-06", r#""id":7"#, r#""id":null"#, INVALID),
        ("JR-07", r#""id":7"#, r#""id":1.5"#, INVALID),
        ("JR-07", r#""id":7"#, r#""id":true"#, INVALID),
        ("JR-07", r#""id":7"#, r#""id":{}"#, INVALID),
        ("JR-07", r#""id":7"#, r#""id":[1]"#, INVALID),
        ("JR-08", r#""id":7"#, long.as_str(), INVALID),
        ("JR-08", r#""id":7"#, r#""id":9007199254740992"#, INVALID),
        ("JR-13", r#""echo""#, r#""\ud800""#, PARSE),
        ("JR-14", r#""x":1"#, nested.as_str(), INVALID),
        ("JR-16", r#""jsonrpc":"2.0""#, r#""jsonrpc":"1.0""#, INVALID),
        ("JR-16", r#""jsonrpc":"2.0","#, "", INVALID),
        ("JR-16", r#""jsonrpc":"2.0""#, r#""jsonrpc":2"#, INVALID),
        ("JR-17", "tools/call", "Tools/Call", UNKNOWN),
        ("JR-17", "tools/call", "tools/call ", UNKNOWN),
        ("JR-17", "tools/call", "tools//call", UNKNOWN),
        ("JR-19", r#""id":7,"#, "", INVALID),
        ("JR-21", r#""echo""#, r#""echo\n""#, PARAMS),
        ("JR-22", r#""x":1"#, r#""amount":1e400"#, INVALID),
    ] {
        for base in eras(&world) {
            assert!(base.body.contains(old), "{row}: {old}");
            let body = base.body.replace(old, new);
            refuse(&world, &base, row, body, answer).await;
        }
    }
    for shape in ["[]", r#""x""#, "null"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{shape}}}"#);
        for base in eras(&world) {
            refuse(&world, &base, "JR-23", &body, PARAMS).await;
        }
    }
}

/// JR-05, JR-11, JR-12, JR-15, JR-24, JR-25: the body as a whole is bad. JR-05 also for 2025-03-26,
/// the only version with batches, and what a legacy request without a version header is taken for.
#[tokio::test]
async fn a_body_that_is_not_one_message_is_refused() {
    let world = fresh().await;
    let keys: Vec<String> = (0..400_000).map(|key| format!(r#""{key:x}":0"#)).collect();
    for base in eras(&world) {
        let call = base.body.as_str();
        for (row, body, answer) in [
            ("JR-05", format!("[{call},{call}]"), INVALID),
            ("JR-05", "[]".into(), INVALID),
            (
                "JR-11",
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into(),
                INVALID,
            ),
            ("JR-15", format!("{call}{call}"), PARSE),
            ("JR-15", format!("{call} x"), PARSE),
            ("JR-24", format!("\u{feff}{call}"), PARSE),
            ("JR-24", call.replace(r#""id""#, r#"/* c */"id""#), PARSE),
            ("JR-24", call.replace(r#""x":1"#, r#""x":1,"#), PARSE),
            ("JR-25", call.replace(r#""x":1"#, &keys.join(",")), INVALID),
        ] {
            assert!(body.len() < 4 << 20, "{row}: within the limit of bodies");
            refuse(&world, &base, row, body, answer).await;
        }
        let (start, end) = call.split_once("echo").unwrap();
        let body = [start.as_bytes(), b"ec\xffo", end.as_bytes()].concat();
        refuse(&world, &base, "JR-12", body, PARSE).await;
    }
    let batching =
        Post::plain(HOST_A, "s1", &world.alice, "").with("MCP-Protocol-Version", "2025-03-26");
    let body = format!("[{PLAIN},{PLAIN}]");
    refuse(&world, &batching, "JR-05", body, INVALID).await;
}

/// JR-08, JR-10: what is an id reaches the server as it was written.
#[tokio::test]
async fn ids_are_carried_exactly() {
    let world = fresh().await;
    for id in [
        "9007199254740991",
        "-9007199254740991",
        "1",
        "\"1\"",
        "\"\"",
    ] {
        for base in eras(&world) {
            let mut request = base.clone();
            request.body = base.body.replace(r#""id":7"#, &format!(r#""id":{id}"#));
            let answer = RESULT.replace(r#""id":7"#, &format!(r#""id":{id}"#));
            let serving = async {
                let mut call = world.one.call().await;
                call.json(200, &answer).await;
                call
            };
            let (reply, call) = tokio::join!(world.ask(&request), serving);
            assert_eq!((reply.status, &reply.body), (200, &answer));
            assert_eq!(call.body, request.body);
        }
    }
}

/// JR-09, JR-10: two calls of the same moment, whose ids are equal or look it, on two connections;
/// the one that came last is answered first.
#[tokio::test]
async fn equal_ids_do_not_cross() {
    let world = fresh().await;
    for [first, second] in [["7", "7"], ["1", "\"1\""], ["\"1\"", "1"]] {
        let request = |id: &str, word: &str| {
            let mut request = world.call();
            request.body = request
                .body
                .replace(r#""id":7"#, &format!(r#""id":{id}"#))
                .replace(r#""x":1"#, &format!(r#""x":"{word}""#));
            request.bytes()
        };
        let answer = |id: &str, word: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"word":"{word}"}}}}"#)
        };
        let (mut one, mut two) = (world.connect().await, world.connect().await);
        one.send(request(first, "one")).await;
        let mut of_one = world.one.call().await;
        two.send(request(second, "two")).await;
        let mut of_two = world.one.call().await;
        assert!(of_one.body.contains(r#""x":"one""#), "{}", of_one.body);
        assert!(of_two.body.contains(r#""x":"two""#), "{}", of_two.body);

        of_two.json(200, &answer(second, "two")).await;
        assert_eq!(two.reply().await.unwrap().body, answer(second, "two"));
        of_one.json(200, &answer(first, "one")).await;
        assert_eq!(one.reply().await.unwrap().body, answer(first, "one"));
    }
}

/// JR-18, as design.md §5 rules it: the server decides about methods that nobody here knows.
#[tokio::test]
async fn an_unknown_method_is_the_server_s_to_refuse() {
    let world = fresh().await;
    let request = Post::modern(HOST_A, "s1", &world.alice, "admin/dump", "");
    let refusal = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no"}}"#;
    let serving = async {
        let mut call = world.one.call().await;
        assert_eq!(call.header("mcp-method"), Some("admin/dump"));
        call.json(404, refusal).await;
    };
    let (reply, ()) = tokio::join!(world.ask(&request), serving);
    assert_eq!((reply.status, reply.body.as_str()), (404, refusal));
    world.still_serves().await;
}

/// JR-20, JR-21: names that look like another, or like a path, are what they are, byte by byte, and
/// lead to no other server. Without merged servers there is no name space of ours to break out of.
#[tokio::test]
async fn names_reach_the_server_byte_by_byte() {
    let world = fresh().await;
    let refusal = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"Unknown tool"}}"#;
    for name in [
        "ｅcho",
        "e\u{301}cho",
        "ec\u{200d}ho",
        "s2__pay",
        "s2/pay",
        "../s2/pay",
    ] {
        let params = format!(r#""name":"{name}","arguments":{{}},"#);
        let header = encode_value(name);
        let request = Post::modern(HOST_A, "s1", &world.alice, "tools/call", &params)
            .with("Mcp-Name", header.to_str().unwrap());
        let serving = async {
            let mut call = world.one.call().await;
            assert_eq!(call.body, request.body, "{name}");
            assert_eq!(call.header("mcp-name"), header.to_str().ok(), "{name}");
            call.json(200, refusal).await;
        };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!((reply.status, reply.code()), (200, Some(-32602)), "{name}");
    }
    assert!(world.two.is_untouched());
    world.still_serves().await;
}

/// A gateway that has proved to serve.
async fn fresh() -> World {
    let world = World::with(|settings| settings.upstream.reuse = std::time::Duration::ZERO).await;
    for base in eras(&world) {
        let (reply, call) = tokio::join!(world.ask(&base), world.one.answer());
        assert_eq!((reply.status, call.body), (200, base.body));
    }
    world
}

/// The same call of the modern and of a legacy era.
fn eras(world: &World) -> [Post; 2] {
    [world.call(), Post::plain(HOST_A, "s1", &world.alice, PLAIN)]
}

/// The body is refused with this status and code, reaches no server and harms no other call.
async fn refuse(
    world: &World,
    base: &Post,
    row: &str,
    body: impl AsRef<[u8]>,
    (status, code): (u16, i32),
) {
    let mut client = world.connect().await;
    client.send(base.carrying(body.as_ref())).await;
    let reply = within(client.reply()).await.expect("a reply");
    assert_eq!(
        (reply.status, reply.code()),
        (status, Some(code)),
        "{row}: {}",
        reply.body
    );
    assert!(world.one.is_untouched(), "{row}");
    world.still_serves_on(&mut client).await;
}
