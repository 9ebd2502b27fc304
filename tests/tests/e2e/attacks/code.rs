//! Codes: whose they are, and that each works once.

use anyhow::{Context, Result, ensure};
use tests::agent::{Pkce, parameter};

use super::{Field, error_of, text};

/// A8, A7, OA-06, OA-08, OA-09, TOK-3: a code that is stolen is worth nothing, and is not used up.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_its_client_its_redirect_and_its_verifier_alone() -> Result<()> {
    let field = Field::new().await?;
    let (agent, pkce, other) = (field.agent(), Pkce::new(), Pkce::new());
    let thief = agent
        .register_public("Thief", &[Field::REDIRECT, "https://thief.example/cb"])
        .await?;
    let callback = field.consent(&pkce).await?;
    let resource = "https://other.example/mcp";

    let stolen = agent
        .redeem(&thief, Field::REDIRECT, &callback, &pkce)
        .await?;
    ensure!(error_of(&stolen, 400)? == "invalid_grant");
    let moved = agent.redeem(&field.client, "https://thief.example/cb", &callback, &pkce);
    ensure!(error_of(&moved.await?, 400)? == "invalid_grant");
    let guessed = agent
        .redeem(&field.client, Field::REDIRECT, &callback, &other)
        .await?;
    ensure!(error_of(&guessed, 400)? == "invalid_grant");
    let code = parameter(&callback, "code").context("a code")?;
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", &field.client),
        ("code", &code),
        ("redirect_uri", Field::REDIRECT),
        ("code_verifier", &pkce.verifier),
    ];
    fields.push(("resource", resource));
    let elsewhere = agent.program("/token", &fields).await?;
    ensure!(error_of(&elsewhere, 400)? == "invalid_target");

    let own = agent
        .redeem(&field.client, Field::REDIRECT, &callback, &pkce)
        .await?;
    ensure!(own.status == 200, "{}", own.text());
    Ok(())
}

/// A9, OA-07, TOK-2: who presents a code again learns that it leaked, and loses what it gave.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_again_kills_what_it_gave() -> Result<()> {
    let field = Field::new().await?;
    let (agent, pkce) = (field.agent(), Pkce::new());
    let callback = field.consent(&pkce).await?;
    let first = agent
        .redeem(&field.client, Field::REDIRECT, &callback, &pkce)
        .await?;
    let tokens = first.json()?;
    let access = text(&tokens, "access_token")?;
    for node in 0..2 {
        ensure!(field.call(node, access).await?.status == 200);
    }

    let again = agent
        .redeem(&field.client, Field::REDIRECT, &callback, &pkce)
        .await?;
    ensure!(error_of(&again, 400)? == "invalid_grant");
    field.is_refused_soon(access).await?;
    let refresh = agent
        .refresh(&field.client, text(&tokens, "refresh_token")?)
        .await?;
    ensure!(error_of(&refresh, 400)? == "invalid_grant");
    Ok(())
}

/// A10: a guess has no effect on anybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_guessed_code_does_nothing() -> Result<()> {
    let field = Field::new().await?;
    let tokens = field.connect().await?;
    let pkce = Pkce::new();
    let callback = field.consent(&pkce).await?;
    let code = parameter(&callback, "code").context("a code")?;
    let agent = field.agent();
    for guess in [
        code.replace(|letter: char| letter.is_ascii_digit(), "7"),
        format!("{code}x"),
        "aldc_".to_owned(),
        "x".repeat(5000),
    ] {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", field.client.as_str()),
            ("code", guess.as_str()),
            ("redirect_uri", Field::REDIRECT),
            ("code_verifier", pkce.verifier.as_str()),
        ];
        let answer = agent.program("/token", &fields).await?;
        ensure!(error_of(&answer, 400)? == "invalid_grant");
    }
    ensure!(field.call(0, text(&tokens, "access_token")?).await?.status == 200);
    let own = agent
        .redeem(&field.client, Field::REDIRECT, &callback, &pkce)
        .await?;
    ensure!(own.status == 200, "{}", own.text());
    Ok(())
}
