//! The order of the rules of mcp.md §1.8.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::mirror::tests::{headers, message, modern};

/// Status, code and error of the refusal.
fn refused(body: &Value, pairs: &[(&str, &str)]) -> (u16, i32, Value) {
    let rejection = classify(&message(body), &headers(pairs)).expect_err("refused");
    let answer: Value = serde_json::from_slice(&rejection.body()).unwrap();
    assert_eq!(answer["id"], body["id"]);
    let error = answer["error"].clone();
    (rejection.status().as_u16(), rejection.code(), error)
}

fn code(body: &Value, pairs: &[(&str, &str)]) -> i32 {
    refused(body, pairs).1
}

fn legacy(version: LegacyVersion) -> Era {
    Era::Legacy { version }
}

const V: &str = "mcp-protocol-version";
const NOW: (&str, &str) = (V, "2026-07-28");
const CALL: (&str, &str) = ("mcp-method", "tools/call");

#[test]
fn a_message_without_claim_is_legacy_with_the_version_of_its_header() {
    let call = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}});
    let era = |pairs: &[_]| classify(&message(&call), &headers(pairs)).unwrap();
    assert_eq!(era(&[]), legacy(LegacyVersion::V2025_03_26));
    for version in LegacyVersion::ALL {
        assert_eq!(era(&[(V, version.as_str())]), legacy(version));
    }
    assert_eq!(
        era(&[(V, " 2025-06-18\t")]),
        legacy(LegacyVersion::V2025_06_18)
    );
    for wrong in ["1999-01-01", "2025-11-25x", "", "draft", "2024-10-07"] {
        let (status, code, error) = refused(&call, &[(V, wrong)]);
        assert_eq!((status, code), (400, -32022), "{wrong}");
        assert_eq!(error["data"]["requested"], wrong);
        assert!(
            error["data"]["supported"]
                .as_array()
                .unwrap()
                .contains(&json!("2025-11-25"))
        );
    }
    assert_eq!(code(&call, &[(V, "2025-06-18"), (V, "2025-06-18")]), -32020);
}

/// MH-11.
#[test]
fn a_modern_header_without_claim_names_the_missing_keys() {
    let call = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}});
    for version in ["2026-07-28", "2027-01-01"] {
        let (status, code, error) = refused(&call, &[(V, version), CALL]);
        assert_eq!((status, code), (400, -32602));
        let text = error["message"].as_str().unwrap();
        assert!(
            text.contains(VERSION_KEY) && text.contains(CAPABILITIES_KEY),
            "{text}"
        );
    }
}

/// MH-11.
#[test]
fn a_malformed_claim_is_refused_and_never_legacy() {
    assert_eq!(
        classify(&message(&modern("echo")), &headers(&[NOW, CALL])).unwrap(),
        Era::Modern
    );
    for (key, value) in [
        (VERSION_KEY, json!(null)),
        (VERSION_KEY, json!(20_260_728)),
        (VERSION_KEY, json!("")),
        (VERSION_KEY, json!("x".repeat(65))),
        (CAPABILITIES_KEY, json!([])),
        (CAPABILITIES_KEY, json!(null)),
    ] {
        let mut body = modern("echo");
        body["params"]["_meta"][key] = value.clone();
        let (status, code, error) = refused(&body, &[NOW, CALL]);
        assert_eq!((status, code), (400, -32602), "{value}");
        assert!(error["message"].as_str().unwrap().contains(key));
        assert_eq!(self::code(&body, &[]), -32602);
    }
    let mut body = modern("echo");
    body["params"]["_meta"]
        .as_object_mut()
        .unwrap()
        .remove(CAPABILITIES_KEY);
    assert_eq!(code(&body, &[NOW, CALL]), -32602);
}

/// MH-06.
#[test]
fn the_version_header_must_equal_the_claim() {
    let mut body = modern("echo");
    assert_eq!(code(&body, &[(V, "2025-11-25"), CALL]), -32020);
    body["params"]["_meta"][VERSION_KEY] = json!("2025-11-25");
    assert_eq!(code(&body, &[NOW, CALL]), -32020);
    assert_eq!(code(&body, &[(V, "2025-11-25"), CALL]), -32022);
}

