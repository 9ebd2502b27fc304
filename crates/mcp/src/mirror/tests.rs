//! The MH rows of the attack catalogue that the headers decide.

use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::era::{LegacyVersion, classify};

pub(crate) fn message(body: &Value) -> Message {
    Message::read(Bytes::from(body.to_string())).expect("a valid message")
}

/// A modern `tools/call`.
pub(crate) fn modern(tool: &str) -> Value {
    json!({"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":tool,"arguments":{},"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{},
    }}})
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The headers of [`modern`], and more.
fn full(tool: &str, more: &[(&str, &str)]) -> HeaderMap {
    let mut headers = headers(more);
    headers.insert(VERSION, HeaderValue::from_static("2026-07-28"));
    headers.insert(METHOD, HeaderValue::from_static("tools/call"));
    headers.insert(NAME, HeaderValue::from_bytes(tool.as_bytes()).unwrap());
    headers
}

fn judge(body: &Value, headers: &HeaderMap) -> Result<(), (u16, i32)> {
    let message = message(body);
    classify(&message, headers)
        .and_then(|_| check(&message, headers))
        .map_err(|rejection| (rejection.status().as_u16(), rejection.code()))
}

const MISMATCH: Result<(), (u16, i32)> = Err((400, -32020));

/// MH-01, MH-02.
#[test]
fn method_and_name_must_equal_the_body() {
    let body = modern("echo");
    assert_eq!(judge(&body, &full("echo", &[])), Ok(()));
    assert_eq!(judge(&body, &full(" echo\t", &[])), Ok(()));
    for name in ["admin_wipe", "Echo", "", "echo x", "ｅcho"] {
        assert_eq!(judge(&body, &full(name, &[])), MISMATCH, "{name}");
    }
    for method in [
        "tools/list",
        "TOOLS/CALL",
        "",
        "=?base64?dG9vbHMvY2FsbA==?=",
    ] {
        let mut headers = full("echo", &[]);
        headers.insert(METHOD, HeaderValue::from_str(method).unwrap());
        assert_eq!(judge(&body, &headers), MISMATCH, "{method}");
        assert!(check(&message(&body), &headers).is_err());
    }
}

/// MH-03.
#[test]
fn a_modern_request_needs_its_headers() {
    for missing in [VERSION, METHOD, NAME] {
        let mut headers = full("echo", &[]);
        headers.remove(&missing);
        assert_eq!(judge(&modern("echo"), &headers), MISMATCH, "{missing}");
        assert!(check(&message(&modern("echo")), &headers).is_err());
    }
    let mut list = modern("echo");
    list["method"] = json!("tools/list");
    let mut headers = full("echo", &[]);
    headers.insert(METHOD, HeaderValue::from_static("tools/list"));
    headers.remove(NAME);
    assert_eq!(judge(&list, &headers), Ok(()));
}

/// MH-04.
#[test]
fn a_sentinel_stands_for_what_it_encodes() {
    for (tool, header) in [
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        ("echo", "=?base64?ZWNobw==?="),
        ("=?base64?x", "=?base64?x"),
        ("x?=", "x?="),
        (
            "=?base64?ZWNobw==?=",
            "=?base64?PT9iYXNlNjQ/WldOb2J3PT0/PQ==?=",
        ),
    ] {
        assert_eq!(judge(&modern(tool), &full(header, &[])), Ok(()), "{tool}");
    }
}

/// MH-05.
#[test]
fn a_broken_sentinel_is_refused() {
    for header in [
        "=?BASE64?ZWNobw==?=",
        "=?base64?ZWNobw==",
        "ZWNobw==?=",
        "=?base64?ZWNobw?=",
        "=?base64?ZWNobw=?=",
        "=?base64?ZWNobx==?=",
        "=?base64?ZWN obw==?=",
        "=?base64?ZWNo-_==?=",
        "=?base64?!!!!?=",
        "=?base64?/w==?=",
        "=?base64??=",
        "=?base64?=",
    ] {
        assert_eq!(
            judge(&modern("echo"), &full(header, &[])),
            MISMATCH,
            "{header}"
        );
    }
}

