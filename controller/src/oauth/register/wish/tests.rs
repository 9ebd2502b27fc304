use super::*;

/// DCR-1, DCR-2, DCR-3: what Cursor registers comes back, but for what cannot be used. Golden.
#[test]
fn cursor_is_told_all_that_counts() {
    let wish = read(&json!({
        "client_name": "Cursor",
        "redirect_uris": [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
            "http://evil.test/cb",
        ],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
        "software_statement": "x.y.z",
        "logo_uri": "",
    }))
    .unwrap();
    insta::assert_json_snapshot!(wish.answer("client-1", 1_700_000_000, None));
    assert!(wish.hash().is_some());
}

/// DCR-2, DCR-7, TOK-8: who does not say how it authenticates gets a secret, and both ways to use it.
#[test]
fn who_names_no_method_gets_a_secret() {
    let wish = read(&json!({
        "client_name": "python",
        "redirect_uris": ["http://localhost:3030/callback"],
        "scope": "mcp openid bogus",
    }))
    .unwrap();
    assert_eq!(
        wish.metadata.further_auth_methods,
        [AuthMethod::ClientSecretPost]
    );
    assert_eq!(wish.hash(), None);
    let answer = wish.answer("client-1", 1_700_000_000, Some("aldcsx"));
    insta::assert_json_snapshot!(answer);
    assert!(!answer.to_string().contains("null"));
}

/// §3.4: what other clients send.
#[test]
fn what_clients_send_to_everybody_is_taken() {
    let uri = "http://127.0.0.1:7777/oauth/callback";
    for (who, body, method) in [
        (
            "Gemini",
            json!({"redirect_uris": [uri], "scope": "", "token_endpoint_auth_method": "none"}),
            AuthMethod::None,
        ),
        (
            "Copilot Studio",
            json!({
                "redirect_uris": ["https://global.consent.azure-apim.net/redirect/abc-1"],
                "token_endpoint_auth_method": "client_secret_post",
                "grant_types": ["authorization_code", "refresh_token"],
            }),
            AuthMethod::ClientSecretPost,
        ),
        (
            "VS Code",
            json!({
                "client_name": "Visual Studio Code",
                "client_uri": "https://code.visualstudio.com",
                "redirect_uris": ["https://insiders.vscode.dev/redirect",
                    "https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
                "grant_types": ["authorization_code", "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code"],
                "token_endpoint_auth_method": "none",
                "application_type": "native",
            }),
            AuthMethod::None,
        ),
        (
            "nulls",
            json!({"redirect_uris": [uri], "client_name": null, "grant_types": null,
                "token_endpoint_auth_method": "none", "jwks": null, "jwks_uri": ""}),
            AuthMethod::None,
        ),
        (
            "odd types",
            json!({"redirect_uris": [uri], "client_name": 7, "grant_types": "x",
                "scope": ["a"], "contacts": {"a": [[[]]]},
                "token_endpoint_auth_method": "tls_client_auth"}),
            AuthMethod::ClientSecretBasic,
        ),
        (
            "a device",
            json!({"grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
                "token_endpoint_auth_method": "none"}),
            AuthMethod::None,
        ),
    ] {
        let wish = read(&body).unwrap_or_else(|fault| panic!("{who}: {fault}"));
        assert_eq!(wish.metadata.token_endpoint_auth_method, method, "{who}");
        assert!(
            !wish.answer("c", 1, None).to_string().contains("null"),
            "{who}"
        );
    }
}

/// A22, DCR-3, DCR-4.
#[test]
fn what_can_never_work_is_refused() {
    let uri = "https://app.test/cb";
    let jwk = json!({"keys": [{"kty": "oct", "k": "eA"}]});
    for (body, code) in [
        (json!([]), "invalid_client_metadata"),
        (json!({}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": "https://app.test/cb"}),
            "invalid_redirect_uri",
        ),
        (json!({"redirect_uris": [7]}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["javascript:alert(1)"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["data:text/html,x"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["http://evil.test/cb"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["https://localhost/cb"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["https://*.app.test/cb"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": vec![uri; 100]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": [format!("https://a.test/{}", "x".repeat(2048))]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": [uri], "token_endpoint_auth_method": "private_key_jwt"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": [uri], "jwks": jwk}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": [uri], "jwks_uri": "http://app.test/jwks"}),
            "invalid_client_metadata",
        ),
    ] {
        let fault = read(&body).unwrap_err();
        assert!(fault.to_string().starts_with(code), "{body}: {fault}");
    }
    assert!(read(&json!({"redirect_uris": [uri]})).is_ok());
    assert!(Wish::read(b"client_name=x", &Rules::default()).is_err());
}

/// A23, DCR: registrations that differ in a free port alone are one.
#[test]
fn who_registers_alike_shares_a_row() {
    let hash = |uris: &[&str], name: &str, method: &str| {
        let body = json!({"client_name": name, "redirect_uris": uris,
            "token_endpoint_auth_method": method});
        read(&body).unwrap().hash()
    };
    let (a, b) = ("http://localhost:1/cb", "https://app.test/cb");
    let one = hash(&[a, b], "App", "none");
    assert!(one.is_some());
    assert_eq!(one, hash(&[b, "http://localhost:2/cb"], "App", "none"));
    assert_ne!(one, hash(&[a, b], "Other", "none"));
    assert_ne!(one, hash(&[a], "App", "none"));
    assert_ne!(one, hash(&["http://127.0.0.1:1/cb", b], "App", "none"));
    assert_eq!(hash(&[a, b], "App", "client_secret_post"), None);
}

fn read(body: &Value) -> Result<Wish, Fault> {
    Wish::read(body.to_string().as_bytes(), &Rules::default())
}
