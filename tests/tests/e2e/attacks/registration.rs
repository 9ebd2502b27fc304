//! Clients that register themselves: what they pretend, and how many they are.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::agent::{Pkce, encoded};

use super::{Field, error_of, text};

/// A22, OA-02, DCR-3, DCR-4: dangerous redirects are dropped, and refused where nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn dangerous_redirects_are_not_registered() -> Result<()> {
    let field = Field::new().await?;
    let agent = field.agent();
    let register = async |uris: Value| {
        let metadata = json!({"redirect_uris": uris, "token_endpoint_auth_method": "none"});
        agent.register_raw(metadata.to_string()).await
    };
    ensure!(register(json!(["https://good.example/cb"])).await?.status == 201);
    for uri in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "about:blank",
        "blob:https://x",
        "http://evil.example/cb",
        "https://user@evil.example/cb",
        "https://evil.example/cb#x",
        "https://*.example/cb",
        "https://evil.example/\u{202e}cb",
        "ftp://evil.example/cb",
        "cb",
        "",
    ] {
        let refused = register(json!([uri])).await?;
        ensure!(
            error_of(&refused, 400)? == "invalid_redirect_uri",
            "{uri:?}"
        );
        let mixed = register(json!([uri, "https://good.example/cb"])).await?;
        ensure!(mixed.status == 201, "{uri:?}: {}", mixed.text());
        ensure!(
            mixed.json()?["redirect_uris"] == json!(["https://good.example/cb"]),
            "{uri:?}"
        );
    }
    for body in [
        "not json".to_owned(),
        "[]".to_owned(),
        json!({"redirect_uris": "https://x"}).to_string(),
        format!("{{\"redirect_uris\":{}}}", "[".repeat(5000)),
    ] {
        ensure!(agent.register_raw(body).await?.status == 400);
    }
    Ok(())
}

/// A21, A35, OA-12, OA-11: the name that a client gives itself is shown as what it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_calls_itself_claude_is_shown_as_unverified() -> Result<()> {
    let field = Field::new().await?;
    let name = "Claude\u{202e}<script>alert(1)</script>";
    let metadata = json!({
        "client_name": name,
        "logo_uri": "https://evil.example/logo.png",
        "redirect_uris": ["https://evil.example/cb"],
        "token_endpoint_auth_method": "none",
    });
    let registered = field.agent().register(&metadata).await?;
    let client = text(&registered, "client_id")?;
    let pkce = Pkce::new();
    let mut params = field.good(&pkce);
    params[1].1 = client;
    params[2].1 = "https://evil.example/cb";
    let mut agent = field.agent();
    let login = agent
        .get(&format!("/authorize?{}", encoded(&params)))
        .await?;
    let tests::agent::Ended::Page(login) = agent.follow(login).await? else {
        anyhow::bail!("no login page")
    };
    let answer = agent.sign_in(&login.text(), &field.people.ada).await?;
    let tests::agent::Ended::Page(consent) = agent.follow(answer).await? else {
        anyhow::bail!("no consent page")
    };
    let html = consent.text();
    ensure!(
        html.contains("evil.example"),
        "the redirect's host is shown"
    );
    ensure!(html.to_lowercase().contains("unverified"), "{html}");
    ensure!(!html.contains("<script") && !html.contains('\u{202e}') && !html.contains("logo.png"));
    Ok(())
}

/// Must-hold 8; A23, OA-16: a flood is slowed, and does not keep others out.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_registrations_is_slowed_and_locks_nobody_out() -> Result<()> {
    let field = Field::new().await?;
    let agent = field.agent();
    let (mut made, mut slowed) = (0, 0);
    for number in 0..400 {
        let metadata = json!({
            "client_name": format!("flood {number}"),
            "redirect_uris": [format!("https://flood.example/{number}")],
            "token_endpoint_auth_method": "none",
        });
        let answer = agent.register_raw(metadata.to_string()).await?;
        match answer.status.as_u16() {
            201 => made += 1,
            429 => {
                ensure!(!answer.header("retry-after").is_empty());
                slowed += 1;
            }
            other => anyhow::bail!("{other}: {}", answer.text()),
        }
    }
    ensure!(made < 200 && slowed > 100, "{made} made, {slowed} slowed");
    // Who registered before is known, and what was registered before is answered.
    let pkce = Pkce::new();
    let callback = field.consent(&pkce).await?;
    let answer = agent
        .redeem(&field.client, Field::REDIRECT, &callback, &pkce)
        .await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let same = json!({
        "client_name": "App",
        "redirect_uris": [Field::REDIRECT],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let again = agent.register(&same).await.context("the same once more")?;
    ensure!(text(&again, "client_id")? == field.client);
    Ok(())
}

/// A24, A26, SS rows: a document is fetched from public addresses only.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_at_an_inner_address_is_not_fetched() -> Result<()> {
    let field = Field::new().await?;
    let pkce = Pkce::new();
    for client in [
        "https://127.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/client.json",
        "https://metadata.google.internal/client.json",
        "https://2130706433/client.json",
        "https://0177.0.0.1/client.json",
        "https://[::ffff:127.0.0.1]/client.json",
        "https://[64:ff9b::7f00:1]/client.json",
        "https://example.com:22/client.json",
        "https://user@example.com/client.json",
        "https://example.com/a/../client.json",
        "https://example.com/client.json#x",
        "http://example.com/client.json",
    ] {
        let mut params = field.good(&pkce);
        params[1].1 = client;
        let mut agent = field.agent();
        let answer = agent
            .get(&format!("/authorize?{}", encoded(&params)))
            .await?;
        ensure!(answer.status == 400, "{client}: {}", answer.status);
        ensure!(answer.headers.get("location").is_none(), "{client}");
    }
    Ok(())
}
