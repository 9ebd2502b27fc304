//! The JR rows of the attack catalogue that the envelope decides, and its invariant.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;

fn read(body: &str) -> Result<Message, Rejection> {
    Message::read(Bytes::copy_from_slice(body.as_bytes()))
}

/// Status, code and echoed id of the refusal.
fn refused(body: &str) -> (u16, i32, Value) {
    let rejection = read(body).expect_err(body);
    let answer: Value = serde_json::from_slice(&rejection.body()).unwrap();
    assert_eq!(answer["jsonrpc"], "2.0");
    assert_eq!(answer["error"]["code"], rejection.code());
    assert_eq!(answer["error"]["message"], rejection.to_string());
    (
        rejection.status().as_u16(),
        rejection.code(),
        answer["id"].clone(),
    )
}

/// The positive twin: `CALL` with one piece replaced.
fn with(old: &str, new: &str) -> String {
    read(CALL).expect("the unchanged call is accepted");
    assert!(CALL.contains(old), "{old}");
    CALL.replace(old, new)
}

#[test]
fn a_call_is_read_and_written_canonically() {
    let spaced = CALL.replace(',', " ,\n ").replace("echo", "\\u0065ch\\\"o");
    let message = read(&spaced).unwrap();
    assert_eq!(message.kind(), Kind::Request);
    assert_eq!(message.method(), "tools/call");
    assert_eq!(message.id(), Some(Id::Integer("7")));
    assert_eq!(message.name(), Some("ech\"o"));
    assert_eq!(message.param("arguments"), Some(&br#"{"text":"hi"}"#[..]));
    assert_eq!(message.protocol_version(), None);
    assert_eq!(message.into_bytes(), CALL.replace("echo", "ech\\\"o"));
}

#[test]
fn what_a_message_is_about_depends_on_its_method() {
    for (method, field, value) in [
        ("prompts/get", "name", "greet"),
        ("resources/read", "uri", "file:///a b"),
        ("tasks/cancel", "taskId", "t1"),
    ] {
        let body = json!({"jsonrpc":"2.0","id":1,"method":method,"params":{(field):value}});
        assert_eq!(read(&body.to_string()).unwrap().name(), Some(value));
    }
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"x"}}"#;
    assert_eq!(read(list).unwrap().name(), None);
}

