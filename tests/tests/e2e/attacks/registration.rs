//! Clients that register themselves: what they pretend, and how many they are.

use std::{io::ErrorKind, time::Duration};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Pkce, encoded},
    cluster::{Cluster, Networks},
    http::Response,
};
use tokio::{net::TcpListener, time::timeout};

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
    let flood = futures_util::stream::iter(0..10_000).map(|number| {
        let metadata = json!({
            "client_name": format!("flood {number}"),
            "redirect_uris": [format!("https://flood.example/{number}")],
            "token_endpoint_auth_method": "none",
        });
        let agent = agent.clone();
        async move { agent.register_raw(metadata.to_string()).await }
    });
    let mut flood = flood.buffer_unordered(16);
    let (mut made, mut slowed) = (0, 0);
    while let Some(answer) = flood.next().await {
        let answer = answer?;
        match answer.status.as_u16() {
            201 => made += 1,
            429 => {
                ensure!(!answer.header("retry-after").is_empty());
                slowed += 1;
            }
            other => anyhow::bail!("{other}: {}", answer.text()),
        }
    }
    ensure!(made < 200 && slowed > 9_000, "{made} made, {slowed} slowed");
    let mut sql = field.people.cluster.database.connect().await?;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM oauth_clients")
        .fetch_one(&mut sql)
        .await?;
    ensure!(rows < 200, "{rows} rows");
    // Whoever is in another network registers as ever.
    let mut newcomer = field.agent();
    newcomer.from = Some([127, 0, 0, 9].into());
    newcomer
        .register_public("Newcomer", &["https://newcomer.example/cb"])
        .await?;
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

/// A24, A26: what has no name for a host, or is spelled in a way of its own, is no document's
/// address. Here, this machine may be called: it is the address that is refused, not the network.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_at_an_inner_address_is_not_fetched() -> Result<()> {
    let field = Field::new().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    // What may be fetched is: we know this one even where it cannot be reached, and the other is called.
    let claude = ask(
        &field,
        "https://claude.ai/oauth/mcp-oauth-client-metadata",
        "https://claude.ai/api/mcp/auth_callback",
    )
    .await?;
    ensure!(claude.status == 303, "{}: {}", claude.status, claude.text());
    let named = format!("https://localhost:{port}/client.json");
    let (answer, called) = tokio::join!(ask(&field, &named, Field::REDIRECT), async {
        timeout(Duration::from_secs(5), listener.accept()).await
    });
    called.context("nobody called a name that may be called")??;
    stays(&answer?, &named)?;

    let listener = listener.into_std()?;
    for client in [
        format!("https://127.0.0.1:{port}/client.json"),
        format!("https://2130706433:{port}/client.json"),
        format!("https://0177.0.0.1:{port}/client.json"),
        format!("https://127.1:{port}/client.json"),
        format!("https://[::ffff:127.0.0.1]:{port}/client.json"),
        format!("https://user@localhost:{port}/client.json"),
        format!("https://localhost:{port}/a/../client.json"),
        format!("https://localhost:{port}/client.json#x"),
        format!("https://localhost:{port}/"),
        format!("http://localhost:{port}/client.json"),
        "https://[::1]/client.json".to_owned(),
        "https://[64:ff9b::7f00:1]/client.json".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/client.json".to_owned(),
        "https://metadata.google.internal/client.json".to_owned(),
        "https://example.com:22/client.json".to_owned(),
    ] {
        stays(&ask(&field, &client, Field::REDIRECT).await?, &client)?;
        not_called(&listener, &client)?;
    }
    Ok(())
}

/// A24, A26: in production, a name that leads inside is not called either.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_at_a_name_that_leads_inside_is_not_fetched() -> Result<()> {
    let builder = Cluster::builder().gateways(1).networks(Networks::Public);
    let cluster = builder.start().await?;
    let origin = cluster.gateways[0].url();
    let create = ["tenant", "create", "acme", "--host", &origin, "--wait"];
    cluster.aldgate(&create).await?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let pkce = Pkce::new();
    let ask = async |client: &str, redirect: &str| {
        let params = [
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
        ];
        let mut agent = Agent::new(cluster.gateways[0].address(), &origin);
        let path = format!("/authorize?{}", encoded(&params));
        agent.get(&path).await
    };
    let claude = ask(
        "https://claude.ai/oauth/mcp-oauth-client-metadata",
        "https://claude.ai/api/mcp/auth_callback",
    );
    let claude = claude.await?;
    ensure!(claude.status == 303, "{}: {}", claude.status, claude.text());
    for host in ["localhost", "LOCALHOST", "localhost."] {
        let client = format!("https://{host}:{port}/client.json");
        stays(&ask(&client, Field::REDIRECT).await?, &client)?;
        not_called(&listener, &client)?;
    }
    Ok(())
}

/// A good request, but for its client.
async fn ask(field: &Field, client: &str, redirect: &str) -> Result<Response> {
    let pkce = Pkce::new();
    let mut params = field.good(&pkce);
    params[1].1 = client;
    params[2].1 = redirect;
    let mut agent = field.agent();
    agent.get(&format!("/authorize?{}", encoded(&params))).await
}

/// An error page, and no way to anywhere.
fn stays(answer: &Response, client: &str) -> Result<()> {
    ensure!(answer.status == 400, "{client}: {}", answer.status);
    ensure!(answer.headers.get("location").is_none(), "{client}");
    Ok(())
}

/// Whoever had called would be waiting now: the answer came after.
fn not_called(listener: &std::net::TcpListener, client: &str) -> Result<()> {
    let waiting = listener.accept();
    let none = waiting.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    ensure!(none, "{client}: it was called");
    Ok(())
}
