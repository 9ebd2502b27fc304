//! The pages: who may send their forms, who may frame them, what they leak.

use anyhow::{Context, Result, ensure};
use tests::{
    agent::{Agent, Ended, Form, Pkce, encoded, form_request, parameter},
    http::Response,
    person::Person,
};

use super::Field;

/// A29, OA-10, OA-19: a form counts in the browser it was made for, with its own token, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_form_counts_in_its_own_browser_once() -> Result<()> {
    let field = Field::new().await?;
    let (mut victim, form) = at_consent(&field).await?;
    let allow = [("decision", "allow")];

    let mut other = field.agent();
    let cross = other.submit(&form, &allow).await?;
    refused(&cross, "another browser")?;
    let without = Form {
        hidden: form
            .hidden
            .iter()
            .filter(|(name, _)| name != "csrf")
            .cloned()
            .collect(),
        ..form.clone()
    };
    refused(&victim.submit(&without, &allow).await?, "without a token")?;
    let mut wrong = form.clone();
    for (name, value) in &mut wrong.hidden {
        if name == "csrf" {
            *value = "A".repeat(value.len());
        }
    }
    refused(&victim.submit(&wrong, &allow).await?, "with another token")?;
    let hidden: Vec<_> = form
        .hidden
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let fields: Vec<_> = hidden.iter().copied().chain(allow).collect();
    let foreign = form_request(&form.action, &fields).header("origin", "https://evil.example");
    refused(&victim.send(foreign).await?, "from another site")?;
    let got = victim
        .get(&format!("{}?{}", form.action, encoded(&fields)))
        .await?;
    ensure!(
        got.headers
            .get("location")
            .is_none_or(|place| !place.to_str().is_ok_and(|place| place.contains("code=")))
    );

    let answer = victim.submit(&form, &allow).await?;
    ensure!(answer.status == 303, "{}: {}", answer.status, answer.text());
    let Ended::Away(url) = victim.follow(answer).await? else {
        anyhow::bail!("no code")
    };
    ensure!(parameter(&url, "code").is_some(), "{url}");
    let replayed = victim.submit(&form, &allow).await?;
    refused(&replayed, "a second time")
}

/// A30, A35, A36, A37, BCP-6, BCP-8: pages cannot be framed, run nothing, and leak no address.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_not_framed_and_run_nothing() -> Result<()> {
    let field = Field::new().await?;
    let mut agent = field.agent();
    let pkce = Pkce::new();
    let params = field.good(&pkce);
    let answer = agent
        .get(&format!("/authorize?{}", encoded(&params)))
        .await?;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    ensure!(!cookies.is_empty(), "a login is bound to its browser");
    for line in cookies {
        let line = line.to_str()?;
        ensure!(
            line.contains("HttpOnly") && line.contains("SameSite=Lax"),
            "{line}"
        );
        ensure!(
            line.contains("Path=/") && !line.contains("Domain"),
            "{line}"
        );
    }
    let Ended::Page(login) = agent.follow(answer).await? else {
        anyhow::bail!("no page")
    };
    guarded(&login)?;
    let (_, consent) = consent_page(&field).await?;
    guarded(&consent)?;
    let policy = consent.header("content-security-policy");
    ensure!(
        policy.contains("form-action 'self' https://app.example"),
        "{policy}"
    );
    let connections = agent.get("/connections").await?;
    let Ended::Page(page) = agent.follow(connections).await? else {
        anyhow::bail!("no page")
    };
    guarded(&page)
}

