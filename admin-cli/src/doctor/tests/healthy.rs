//! An authorization server and an MCP server behind it, with nothing wrong.

use serde_json::{Value, json};

use crate::scripted::{Arrived, Reply};

/// Answers as it should.
pub(super) fn healthy(request: &Arrived) -> Reply {
    let at = &request.origin;
    match (request.method.as_str(), request.path.as_str()) {
        ("OPTIONS", _) => preflight(),
        (_, "/mcp") => mcp(request),
        (
            _,
            "/.well-known/oauth-protected-resource" | "/.well-known/oauth-protected-resource/mcp",
        ) => found(&json!({
            "resource": format!("{at}/mcp"),
            "authorization_servers": [at],
            "scopes_supported": ["mcp"],
        })),
        (_, "/.well-known/oauth-authorization-server") => found(&metadata(at)),
        ("POST", "/register") => register(&request.text()),
        ("GET", "/authorize") => {
            let to = format!("/login?{}", carried(&request.query));
            (
                303,
                vec![("location", to), ("set-cookie", "b=1; Path=/".into())],
                String::new(),
            )
        }
        ("GET", "/login") => page(
            request,
            "login",
            "<input name=login><input name=password type=password>",
        ),
        ("POST", "/login") if request.param("password").as_deref() == Some("correct") => {
            let to = format!(
                "/consent?{}",
                carried(&request.param("t").unwrap_or_default())
            );
            (303, vec![("location", to)], String::new())
        }
        ("POST", "/login") => page(
            request,
            "login",
            "<p class=\"problem\">Wrong.</p><input name=login><input name=password>",
        ),
        ("GET", "/consent") => page(
            request,
            "consent",
            "<button name=decision value=allow>Allow</button>",
        ),
        ("POST", "/consent") => back(request),
        ("POST", "/token") => token(),
        _ => (404, json_type(), json!({"error": "not_found"}).to_string()),
    }
}

fn metadata(at: &str) -> Value {
    json!({
        "issuer": at,
        "authorization_endpoint": format!("{at}/authorize"),
        "token_endpoint": format!("{at}/token"),
        "registration_endpoint": format!("{at}/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "scopes_supported": ["mcp", "offline_access"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn mcp(request: &Arrived) -> Reply {
    if request.header("authorization") != "Bearer a" {
        let challenge = format!(
            "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"mcp\"",
            request.origin
        );
        return (401, vec![("www-authenticate", challenge)], String::new());
    }
    let message: Value = serde_json::from_str(&request.text()).unwrap_or_default();
    let result = match message["method"].as_str() {
        Some("initialize") => json!({"protocolVersion": "2025-06-18", "capabilities": {}}),
        Some("tools/list") => {
            assert_eq!(request.header("mcp-session-id"), "s");
            json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]})
        }
        _ => return (202, vec![], String::new()),
    };
    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    let headers = vec![
        ("content-type", "text/event-stream".into()),
        ("mcp-session-id", "s".into()),
    ];
    (200, headers, format!("event: message\ndata: {answer}\n\n"))
}

fn register(body: &str) -> Reply {
    let mut body: Value = serde_json::from_str(body).unwrap();
    body["client_id"] = "c".into();
    if body["token_endpoint_auth_method"] != "none" {
        body["client_secret"] = "s".into();
    }
    (201, json_type(), body.to_string())
}

/// The authorization request, as the pages hand it on.
fn carried(query: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("t", query);
    form.finish()
}

fn page(request: &Arrived, what: &str, fields: &str) -> Reply {
    assert_eq!(request.header("cookie"), "b=1");
    let t = request.param("t").unwrap_or_default().replace('&', "&amp;");
    let html = format!(
        "<title>{what}</title><form method=post action=\"/{what}\"><input type=hidden name=t value=\"{t}\">{fields}</form>"
    );
    (200, vec![("content-type", "text/html".into())], html)
}

fn back(request: &Arrived) -> Reply {
    assert_eq!(request.param("decision").as_deref(), Some("allow"));
    let asked = request.param("t").unwrap_or_default();
    let asked = crate::callback::Returned::parse(&asked);
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("code", "k")
        .append_pair("state", asked.get("state").unwrap_or_default())
        .append_pair("iss", &request.origin);
    let to = format!(
        "{}?{}",
        asked.get("redirect_uri").unwrap_or_default(),
        form.finish()
    );
    (303, vec![("location", to)], String::new())
}

fn token() -> Reply {
    let body = json!({
        "access_token": "a",
        "refresh_token": "r",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "mcp",
    });
    let mut headers = json_type();
    headers.push(("cache-control", "no-store".into()));
    (200, headers, body.to_string())
}

fn preflight() -> Reply {
    let headers = vec![
        ("access-control-allow-origin", "*".into()),
        ("access-control-allow-headers", "*".into()),
    ];
    (204, headers, String::new())
}

fn found(document: &Value) -> Reply {
    (200, json_type(), document.to_string())
}

pub(super) fn json_type() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".into())]
}