/// JR-01, JR-02, JR-03.
#[test]
fn duplicate_members_are_refused_naming_the_key() {
    for (body, key) in [
        (
            with(r#""id":7"#, r#""id":7,"method":"tools/list""#),
            "method",
        ),
        (
            with(r#""name":"echo""#, r#""name":"echo","name":"admin_wipe""#),
            "name",
        ),
        (
            with(
                r#""name":"echo""#,
                r#""name":"echo","na\u006de":"admin_wipe""#,
            ),
            "name",
        ),
        (
            with(r#""text":"hi""#, r#""text":"hi","te\u0078t":"ho""#),
            "text",
        ),
    ] {
        assert_eq!(refused(&body), (400, -32600, Value::Null));
        assert!(read(&body).unwrap_err().to_string().contains(key));
    }
}

/// JR-04 (CVE-2026-27896).
#[test]
fn case_variants_of_known_keys_are_refused() {
    for extra in [
        "Method", "PARAMS", "Params", "ID", "JsonRpc", "paramſ", "ıd", "Result",
    ] {
        let body = with("{\"jsonrpc\"", &format!("{{\"{extra}\":1,\"jsonrpc\""));
        assert_eq!(refused(&body), (400, -32600, json!(7)), "{extra}");
    }
    for extra in [
        "NAME",
        "Name",
        "Arguments",
        "argumentſ",
        "_META",
        "URI",
        "taskid",
        "taſKId",
        "task\u{212a}",
    ] {
        let body = with("\"name\"", &format!("\"{extra}\":1,\"name\""));
        let variant = extra != "task\u{212a}";
        assert_eq!(read(&body).is_err(), variant, "{extra}");
        assert!(!variant || refused(&body) == (400, -32600, json!(7)));
    }
    let meta = with(
        "\"name\"",
        "\"_meta\":{\"io.modelcontextprotocol/ProtocolVersion\":\"1\"},\"name\"",
    );
    assert_eq!(refused(&meta), (400, -32600, json!(7)));
}

#[test]
fn other_members_of_params_survive_and_of_the_envelope_do_not() {
    let more = with(
        "\"name\"",
        r#""Extra":{"Name":[1e5,18446744073709551616]},"_meta":{"x/Y":null},"name""#,
    );
    assert_eq!(read(&more).unwrap().into_bytes(), more);
    let envelope = with("\"id\"", r#""trace":1,"id""#);
    assert_eq!(refused(&envelope), (400, -32600, json!(7)));
}

/// JR-05; also for 2025-03-26, the only version with batches.
#[test]
fn batches_and_scalars_are_refused() {
    for body in [
        format!("[{}]", with("7", "8")),
        "[]".into(),
        "1".into(),
        "null".into(),
        "\"x\"".into(),
    ] {
        assert_eq!(refused(&body), (400, -32600, Value::Null), "{body}");
    }
}

/// JR-06, JR-07, JR-08.
#[test]
fn ids_are_short_strings_or_safe_integers() {
    let longest = format!("\"{}\"", "\\u0041".repeat(128));
    for id in [
        "0",
        "-1",
        "9007199254740991",
        "-9007199254740991",
        "\"\"",
        "\"listen:0\"",
        &longest,
    ] {
        assert!(read(&with(":7", &format!(":{id}"))).is_ok(), "{id}");
    }
    let long = format!("\"{}\"", "x".repeat(129));
    let longer = format!("\"{}\"", "x".repeat(10_240));
    for id in [
        "null",
        "1.5",
        "1.0",
        "1e3",
        "true",
        "{}",
        "[1]",
        "-0",
        "9007199254740992",
        "-9007199254740992",
        &long,
        &longer,
    ] {
        let body = with(":7", &format!(":{id}"));
        assert_eq!(refused(&body), (400, -32600, Value::Null), "{id}");
    }
}

/// JR-08, JR-10.
#[test]
fn ids_are_echoed_with_their_type() {
    for id in [
        "1",
        "\"1\"",
        "9007199254740991",
        "-9007199254740991",
        "\"a\\n\\\"\"",
    ] {
        let message = read(&with(":7", &format!(":{id}"))).unwrap();
        assert_eq!(message.id().map(Id::raw), Some(id));
        let body = with(":7", &format!(":{id}")).replace("2.0", "1.0");
        assert_eq!(refused(&body).2, serde_json::from_str::<Value>(id).unwrap());
    }
    assert_ne!(Id::Integer("1"), Id::Text("\"1\""));
}

/// JR-11.
#[test]
fn responses_are_kept_apart() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"no"}}"#,
    ] {
        let message = read(body).unwrap();
        assert_eq!((message.kind(), message.method()), (Kind::Response, ""));
        let rejection = message.refuse_response();
        assert_eq!(
            (rejection.status().as_u16(), rejection.code()),
            (400, -32600)
        );
    }
    for body in [
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"tools/call","params":{"name":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#,
    ] {
        assert_eq!((refused(body).0, refused(body).1), (400, -32600), "{body}");
    }
}

/// JR-12, JR-13, JR-15, JR-24.
#[test]
fn what_is_not_json_is_a_parse_error() {
    let mut bytes = with("echo", "ech#").into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'#').unwrap();
    bytes[at] = 0xff;
    let rejection = Message::read(bytes.into()).unwrap_err();
    assert_eq!(
        (rejection.status().as_u16(), rejection.code()),
        (400, -32700)
    );
    for body in [
        with("echo", "\\ud800"),
        CALL.repeat(2),
        format!("{CALL} x"),
        format!("\u{feff}{CALL}"),
        with("\"id\"", "/* c */\"id\""),
        with("\"hi\"", "\"hi\","),
    ] {
        assert_eq!(refused(&body), (400, -32700, Value::Null), "{body}");
    }
}

