//! Issue 4, must-hold 3: the requests of well-known clients, as they send them (their habits are
//! those of late 2026), each from discovery to a refreshed token and a call.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Pkce, parameter},
    http::{Request, Response, host_of},
};

use crate::{
    calls::{MODERN, text_of, tool_call},
    people::People,
};

/// What a client does in its own way.
struct Vendor {
    name: &'static str,
    /// What it registers (RFC 7591); none if its id is the address of a document.
    registration: Option<Value>,
    /// The address of its document.
    document: Option<&'static str>,
    /// Where it wants the code.
    redirect: &'static str,
    /// The scope that it asks for.
    scope: Option<&'static str>,
    /// Whether it names the resource when it authorizes, redeems, refreshes.
    resource: [bool; 3],
    /// Further parameters of the authorization request.
    more: &'static [(&'static str, &'static str)],
    /// How it authenticates at the token endpoint.
    secret: Secret,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    None,
    Post,
    Basic,
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn vendors() -> Vec<Vendor> {
    let both = ["authorization_code", "refresh_token"];
    vec![
        Vendor {
            name: "Claude web, by document",
            registration: None,
            document: Some("https://claude.ai/oauth/mcp-oauth-client-metadata"),
            redirect: "https://claude.ai/api/mcp/auth_callback",
            scope: Some("mcp offline_access"),
            resource: [true, true, true],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "Claude web, registered",
            registration: Some(json!({
                "client_name": "Claude", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none", "scope": "mcp",
                "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
            })),
            document: None,
            redirect: "https://claude.ai/api/mcp/auth_callback",
            scope: Some("mcp offline_access"),
            resource: [true, true, false],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "Claude Code",
            registration: Some(json!({
                "client_name": "Claude Code (acme)", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none", "application_type": "native",
                "redirect_uris": ["http://localhost:54212/callback"],
            })),
            document: None,
            redirect: "http://localhost:61999/callback",
            scope: None,
            resource: [true, true, false],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "ChatGPT, by document",
            registration: None,
            document: Some("https://chatgpt.com/oauth/client.json"),
            redirect: "https://chatgpt.com/connector_platform_oauth_redirect",
            scope: None,
            resource: [true, true, true],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "ChatGPT, registered",
            registration: Some(json!({
                "client_name": "ChatGPT", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "redirect_uris": ["https://chatgpt.com/connector/oauth/a1b2c3"],
            })),
            document: None,
            redirect: "https://chatgpt.com/connector/oauth/a1b2c3",
            scope: Some("openid email profile"),
            resource: [true, true, true],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "Codex, which names the resource once",
            registration: Some(json!({
                "client_name": "Codex", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "redirect_uris": ["http://127.0.0.1:1455/callback"],
            })),
            document: None,
            redirect: "http://127.0.0.1:40001/callback",
            scope: Some("openid profile email offline_access"),
            resource: [true, false, false],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "Cursor, with all its redirects",
            registration: Some(json!({
                "client_name": "Cursor", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "redirect_uris": [
                    "cursor://anysphere.cursor-mcp/oauth/callback",
                    "https://www.cursor.com/agents/mcp/oauth/callback",
                    "http://localhost:8787/callback",
                ],
            })),
            document: None,
            redirect: "cursor://anysphere.cursor-mcp/oauth/callback",
            scope: Some("mcp"),
            resource: [true, true, true],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "VS Code",
            registration: Some(json!({
                "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
                "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
                "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
                "redirect_uris": [
                    "https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect",
                    "http://127.0.0.1/", "http://127.0.0.1:33418/",
                ],
            })),
            document: None,
            redirect: "http://127.0.0.1:50123/",
            scope: Some("mcp"),
            resource: [true, true, true],
            more: &[("prompt", "consent")],
            secret: Secret::None,
        },
        Vendor {
            name: "Copilot Studio",
            registration: Some(json!({
                "client_name": "Power Platform", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "client_secret_post",
                "redirect_uris": ["https://global.consent.azure-apim.net/redirect/cr123-acme"],
            })),
            document: None,
            redirect: "https://global.consent.azure-apim.net/redirect/cr123-acme",
            scope: None,
            resource: [false, false, false],
            more: &[],
            secret: Secret::Post,
        },
        Vendor {
            name: "Gemini CLI",
            registration: Some(json!({
                "client_name": "Gemini CLI MCP Client", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none", "scope": "",
                "redirect_uris": ["http://localhost:7777/oauth/callback"],
            })),
            document: None,
            redirect: "http://localhost:45555/oauth/callback",
            scope: Some("mcp mcp:read offline_access"),
            resource: [true, true, true],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "the Python SDK, which leaves its method out",
            registration: Some(json!({
                "client_name": "Python", "grant_types": both, "response_types": ["code"],
                "redirect_uris": ["http://localhost:3030/callback"],
            })),
            document: None,
            redirect: "http://localhost:3030/callback",
            scope: Some("mcp offline_access"),
            resource: [true, true, true],
            more: &[("prompt", "consent")],
            secret: Secret::Basic,
        },
        Vendor {
            name: "mcp-remote",
            registration: Some(json!({
                "client_name": "MCP CLI Client", "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
                "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d", "software_version": "0.15.1",
                "grant_types": both, "response_types": ["code"], "token_endpoint_auth_method": "none",
                "application_type": "native", "redirect_uris": ["http://localhost:3335/oauth/callback"],
            })),
            document: None,
            redirect: "http://localhost:3335/oauth/callback",
            scope: Some("openid email profile"),
            resource: [true, true, true],
            more: &[],
            secret: Secret::None,
        },
        Vendor {
            name: "a client of 2025-03-26, which knows no resources",
            registration: Some(json!({
                "client_name": "Older", "redirect_uris": ["https://older.example/cb"],
                "token_endpoint_auth_method": "none",
            })),
            document: None,
            redirect: "https://older.example/cb",
            scope: None,
            resource: [false, false, false],
            more: &[],
            secret: Secret::None,
        },
    ]
}

/// S4-27, S4-35…S4-37.
#[tokio::test(flavor = "multi_thread")]
async fn every_well_known_client_connects_refreshes_and_calls() -> Result<()> {
    let people = People::start().await?;
    for vendor in vendors() {
        let outcome = connects(&people, &vendor).await;
        outcome.with_context(|| vendor.name)?;
    }
    Ok(())
}

async fn connects(people: &People, vendor: &Vendor) -> Result<()> {
    let gateway = &people.cluster.gateways[0];
    let mut agent = Agent::new(gateway.address(), &people.origins[0]);
    let resource = people.urls().remove(0);
    let (client, secret) = identity(&agent, vendor).await?;

    let pkce = Pkce::new();
    let state = "c3RhdGU+/w==&x".repeat(90);
    let mut params = vec![
        ("response_type", "code"),
        ("client_id", client.as_str()),
        ("redirect_uri", vendor.redirect),
        ("code_challenge", pkce.challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", state.as_str()),
    ];
    params.extend(vendor.scope.map(|scope| ("scope", scope)));
    params.extend(vendor.resource[0].then_some(("resource", resource.as_str())));
    params.extend(vendor.more);
    let callback = agent.authorize(&people.ada, &params, "allow").await?;
    let at = |url: &str| callback.as_str().starts_with(url);
    ensure!(at(vendor.redirect), "{callback}");
    ensure!(parameter(&callback, "state").as_deref() == Some(state.as_str()));
    ensure!(parameter(&callback, "iss").as_deref() == Some(people.origins[0].as_str()));

    let code = parameter(&callback, "code").context("a code")?;
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", vendor.redirect),
        ("code_verifier", &pkce.verifier),
    ];
    fields.extend(vendor.resource[1].then_some(("resource", resource.as_str())));
    let tokens = token(&agent, vendor.secret, &client, &secret, &fields).await?;
    call(people, &tokens).await?;

    let refresh = tokens["refresh_token"]
        .as_str()
        .context("a refresh token")?;
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh)];
    fields.extend(vendor.resource[2].then_some(("resource", resource.as_str())));
    let renewed = token(&agent, vendor.secret, &client, &secret, &fields).await?;
    let rotated = renewed["refresh_token"].as_str();
    ensure!(
        rotated.is_some_and(|rotated| rotated != refresh),
        "it rotates"
    );
    ensure!(renewed["access_token"] != tokens["access_token"]);
    call(people, &renewed).await
}