/// MH-08.
#[test]
fn headers_of_a_legacy_message_are_neither_believed_nor_an_error() {
    let body = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"admin_wipe"}});
    let mut lying = headers(&[
        ("mcp-name", "echo"),
        ("mcp-name", "x"),
        ("mcp-method", "tools/list"),
        ("mcp-param-a", "\u{e9}"),
    ]);
    lying.insert(VERSION, HeaderValue::from_static("2025-11-25"));
    assert_eq!(judge(&body, &lying), Ok(()));
    let message = message(&body);
    assert_eq!(message.name(), Some("admin_wipe"));
    let era = classify(&message, &lying).unwrap();
    let mut upstream = HeaderMap::new();
    write(&message, era, &lying, &mut upstream);
    assert_eq!(upstream, headers(&[("mcp-protocol-version", "2025-11-25")]));
}

/// MH-09.
#[test]
fn a_repeated_header_is_refused() {
    for (name, value) in [
        ("mcp-name", "echo"),
        ("mcp-method", "tools/call"),
        ("mcp-protocol-version", "2026-07-28"),
    ] {
        let mut headers = full("echo", &[]);
        headers.append(name, HeaderValue::from_static(value));
        assert_eq!(judge(&modern("echo"), &headers), MISMATCH, "{name}");
    }
    let once = full(
        "echo",
        &[("mcp-param-region", "eu"), ("mcp-param-zone", "eu")],
    );
    assert_eq!(judge(&modern("echo"), &once), Ok(()));
    let twice = full(
        "echo",
        &[("mcp-param-region", "eu"), ("Mcp-Param-Region", "eu")],
    );
    assert_eq!(judge(&modern("echo"), &twice), MISMATCH);
}

/// MH-10, as far as it shows without the schema of the tool.
#[test]
fn parameter_headers_must_be_well_formed() {
    for (value, expected) in [
        ("us-west1", Ok(())),
        ("=?base64?w6k=?=", Ok(())),
        ("=?base64?w6k?=", MISMATCH),
        ("é", MISMATCH),
    ] {
        let headers = full("echo", &[("mcp-param-region", value)]);
        assert_eq!(judge(&modern("echo"), &headers), expected, "{value}");
    }
}

/// MH-12: only what the body says goes upstream.
#[test]
fn upstream_headers_are_made_from_the_body() {
    let body = modern("Hello, 世界");
    let client = full(
        "=?base64?SGVsbG8sIOS4lueVjA==?=",
        &[
            ("mcp-param-region", "eu"),
            ("mcp-session-id", "x"),
            ("last-event-id", "5"),
        ],
    );
    let message = message(&body);
    let era = classify(&message, &client).unwrap();
    let mut upstream = HeaderMap::new();
    write(&message, era, &client, &mut upstream);
    let expected = full(
        "=?base64?SGVsbG8sIOS4lueVjA==?=",
        &[("mcp-param-region", "eu")],
    );
    assert_eq!(upstream, expected);
}

#[test]
fn a_legacy_handshake_gets_no_version_header() {
    let body = json!({"jsonrpc":"2.0","id":1,"method":"initialize","params":{}});
    let mut upstream = HeaderMap::new();
    let era = Era::Legacy {
        version: LegacyVersion::V2025_03_26,
    };
    let client = headers(&[
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", "initialize"),
    ]);
    write(&message(&body), era, &client, &mut upstream);
    assert!(upstream.is_empty());
}

proptest! {
    #[test]
    fn any_name_survives_the_way_through_a_header(name in "[ -~é\u{4e16}=?]{1,40}|=\\?base64\\?[a-zA-Z=]{0,8}(\\?=)?| ?x ?") {
        let mut headers = full("", &[]);
        headers.insert(NAME, encode_value(&name));
        prop_assert_eq!(judge(&modern(&name), &headers), Ok(()));
    }
}
