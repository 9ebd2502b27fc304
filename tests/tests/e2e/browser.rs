//! Issue 4, must-hold 9: every page in real Chromium, light and dark, wide and narrow, with pictures of
//! each where a person can look at them, and nothing that an accessibility checker objects to.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{
    agent::{Pkce, encoded, form_request, parameter},
    cluster::Cluster,
    foreign::Node,
    http::Request,
    person::Seen,
    state::root,
};
use tokio::process::Command;
use url::Url;

use crate::{
    calls::{text_of, tool_call},
    people::People,
};

/// A29, A30, A36, OA-10: what people do with the pages, by a real browser's rules of cookies,
/// origins and content security policies.
#[tokio::test(flavor = "multi_thread")]
async fn people_get_through_every_page_with_a_real_browser() -> Result<()> {
    let people = People::start().await?;
    let pictures = std::env::current_exe()?;
    let pictures = pictures.ancestors().nth(3).expect("a target folder");
    let pictures = pictures.join("pages/e2e");
    std::fs::create_dir_all(&pictures)?;
    let output = Command::new(Node::install().await?.program()?)
        .arg(root().join("tests/browser/src/journeys.ts"))
        .arg(&people.origins[0])
        .arg(&people.urls()[0])
        .arg(&pictures)
        .env("LOGIN", &people.ada.login)
        .env("PASSWORD", &people.ada.password)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{text}{}\npictures are in {}",
        String::from_utf8_lossy(&output.stderr),
        pictures.display()
    );
    ensure!(text.matches(": done").count() == 10, "{text}");
    Ok(())
}

/// S0-19: in the path layout, where all tenants share a host, a tenant's issuer is its place there: people sign in
/// and consent below it, and the token opens the MCP URL that is typed there.
#[tokio::test(flavor = "multi_thread")]
async fn people_get_through_the_pages_of_the_path_layout() -> Result<()> {
    let cluster = Cluster::builder().gateways(1);
    let cluster = cluster.gateway_setting("ALDGATE_PATH_ORIGIN", SHARED);
    let people = People::on(cluster.start().await?).await?;
    let address = people.cluster.gateways[0].address();
    let (host, issuer) = ("gw.example", format!("{SHARED}/t/acme"));
    let metadata = json!({
        "client_name": "App",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    let register = Request::post("/t/acme/register", metadata.to_string());
    let registered = register.host(host).send(address).await?;
    ensure!(registered.status == 201, "{}", registered.text());
    let registered = registered.json()?;
    let client = registered["client_id"].as_str().context("a client_id")?;
    let (pkce, resource) = (Pkce::new(), format!("{issuer}/mcp/demo"));
    let asked = encoded(&[
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("code_challenge", &pkce.challenge),
        ("code_challenge_method", "S256"),
        ("state", "s"),
        ("resource", &resource),
    ]);

    let rules = format!("MAP gw.example {address}, MAP *.example ~NOTFOUND");
    let settings = [("HOSTS", rules.as_str())];
    let authorize = format!("{issuer}/authorize?{asked}");
    let seen = people.ada.visit(&authorize, &settings).await?;
    let did = seen.iter().filter_map(|seen| match seen {
        Seen::Did { what } => Some(what.as_str()),
        _ => None,
    });
    ensure!(did.eq(["signed in", "allow"]), "{seen:?}");
    let mut pages = seen.iter().filter_map(|seen| match seen {
        Seen::Page { url, .. } => Some(url),
        _ => None,
    });
    let below = format!("{issuer}/");
    ensure!(pages.all(|url| url.starts_with(&below)), "{seen:?}");
    let Some(Seen::End { url, .. }) = seen.last() else {
        anyhow::bail!("{seen:?}")
    };
    let back = Url::parse(url)?;
    ensure!(back.as_str().starts_with(REDIRECT), "{back}");
    ensure!(parameter(&back, "iss").as_deref() == Some(issuer.as_str()));

    let code = parameter(&back, "code").context("a code")?;
    let redeem = form_request(
        "/t/acme/token",
        &[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &pkce.verifier),
        ],
    );
    let answer = redeem.host(host).send(address).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let tokens = answer.json()?;
    let token = tokens["access_token"].as_str().context("a token")?;
    let call = tool_call("/t/acme/mcp/demo", "add", &json!({"a": 1, "b": 2}));
    let answer = call.host(host).bearer(token).send(address).await?;
    ensure!(text_of(&answer)? == "3", "{}", answer.text());
    Ok(())
}

const SHARED: &str = "http://gw.example";
/// Nobody has that name.
const REDIRECT: &str = "https://app.example/callback";
