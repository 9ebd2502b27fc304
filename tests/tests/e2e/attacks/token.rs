//! Access tokens at the MCP URLs, and the documents that lead to them.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::admin::v1::{Client, CreateClientRequest, revoke_request::Target};
use serde_json::{Value, json};
use tests::http::{Request, Response, host_of};

use super::{Field, text};
use crate::{calls::tool_call, people::People};

/// A18, A19: whatever is wrong with a token, the refusal is the same.
#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused_alike() -> Result<()> {
    let field = Field::new().await?;
    let tokens = field.connect().await?;
    let good = text(&tokens, "access_token")?;
    ensure!(field.call(0, good).await?.status == 200);
    let parts: Vec<_> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        anyhow::bail!("{} parts", parts.len())
    };
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let read = |part: &str| -> Result<Value> {
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
    };
    let with_header = |change: fn(&mut Value)| -> Result<String> {
        let mut header = read(header)?;
        change(&mut header);
        Ok(format!("{}.{payload}.{signature}", part(&header)))
    };
    let mut claims = read(payload)?;
    claims["roles"] = json!(["admin"]);
    let forged = [
        with_header(|header| header["alg"] = json!("none"))?,
        with_header(|header| header["alg"] = json!("HS256"))?,
        with_header(|header| header["kid"] = json!("unknown"))?,
        with_header(|header| header["jku"] = json!("https://evil.example/jwks"))?,
        with_header(|header| header["typ"] = json!("JWT"))?,
        format!("{header}.{}.{signature}", part(&claims)),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{}", "A".repeat(86)),
        "x".repeat(6000),
        "not-a-token".to_owned(),
    ];
    let mut answers = Vec::new();
    for token in &forged {
        let answer = field.call(0, token).await?;
        ensure!(answer.status == 401, "{token}: {}", answer.status);
        answers.push(shape(&answer));
    }
    field.people.revoke_token(good).await?;
    answers.push(shape(&field.call(0, good).await?));
    answers.dedup();
    ensure!(answers.len() == 1, "{answers:#?}");
    ensure!(
        answers[0].1.contains(r#"error="invalid_token""#),
        "{answers:#?}"
    );
    Ok(())
}

/// A41, RS-1, RS-2: a token counts in its header alone; without one the challenge names no error.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_address_is_not_looked_at() -> Result<()> {
    let field = Field::new().await?;
    let tokens = field.connect().await?;
    let token = text(&tokens, "access_token")?;
    ensure!(field.call(0, token).await?.status == 200);
    let gateway = field.people.cluster.gateways[0].address();
    let host = host_of(&field.people.origins[0]);
    let path = format!("/mcp/demo?access_token={token}");
    for request in [
        tool_call(&path, "add", &json!({"a": 1, "b": 2})),
        Request::get(&path),
        Request::new("HEAD", &path),
        Request::new("DELETE", &path),
    ] {
        let answer = request.host(host).send(gateway).await?;
        ensure!(answer.status == 401, "{}", answer.status);
        let challenge = answer.header("www-authenticate");
        let metadata = format!(
            "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp/demo\"",
            field.people.origins[0]
        );
        ensure!(challenge.starts_with(&metadata), "{challenge}");
        ensure!(challenge.contains(r#"scope="mcp""#) && !challenge.contains("error"));
    }
    Ok(())
}

/// A11, A12, A34, A45: the documents are the tenant's own, under its own hosts only.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_the_tenants_own_and_only_at_its_place() -> Result<()> {
    let field = Field::new().await?;
    let issuer = &field.people.origins[0];
    let at = |node: usize, host: &str, path: &str| {
        let address = field.people.cluster.gateways[node].address();
        let request = Request::get(path)
            .host(host)
            .header("origin", "https://page.example")
            .header("x-forwarded-host", "evil.example");
        async move { request.send(address).await }
    };
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let answer = at(0, host_of(issuer), path).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.text());
        ensure!(answer.header("access-control-allow-origin") == "*");
        let metadata = answer.json()?;
        ensure!(metadata["issuer"] == json!(issuer), "{metadata}");
        let members = metadata.as_object().into_iter().flatten();
        let endpoints: Vec<_> = members
            .filter(|(name, _)| name.ends_with("_endpoint"))
            .collect();
        ensure!(endpoints.len() >= 5, "{metadata}");
        for (name, url) in endpoints {
            ensure!(
                url.as_str()
                    .is_some_and(|url| url.starts_with(issuer.as_str())),
                "{name}: {url}"
            );
        }
        let alias = at(1, host_of(&field.people.origins[1]), path).await?;
        ensure!(alias.status == 404, "{}", alias.status);
        for spelled in [
            format!("{path}/"),
            format!("{path}/../x"),
            format!("{path}/mcp/demo"),
        ] {
            ensure!(
                at(0, host_of(issuer), &spelled).await?.status == 404,
                "{spelled}"
            );
        }
        ensure!(at(0, "evil.example", path).await?.status == 421);
    }
    let answer = at(
        1,
        host_of(&field.people.origins[1]),
        "/.well-known/oauth-protected-resource/mcp/demo",
    );
    let metadata = answer.await?.json()?;
    ensure!(metadata["resource"] == json!(format!("{}/mcp/demo", field.people.origins[1])));
    ensure!(metadata["authorization_servers"] == json!([issuer]));
    Ok(())
}

fn shape(answer: &Response) -> (u16, String, String) {
    let challenge = answer.header("www-authenticate").to_owned();
    (answer.status.as_u16(), challenge, answer.text())
}

/// RFC 6749 §4.4: a confidential client acts for itself at every node, until it is blocked.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_acts_for_itself_calls_at_every_node() -> Result<()> {
    let field = Field::new().await?;
    let request = CreateClientRequest {
        parent: People::TENANT.into(),
        client_id: "ci".into(),
        client: Some(Client {
            display_name: "CI".into(),
            grant_types: vec!["client_credentials".into()],
            token_endpoint_auth_method: "client_secret_post".into(),
            roles: vec!["dev".into()],
            ..Default::default()
        }),
    };
    let mut clients = field.people.admin.clients.clone();
    let made = clients.create_client(request).await?.into_inner();
    let client = made.client.context("a client")?;
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &client.client_id),
        ("client_secret", &made.client_secret),
    ];
    let answer = field.agent().program("/token", &fields).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let tokens = answer.json()?;
    let access = text(&tokens, "access_token")?;
    for node in 0..2 {
        let answer = field.call(node, access).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    }
    field.people.revoke(Target::Client(client.name)).await?;
    field.is_refused_soon(access).await
}