/// JR-14, JR-22, JR-25.
#[test]
fn json_that_parsers_may_fail_on_is_refused() {
    let flood: Vec<String> = (0..1_000_000).map(|key| format!("\"{key}\":0")).collect();
    for arguments in [
        "[".repeat(200) + &"]".repeat(200),
        r#"{"amount":1e400}"#.to_owned(),
        format!("{{{}}}", flood.join(",")),
    ] {
        let body = with(r#"{"text":"hi"}"#, &arguments);
        assert_eq!(refused(&body), (400, -32600, Value::Null));
    }
}

/// JR-16.
#[test]
fn the_json_rpc_version_is_two() {
    for version in [
        "\"jsonrpc\":\"1.0\",",
        "",
        "\"jsonrpc\":2,",
        "\"jsonrpc\":2.0,",
        "\"jsonrpc\":\"2\",",
    ] {
        let body = with("\"jsonrpc\":\"2.0\",", version);
        assert_eq!(refused(&body), (400, -32600, json!(7)), "{version}");
    }
    let escaped = with("2.0", "\\u0032.0");
    assert!(read(&escaped).is_ok());
}

/// JR-17.
#[test]
fn misspelt_methods_are_unknown() {
    assert!(read(&with("tools/call", "tools\\/call")).is_ok());
    for method in [
        "Tools/Call",
        "tools/Call",
        "tools/call ",
        " tools/call",
        "tools//call",
        "/tools/call",
        "tools/",
        "tools",
        "TOOLS/CALL",
        "toolſ/call",
        "too\u{200d}ls/call",
        "Initialize",
        "pinG",
        "rpc.discover",
        "tools/call\\n",
        "tools/call\\u0000",
        "a-b/c",
        "1a/b",
        "notifications/Cancelled",
        "Notifications/x",
        "notificationS/x",
        "",
    ] {
        assert_eq!(
            refused(&with("tools/call", method)),
            (404, -32601, json!(7)),
            "{method}"
        );
    }
    let long = format!("a/{}", "b".repeat(127));
    assert_eq!(refused(&with("tools/call", &long)), (404, -32601, json!(7)));
    for method in ["null", "1", "[]", "{}"] {
        let body = with("\"tools/call\"", method);
        assert_eq!(refused(&body), (400, -32600, json!(7)), "{method}");
    }
    assert_eq!(
        refused(r#"{"jsonrpc":"2.0","id":7}"#),
        (400, -32600, json!(7))
    );
}

/// JR-18, as the design rules it: forwarded, decided by policy.
#[test]
fn unknown_methods_of_the_right_form_are_messages() {
    for method in [
        "admin/dump",
        "skills/list",
        "resources/directory/read",
        "x9/Y_z",
    ] {
        let message = read(&with("tools/call", method)).unwrap();
        assert_eq!((message.method(), message.kind()), (method, Kind::Request));
    }
    let body = r#"{"jsonrpc":"2.0","method":"admin/dumped"}"#;
    assert_eq!(read(body).unwrap().kind(), Kind::Notification);
}

/// JR-19.
#[test]
fn a_known_request_needs_an_id_and_a_notification_has_none() {
    assert_eq!(refused(&with("\"id\":7,", "")), (400, -32600, Value::Null));
    for method in ["initialize", "ping", "tools/list", "server/discover"] {
        let body = json!({"jsonrpc":"2.0","method":method}).to_string();
        assert_eq!(refused(&body), (400, -32600, Value::Null), "{method}");
    }
    let done = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(read(done).unwrap().kind(), Kind::Notification);
    assert_eq!(read(done).unwrap().id(), None);
    let asked = r#"{"jsonrpc":"2.0","id":7,"method":"notifications/initialized"}"#;
    assert_eq!(refused(asked), (400, -32600, json!(7)));
}

/// JR-20, JR-21: other bytes are another name; control characters are none.
#[test]
fn names_are_compared_as_bytes_and_bounded() {
    for name in [
        "ｅcho",
        "e\u{301}cho",
        "ec\u{200d}ho",
        "s2__pay",
        "s2/pay",
        "../s2/pay",
        &"x".repeat(128),
    ] {
        assert_eq!(read(&with("echo", name)).unwrap().name(), Some(name));
    }
    for name in [
        "",
        "echo\\n",
        "echo\\u0000",
        "echo\u{7f}",
        "echo\u{85}",
        &"x".repeat(129),
        &"é".repeat(65),
    ] {
        assert_eq!(
            refused(&with("echo", name)),
            (400, -32602, json!(7)),
            "{name}"
        );
    }
    for name in ["null", "1", "[\"echo\"]"] {
        assert_eq!(
            refused(&with("\"echo\"", name)),
            (400, -32602, json!(7)),
            "{name}"
        );
    }
    assert_eq!(
        refused(&with("\"name\":\"echo\",", "")),
        (400, -32602, json!(7))
    );
}

/// JR-23.
#[test]
fn params_and_meta_are_objects() {
    let list = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"_meta":{}}}"#;
    assert!(read(list).is_ok());
    assert!(read(&list.replace(r#","params":{"_meta":{}}"#, "")).is_ok());
    for shape in ["[]", "\"x\"", "null", "1"] {
        let params = list.replace(r#"{"_meta":{}}"#, shape);
        assert_eq!(refused(&params), (400, -32602, json!(7)), "{shape}");
        let meta = list.replace(r#""_meta":{}"#, &format!("\"_meta\":{shape}"));
        assert_eq!(refused(&meta), (400, -32602, json!(7)), "{shape}");
    }
}

/// The letters of a key as a parser sees it that folds case beyond ASCII.
fn fold(key: &str) -> String {
    key.replace(['ſ', 's'], "S")
        .replace(['ı', 'İ', 'i'], "I")
        .replace(['\u{212a}', 'k'], "K")
        .to_uppercase()
}

proptest! {
    /// security.md §3.3, item 1: a first-wins, a last-wins and a case-folding reader agree with us.
    #[test]
    fn every_reader_finds_the_same_method_and_name(
        envelope in vec(select(&["method", "Method", "meth\\u006fd", "ıd", "paramſ"][..]), 0..2),
        params in vec(select(&["name", "Name", "n\\u0061me", "uri", "argumentſ", "x", "X", "y", "z"][..]), 0..3),
        front in any::<bool>(),
    ) {
        let place = |extras: &[&str], own: &str| {
            let mut members: Vec<String> = extras.iter().map(|key| format!("\"{key}\":\"tools/list\"")).collect();
            members.insert(if front { 0 } else { members.len() }, own.to_owned());
            members.join(",")
        };
        let inner = place(&params, "\"name\":\"echo\"");
        let own = format!("\"id\":1,\"method\":\"tools/call\",\"params\":{{{inner}}}");
        let body = format!("{{\"jsonrpc\":\"2.0\",{}}}", place(&envelope, &own));

        let repeated = params.len() == 2 && params[0] == params[1];
        let harmless = params.iter().all(|key| ["uri", "x", "X", "y", "z"].contains(key));
        let message = read(&body);
        prop_assert_eq!(message.is_ok(), envelope.is_empty() && harmless && !repeated, "{}", body);
        let Ok(message) = message else { return Ok(()) };
        let found = |scope, wanted: &str| -> Vec<String> {
            let members = message.document.members(scope);
            let folded = members.filter(|(key, _)| fold(std::str::from_utf8(key).unwrap()) == wanted);
            folded.map(|(_, value)| String::from_utf8(value.to_vec()).unwrap()).collect()
        };
        prop_assert_eq!(found(Scope::Envelope, "METHOD"), ["\"tools/call\""]);
        prop_assert_eq!(found(Scope::Params, "NAME"), ["\"echo\""]);
        prop_assert_eq!((message.method(), message.name()), ("tools/call", Some("echo")));
    }
}