/// MH-07.
#[test]
fn an_unknown_version_is_answered_with_the_supported_ones() {
    let mut body = modern("echo");
    body["params"]["_meta"][VERSION_KEY] = json!("1999-01-01");
    let (status, code, error) = refused(&body, &[(V, "1999-01-01"), CALL]);
    assert_eq!((status, code), (400, -32022));
    assert_eq!(
        error["data"],
        json!({"supported":["2026-07-28"],"requested":"1999-01-01"})
    );
}

/// MH-03; mcp.md §1.8: mismatch, then version, then missing headers, the version header first.
#[test]
fn modern_checks_come_in_their_order() {
    let mut unknown = modern("echo");
    unknown["params"]["_meta"][VERSION_KEY] = json!("1999-01-01");
    assert_eq!(code(&unknown, &[("mcp-method", "tools/list")]), -32020);
    assert_eq!(code(&unknown, &[]), -32022);
    let missing = |pairs: &[_]| refused(&modern("echo"), pairs).2["message"].to_string();
    assert!(missing(&[]).contains("MCP-Protocol-Version"));
    assert!(missing(&[CALL]).contains("MCP-Protocol-Version"));
    assert!(missing(&[NOW]).contains("Mcp-Method"));
    assert_eq!(code(&modern("echo"), &[NOW]), -32020);
}

/// mcp.md §1.8, rule 4; mcp-remote sends `mcp-method` on a legacy handshake.
#[test]
fn initialize_is_legacy_unless_its_claim_is_valid() {
    let mut body = json!({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}});
    assert_eq!(message(&body).requested_version(), Some("2025-11-25"));
    let era = |body: &Value, pairs: &[_]| classify(&message(body), &headers(pairs));
    let assumed = legacy(LegacyVersion::V2025_03_26);
    assert_eq!(era(&body, &[]).unwrap(), assumed);
    assert_eq!(
        era(&body, &[("mcp-method", "initialize")]).unwrap(),
        assumed
    );
    assert_eq!(era(&body, &[(V, "1999-01-01")]).unwrap(), assumed);
    assert_eq!(code(&body, &[NOW]), -32020);
    body["params"]["_meta"] = json!({VERSION_KEY: "2026-07-28"});
    assert_eq!(era(&body, &[]).unwrap(), assumed);
    body["params"]["_meta"][CAPABILITIES_KEY] = json!({});
    let method = ("mcp-method", "initialize");
    assert_eq!(code(&body, &[(V, "2025-11-25"), method]), -32020);
    let (status, code, _) = refused(&body, &[NOW, method]);
    assert_eq!((status, code), (404, -32601));
}

#[test]
fn notifications_may_be_modern_by_header_alone() {
    let body = json!({"jsonrpc":"2.0","method":"notifications/x"});
    let era = |pairs: &[_]| classify(&message(&body), &headers(pairs));
    assert_eq!(era(&[NOW]).unwrap(), Era::Modern);
    assert_eq!(era(&[]).unwrap(), legacy(LegacyVersion::V2025_03_26));
    assert_eq!(era(&[NOW, CALL]).unwrap_err().code(), -32020);
    assert_eq!(era(&[(V, "2030-01-01")]).unwrap_err().code(), -32022);
}

/// JR-11.
#[test]
fn responses_are_legacy() {
    let read = Message::read(Bytes::from_static(
        br#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ))
    .unwrap();
    let era = classify(&read, &headers(&[(V, "2025-11-25")])).unwrap();
    assert_eq!(era, legacy(LegacyVersion::V2025_11_25));
    let rejection = classify(&read, &headers(&[NOW])).unwrap_err();
    assert_eq!(
        (rejection.status().as_u16(), rejection.code()),
        (400, -32600)
    );
}

#[test]
fn a_stream_or_a_delete_has_a_legacy_version() {
    assert_eq!(
        legacy_header(&headers(&[])).unwrap(),
        LegacyVersion::V2025_03_26
    );
    assert_eq!(
        legacy_header(&headers(&[(V, "2025-11-25")])).unwrap(),
        LegacyVersion::V2025_11_25
    );
    assert_eq!(
        legacy_header(&headers(&[(V, "x")])).unwrap_err().status(),
        400
    );
}