/// A31, A32, OA-11: a session begins anew at login, and signing in alone gives no code.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_planted_is_not_the_session_afterwards() -> Result<()> {
    let field = Field::new().await?;
    let mut agent = field.agent();
    for name in ["aldgate_session", "__Host-aldgate_session"] {
        agent.cookies.insert(name.to_owned(), "planted".to_owned());
    }
    let pkce = Pkce::new();
    let params = field.good(&pkce);
    let callback = agent.authorize(&field.people.ada, &params, "allow").await?;
    ensure!(parameter(&callback, "code").is_some());
    ensure!(agent.cookies["aldgate_session"] != "planted");
    // A client that registered itself is asked about each time, whoever is signed in.
    let answer = agent
        .get(&format!("/authorize?{}", encoded(&params)))
        .await?;
    let Ended::Page(page) = agent.follow(answer).await? else {
        anyhow::bail!("a code without a click")
    };
    ensure!(page.text().contains(r#"name="decision""#));
    Ok(())
}

/// A40: a wrong password and nobody's look alike, and who goes on guessing has to wait.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_gets_slower_and_tells_nothing() -> Result<()> {
    let field = Field::new().await?;
    let known = guess(&field, "ada@acme.test").await?;
    let nobody = guess(&field, "not@acme.test").await?;
    ensure!(known.status == 403, "{}", known.text());
    // Transactions and their proofs have one length, so that nothing else differs.
    let plain = |page: &Response, login| page.text().replace(login, "LOGIN").len();
    ensure!(known.status == nobody.status);
    ensure!(plain(&known, "ada@acme.test") == plain(&nobody, "not@acme.test"));
    for _ in 0..10 {
        let page = guess(&field, "ada@acme.test").await?;
        if page.status == 429 {
            ensure!(!page.header("retry-after").is_empty());
            return Ok(());
        }
    }
    anyhow::bail!("eleven guesses, and no pause")
}

/// The page after a wrong password.
async fn guess(field: &Field, login: &str) -> Result<Response> {
    let person = Person {
        login: login.to_owned(),
        password: "wrong wrong wrong".to_owned(),
    };
    let (mut agent, pkce) = (field.agent(), Pkce::new());
    let params = field.good(&pkce);
    let answer = agent
        .get(&format!("/authorize?{}", encoded(&params)))
        .await?;
    let Ended::Page(page) = agent.follow(answer).await? else {
        anyhow::bail!("no login page")
    };
    let answer = agent.sign_in(&page.text(), &person).await?;
    match agent.follow(answer).await? {
        Ended::Page(page) => Ok(page),
        Ended::Away(url) => anyhow::bail!("signed in, to {url}"),
    }
}

async fn at_consent(field: &Field) -> Result<(Agent, Form)> {
    let (agent, page) = consent_page(field).await?;
    let html = page.text();
    let mut forms = Form::all(&html).into_iter();
    let form = forms.find(|form| form.action.ends_with("/consent"));
    Ok((
        agent,
        form.with_context(|| format!("a consent form in {html}"))?,
    ))
}

async fn consent_page(field: &Field) -> Result<(Agent, Response)> {
    let mut agent = field.agent();
    let pkce = Pkce::new();
    let params = field.good(&pkce);
    let answer = agent
        .get(&format!("/authorize?{}", encoded(&params)))
        .await?;
    let Ended::Page(login) = agent.follow(answer).await? else {
        anyhow::bail!("no login page")
    };
    let answer = agent.sign_in(&login.text(), &field.people.ada).await?;
    let Ended::Page(page) = agent.follow(answer).await? else {
        anyhow::bail!("no consent page")
    };
    Ok((agent, page))
}

fn guarded(page: &Response) -> Result<()> {
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        ensure!(policy.contains(part), "{policy}");
    }
    ensure!(
        !policy.contains("script-src") && !policy.contains("unsafe"),
        "{policy}"
    );
    ensure!(page.header("x-frame-options") == "DENY");
    ensure!(page.header("referrer-policy") == "no-referrer");
    ensure!(page.header("x-content-type-options") == "nosniff");
    ensure!(page.header("cache-control").contains("no-store"));
    Ok(())
}

fn refused(answer: &Response, how: &str) -> Result<()> {
    ensure!(answer.headers.get("location").is_none(), "{how} gave a way");
    let status = answer.status.as_u16();
    ensure!(matches!(status, 400 | 403), "{how}: {status}");
    Ok(())
}
