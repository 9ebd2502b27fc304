//! Where codes go: redirects, parameters, PKCE.

use anyhow::{Context, Result, ensure};
use tests::{
    agent::{Ended, Pkce, encoded, parameter},
    http::Response,
};

use super::Field;

/// A1, A4, A5 (before the redirect is known), OA-01, OA-13: never a redirect to where nobody registered.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_where_no_client_registered() -> Result<()> {
    let field = Field::new().await?;
    let pkce = Pkce::new();
    ensure!(
        field
            .consent(&pkce)
            .await?
            .as_str()
            .starts_with(Field::REDIRECT)
    );
    for redirect in [
        "https://evil.example/cb",
        "https://app.example.evil.example/cb",
        "https://app.example@evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example/cb/",
        "https://app.example/cb/..",
        "https://app.example/%63b",
        "https://app.example/cb%2e",
        "https://app.example//cb",
        "https://app.example/CB",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example:8443/cb",
        "https://app.example./cb",
        "https://аpp.example/cb",
        "https://app.example/cb\t",
        "https://app.example/cb\n",
        "https://app.example/%2563b",
        "http://app.example/cb",
        "javascript:alert(1)",
        "//evil.example/cb",
    ] {
        let mut params = field.good(&pkce);
        params[2].1 = redirect;
        let answer = ask(&field, &params).await?;
        stays(&answer, redirect)?;
    }
    let mut params = field.good(&pkce);
    params[1].1 = "nobody";
    stays(&ask(&field, &params).await?, "unknown client")?;
    params[1].1 = "https://evil.example/";
    stays(&ask(&field, &params).await?, "no document")?;
    Ok(())
}

/// A3, OA-04, NAT-1, NAT-2: of a loopback address only the port may differ.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_loopback_redirect_only_the_port_may_differ() -> Result<()> {
    let field = Field::new().await?;
    let registered = [
        "http://127.0.0.1/cb",
        "http://localhost/other",
        "http://[::1]/cb",
    ];
    let client = field.agent().register_public("Native", &registered).await?;
    let pkce = Pkce::new();
    for (redirect, good) in [
        ("http://127.0.0.1:40000/cb", true),
        ("http://localhost:40000/other", true),
        ("http://[::1]:40000/cb", true),
        ("http://localhost:40000/cb", false),
        ("http://127.0.0.1:40000/other", false),
        ("http://127.0.0.1.evil.example/cb", false),
        ("http://127.1:40000/cb", false),
        ("http://0.0.0.0:40000/cb", false),
        ("http://localhost.evil.example/other", false),
        ("http://localhost@evil.example/other", false),
        ("http://[::ffff:127.0.0.1]:40000/cb", false),
        ("http://127.0.0.1:40000/cb?x", false),
        ("https://127.0.0.1:40000/cb", false),
    ] {
        let mut params = field.good(&pkce);
        params[1].1 = &client;
        params[2].1 = redirect;
        if good {
            let back = field
                .agent()
                .authorize(&field.people.ada, &params, "allow")
                .await?;
            ensure!(back.as_str().starts_with(redirect), "{back}");
        } else {
            stays(&ask(&field, &params).await?, redirect)?;
        }
    }
    Ok(())
}

/// A5, A7, OA-05, PKCE-1…3, ISS-1: what is wrong is told to the client, with `iss`.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_proper_challenge_is_sent_back() -> Result<()> {
    let field = Field::new().await?;
    let pkce = Pkce::new();
    let good = field.good(&pkce);
    let without = |name: &str| -> Params<'_> {
        let kept = good.iter().filter(|(known, _)| *known != name);
        kept.copied().collect()
    };
    let with = |name: &'static str, value: &'static str| -> Params<'_> {
        let mut params = without(name);
        params.push((name, value));
        params
    };
    for (params, error) in [
        (without("code_challenge"), "invalid_request"),
        (without("code_challenge_method"), "invalid_request"),
        (with("code_challenge_method", "plain"), "invalid_request"),
        (with("code_challenge", "short"), "invalid_request"),
        (with("response_type", "token"), "unsupported_response_type"),
        (
            with("response_type", "code token"),
            "unsupported_response_type",
        ),
        (without("response_type"), "invalid_request"),
        (with("response_mode", "fragment"), "invalid_request"),
        (with("response_mode", "form_post"), "invalid_request"),
        (with("response_mode", "web_message"), "invalid_request"),
        (
            with("resource", "https://other.example/mcp"),
            "invalid_target",
        ),
        (with("scope", "bogus"), "invalid_scope"),
        (with("prompt", "none"), "login_required"),
    ] {
        let answer = ask(&field, &params).await?;
        let mut agent = field.agent();
        let Ended::Away(url) = agent.follow(answer).await? else {
            anyhow::bail!("{params:?} stays");
        };
        ensure!(url.as_str().starts_with(Field::REDIRECT), "{url}");
        ensure!(parameter(&url, "error").as_deref() == Some(error), "{url}");
        ensure!(parameter(&url, "state").as_deref() == Some("s"), "{url}");
        ensure!(parameter(&url, "iss").as_deref() == Some(field.people.origins[0].as_str()));
        ensure!(url.fragment().is_none() && parameter(&url, "code").is_none());
    }
    Ok(())
}

/// A6, OA-23, AUTHZ-3: even where both say the same, so that the repetition alone is at fault.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_are_there_twice_are_refused() -> Result<()> {
    let field = Field::new().await?;
    let pkce = Pkce::new();
    for name in [
        "client_id",
        "redirect_uri",
        "state",
        "scope",
        "code_challenge",
    ] {
        let mut params = field.good(&pkce);
        params.push(("scope", "mcp"));
        let once = ask(&field, &params).await?;
        ensure!(once.status == 303, "{name}: {}", once.status);
        let good = params.iter().find(|(known, _)| *known == name);
        params.push(*good.context("a good value")?);
        stays(&ask(&field, &params).await?, name)?;
    }
    // The resource alone may be there more often (RES-5).
    let resource = field.people.urls().remove(0);
    let mut params = field.good(&pkce);
    params.extend([
        ("resource", resource.as_str()),
        ("resource", resource.as_str()),
    ]);
    let back = field
        .agent()
        .authorize(&field.people.ada, &params, "allow")
        .await?;
    ensure!(parameter(&back, "code").is_some(), "{back}");
    Ok(())
}

type Params<'a> = Vec<(&'a str, &'a str)>;

async fn ask(field: &Field, params: &[(&str, &str)]) -> Result<Response> {
    let mut agent = field.agent();
    agent.get(&format!("/authorize?{}", encoded(params))).await
}

/// An error page, and no way to anywhere.
fn stays(answer: &Response, what: &str) -> Result<()> {
    ensure!(answer.status == 400, "{what:?}: {}", answer.status);
    ensure!(answer.headers.get("location").is_none(), "{what:?}");
    ensure!(
        answer.header("content-type").starts_with("text/html"),
        "{what:?}"
    );
    Ok(())
}