/// The client's id, and its secret if it has one.
async fn identity(agent: &Agent, vendor: &Vendor) -> Result<(String, String)> {
    let Some(registration) = &vendor.registration else {
        let document = vendor.document.context("a document")?;
        return Ok((document.to_owned(), String::new()));
    };
    let registered = agent.register(registration).await?;
    ensure!(no_nulls(&registered), "{registered}");
    let effective = registered["redirect_uris"].as_array();
    let effective = effective.context("redirect URIs")?;
    let wanted = registration["redirect_uris"].as_array().context("them")?;
    ensure!(
        wanted.iter().all(|uri| effective.contains(uri)),
        "{registered}"
    );
    let text = |member: &str| registered[member].as_str().unwrap_or_default().to_owned();
    ensure!(text("client_secret").is_empty() == (vendor.secret == Secret::None));
    Ok((text("client_id"), text("client_secret")))
}

async fn token(
    agent: &Agent,
    how: Secret,
    client: &str,
    secret: &str,
    fields: &[(&str, &str)],
) -> Result<Value> {
    let mut fields = fields.to_vec();
    let mut basic = None;
    match how {
        Secret::None => fields.push(("client_id", client)),
        Secret::Post => fields.extend([("client_id", client), ("client_secret", secret)]),
        Secret::Basic => basic = Some(format!("{client}:{secret}")),
    }
    let mut request = tests::agent::form_request("/token", &fields);
    if let Some(basic) = basic {
        use base64::Engine as _;
        let line = base64::engine::general_purpose::STANDARD.encode(basic);
        request = request.header("authorization", format!("Basic {line}"));
    }
    let host = host_of(&agent.issuer);
    let answer: Response = request.host(host).send(agent.address).await?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    ensure!(answer.header("cache-control") == "no-store");
    let tokens = answer.json()?;
    ensure!(
        no_nulls(&tokens) && tokens["token_type"] == "Bearer",
        "{tokens}"
    );
    ensure!(tokens["scope"].is_string() && tokens["expires_in"].is_u64());
    Ok(tokens)
}

/// The token opens the server at both nodes.
async fn call(people: &People, tokens: &Value) -> Result<()> {
    let token = tokens["access_token"].as_str().context("an access token")?;
    for (gateway, origin) in people.cluster.gateways.iter().zip(&people.origins) {
        let host = host_of(origin);
        let request: Request = tool_call("/mcp/demo", "add", &json!({"a": 1, "b": 2}));
        let answer = request
            .host(host)
            .bearer(token)
            .send(gateway.address())
            .await?;
        ensure!(text_of(&answer)? == "3", "{MODERN} {}", answer.text());
    }
    Ok(())
}

fn no_nulls(json: &Value) -> bool {
    match json {
        Value::Null => false,
        Value::Array(all) => all.iter().all(no_nulls),
        Value::Object(all) => all.values().all(no_nulls),
        _ => true,
    }
}
