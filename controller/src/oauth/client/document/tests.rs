use serde_json::json;

use super::*;
use crate::oauth::issuer::tests::at;

/// CIMD-1, A24: what cannot be the address of a document is not called.
#[test]
fn an_address_is_https_and_spelled_in_the_usual_way() {
    let issuer = at("https://acme.test");
    for id in [
        "https://app.test/oauth/client.json",
        "https://app.test:8443/c?v=1",
        "https://claude.ai/oauth/mcp-oauth-client-metadata",
    ] {
        assert!(address(id, &issuer).is_ok(), "{id}");
    }
    for id in [
        "http://localhost/client.json",
        "https://app.test/",
        "https://app.test",
        "https://127.0.0.1/c",
        "https://[::1]/c",
        "https://169.254.169.254/c",
        "https://2130706433/c",
        "https://0x7f.1/c",
        "https://[::ffff:10.0.0.1]/c",
        "https://[64:ff9b::a00:1]/c",
        "https://user@app.test/c",
        "https://app.test/c#x",
        "https://app.test/a/../c",
        "https://app.test/%2e%2e/c",
        "https://APP.test/c",
        "https://app.test:443/c",
        "https://app.test./c",
        "https://b\u{fc}cher.test/c",
        "https://app.test\\@evil.test/c",
        "https://acme.test/c",
        "https://acme.test/mcp/x",
    ] {
        assert!(address(id, &issuer).is_err(), "{id}");
    }
}

/// CIMD-2, CIMD-6, CIMD-7: as the large vendors write them, more or less.
#[test]
fn what_both_sides_know_is_taken_over() {
    let claude = read(&json!({
        "client_id": ID,
        "client_name": "Claude",
        "redirect_uris": ["https://app.test/cb", "javascript:x"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "token_endpoint_auth_method": "none",
        "logo_uri": null,
        "something": {"new": [1]},
    }));
    let claude = claude.unwrap();
    assert_eq!(claude.redirect_uris, ["https://app.test/cb"]);
    assert_eq!(claude.grant_types, ["authorization_code", "refresh_token"]);
    assert_eq!(claude.auth_methods, [AuthMethod::None]);
    let chatgpt = read(&json!({
        "client_id": ID,
        "client_name": "ChatGPT",
        "redirect_uris": ["https://app.test/cb"],
        "token_endpoint_auth_method": ["private_key_jwt", "client_secret_post"],
        "token_endpoint_auth_methods_supported": ["none", "tls_client_auth"],
        "jwks_uri": "https://app.test/jwks.json",
    }));
    let chatgpt = chatgpt.unwrap();
    let both = [AuthMethod::PrivateKeyJwt, AuthMethod::None];
    assert_eq!(chatgpt.auth_methods, both);
    assert_eq!(chatgpt.keys, Keys::At("https://app.test/jwks.json".into()));
    assert_eq!(chatgpt.grant_types, ["authorization_code", "refresh_token"]);
}

/// A26, A27, A28, CIMD-2, CIMD-6.
#[test]
fn a_document_that_is_not_what_it_must_be_is_refused() {
    let good = || {
        json!({
            "client_id": ID,
            "client_name": "App",
            "redirect_uris": ["https://app.test/cb"],
        })
    };
    assert!(read(&good()).is_ok());
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ", "d": "ZA"});
    for (member, value) in [
        ("client_id", json!("https://app.test/client.json/")),
        ("client_id", json!("https://app.test/Client.json")),
        ("client_id", json!(7)),
        ("client_name", json!("")),
        ("client_name", json!(null)),
        ("redirect_uris", json!([])),
        ("redirect_uris", json!(["http://evil.test/cb"])),
        ("redirect_uris", json!("https://app.test/cb")),
        ("redirect_uris", json!(vec!["https://app.test/cb"; 33])),
        ("grant_types", json!(["client_credentials"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("client_secret", json!("x")),
        ("jwks", json!({"keys": [jwk]})),
        ("jwks", json!("x")),
    ] {
        let mut bad = good();
        bad[member] = value.clone();
        assert!(read(&bad).is_err(), "{member}: {value}");
    }
    let zero = json!({"keys": [], "x": ["\0"]});
    let mut bad = good();
    bad["jwks"] = zero;
    assert_eq!(read(&bad), Err("its jwks cannot be used"));
    let mut foreign = good();
    foreign["token_endpoint_auth_method"] = json!("private_key_jwt");
    foreign["jwks_uri"] = json!("https://evil.test/jwks.json");
    assert!(read(&foreign).is_err());
    foreign["jwks_uri"] = json!("https://app.test/jwks.json");
    assert!(read(&foreign).is_ok());
    let text = good().to_string();
    let twice = text.replacen('{', &format!(r#"{{"client_id":"{ID}","#), 1);
    let bom = format!("\u{feff}{text}");
    for text in [&twice, &bom, "", "[]", "<html>"] {
        assert!(Document::read(ID, text.as_bytes()).is_err(), "{text}");
    }
}

fn read(document: &Value) -> Result<Document, &'static str> {
    Document::read(ID, document.to_string().as_bytes())
}

const ID: &str = "https://app.test/client.json";
