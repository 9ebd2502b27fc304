//! Issue 3, must-hold 2 and 3: every kind of credential, alone and with all others, and what of it
//! the server sees.

use anyhow::{Result, ensure};
use proto::{
    access::v1::{
        ForwardedAuthenticator, SessionAuthenticator, StaticAuthenticator, authenticator::Kind,
    },
    admin::v1::{CustomHeader, EgressMode, Server, StaticToken, StaticTokenType},
};
use serde_json::json;
use tests::{
    clients::{Client, Event},
    cluster::Cluster,
    demo::Demo,
    http::Response,
};

use crate::{
    calls::{Acme, text_of, tool_call},
    doors::{AUDIENCE, Caller, Doors, anonymous},
};

/// S4-19, S4-28: the kinds are tried in parallel, on every node.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_credential_works_beside_all_others() -> Result<()> {
    let doors = Doors::open(Acme::start(2, "the-credential").await?).await?;
    for caller in doors.callers().await? {
        for gateway in &doors.acme.cluster.gateways {
            let request = tool_call(Acme::PATH, "echo", &json!({"text": caller.kind}));
            let answer = caller.dress(request).send(gateway.address()).await?;
            ensure!(text_of(&answer)? == caller.kind, "{caller:?}");
        }
    }
    Ok(())
}

/// S4-28, S4-29, TK-10: whatever is wrong with whichever credential, the reply is the same to the byte.
#[tokio::test(flavor = "multi_thread")]
async fn every_rejection_is_the_same_to_the_byte() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    // The positive twins.
    for caller in doors.callers().await? {
        ensure!(echo(&doors, &caller).await?.status == 200, "{caller:?}");
    }
    let mut replies = Vec::new();
    for caller in wrong_credentials(&doors)? {
        let answer = echo(&doors, &caller).await?;
        ensure!(answer.status == 401, "{caller:?}: {}", answer.status);
        replies.push((shown(&answer), caller));
    }
    let (first, _) = &replies[0];
    for (reply, caller) in &replies {
        ensure!(reply == first, "{caller:?}\n{reply}\n{first}");
    }
    ensure!(
        first.contains(r#"{"error":"Invalid API key","status":401,"type":"authentication_error"}"#)
    );
    Ok(())
}

/// S0-27, S2-15: a genuine credential that has expired says so, and nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_credential_says_so_if_it_is_genuine() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let bearer = |token: &str| Caller::new("jwt", "Authorization", format!("Bearer {token}"));
    let roles = json!({"roles": ["dev"]});
    let good = doors.issuer.token("alice", AUDIENCE, 600, &roles)?;
    ensure!(echo(&doors, &bearer(&good)).await?.status == 200);

    let expired = doors.issuer.token("alice", AUDIENCE, -600, &roles)?;
    let answer = echo(&doors, &bearer(&expired)).await?;
    ensure!(answer.status == 401 && answer.json()?["error"] == "Token expired");
    ensure!(
        answer
            .header("www-authenticate")
            .contains("error_description=\"The token expired\"")
    );

    let (signed, _) = expired.rsplit_once('.').expect("a signature");
    let forged = format!("{signed}.{}", "A".repeat(86));
    let foreign = doors
        .issuer
        .token("alice", "http://other.test/mcp", -600, &roles)?;
    for token in [forged, foreign] {
        let answer = echo(&doors, &bearer(&token)).await?;
        ensure!(
            answer.json()?["error"] == "Invalid API key",
            "{}",
            answer.text()
        );
    }
    Ok(())
}

/// S0-5, S0-6, S0-26, X-4, TK-10: nobody without a credential unless that is written out, and then
/// nobody with a wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn anonymous_callers_come_in_only_where_that_is_written_out() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let nobody = Caller {
        kind: "anonymous",
        headers: Vec::new(),
    };
    let wrong = Caller::new("api_key", "Authorization", "Bearer mcp_sk_made-up");
    ensure!(echo(&doors, &nobody).await?.status == 401);

    let mut kinds = doors.all_kinds();
    kinds.push(anonymous());
    doors.set_authenticators(kinds).await?;
    ensure!(echo(&doors, &nobody).await?.status == 200);
    ensure!(echo(&doors, &wrong).await?.status == 401);

    doors.set_authenticators(Vec::new()).await?;
    let key = Caller::new(
        "api_key",
        "Authorization",
        format!("Bearer {}", doors.acme.key),
    );
    for caller in [&nobody, &wrong, &key] {
        ensure!(echo(&doors, caller).await?.status == 401, "{caller:?}");
    }
    Ok(())
}

/// S4-26: who is not behind the proxy cannot be its user.
#[tokio::test(flavor = "multi_thread")]
async fn forwarded_identities_are_believed_from_their_networks_only() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let callers = doors.callers().await?;
    let forwarded = callers.last().expect("the forwarded one");
    ensure!(echo(&doors, forwarded).await?.status == 200);
    let elsewhere = ForwardedAuthenticator {
        source_networks: vec!["10.0.0.0/8".into()],
        ..Default::default()
    };
    doors
        .set_authenticators(vec![Kind::Forwarded(elsewhere)])
        .await?;
    ensure!(echo(&doors, forwarded).await?.status == 401);
    Ok(())
}

/// Must-hold 2: the official clients connect with each kind.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_connect_with_each_kind_of_credential() -> Result<()> {
    let cluster = Cluster::builder().gateways(1).start().await?;
    let origin = cluster.gateways[0].url();
    let acme = Acme::at(cluster, "the-credential", &origin).await?;
    let host = origin.trim_start_matches("http://");
    let doors = Doors::open_at(acme, host).await?;
    let callers = doors.callers().await?;
    let url = format!("{origin}{}", Acme::PATH);
    for client in [Client::TypeScriptModern, Client::PythonAuto] {
        for caller in &callers {
            let events = client
                .tour(std::slice::from_ref(&url), &caller.headers)
                .await?;
            let answered = events.iter().any(
                |event| matches!(event, Event::Call { tool, text, .. } if tool == "add" && text == "42"),
            );
            ensure!(answered, "{client:?} {caller:?} {events:#?}");
        }
    }
    Ok(())
}

/// S0-2, S0-3, S0-4, X-2, X-5: what the server sees of the client's credential.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_passed_on_only_where_that_is_switched_on() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let token = "pasted-and-passed-on-1";
    let on = StaticToken {
        roles: vec!["dev".into()],
        passthrough: true,
        ..Default::default()
    };
    let made = doors
        .static_token("on", StaticTokenType::XApiKey, token, on)
        .await?;
    let mut callers = doors.callers().await?;
    let passed = Caller::new("static", &made.header_name, made.header_value);
    callers.push(passed.clone());
    for caller in &callers {
        ensure!(echo(&doors, caller).await?.status == 200, "{caller:?}");
        let seen = last_headers(&doors.acme.demo)?;
        let own = caller.headers[0].clone();
        let shows = seen.iter().any(|(_, value)| *value == own.1);
        ensure!(shows == (own == passed.headers[0]), "{caller:?} {seen:?}");
        ensure!(seen.contains(&("authorization".into(), "Bearer the-credential".into())));
    }

    // The caller's own instead of the stored one: only what may be passed on is.
    let url = doors.acme.demo.url();
    let upstream = doors
        .issuer
        .token("alice", &url, 600, &json!({"roles": ["dev"]}))?;
    let mut jwt = doors.jwt();
    jwt.audiences.push(url);
    let mut kinds = doors.all_kinds();
    kinds[2] = Kind::Jwt(jwt);
    doors.set_authenticators(kinds).await?;
    doors.acme.demo.accept(&["the-credential", &upstream])?;
    let passthrough = Server {
        egress_mode: EgressMode::Passthrough.into(),
        ..Default::default()
    };
    doors.update_server(passthrough, "egress_mode").await?;
    let theirs = Caller::new("jwt", "Authorization", format!("Bearer {upstream}"));
    ensure!(echo(&doors, &theirs).await?.status == 200);
    for caller in &callers {
        // The server wants a credential and gets none that it knows.
        ensure!(echo(&doors, caller).await?.status == 502, "{caller:?}");
        let seen = last_headers(&doors.acme.demo)?;
        let own = caller.headers[0].clone();
        let shows = seen.iter().any(|(_, value)| *value == own.1);
        ensure!(shows == (own == passed.headers[0]), "{caller:?} {seen:?}");
        ensure!(
            seen.iter()
                .all(|(_, value)| !value.contains("the-credential"))
        );
    }
    Ok(())
}

/// S0-13, S0-14, S0-15, S0-16: each custom header has its own switch, whatever the token's says.
#[tokio::test(flavor = "multi_thread")]
async fn each_custom_header_has_its_own_switch() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let header = |name: &str, passthrough| CustomHeader {
        name: name.into(),
        value: format!("CANARY-{name}"),
        passthrough,
    };
    for (id, own) in [("with", true), ("without", false)] {
        let token = StaticToken {
            roles: vec!["dev".into()],
            passthrough: own,
            headers: vec![header("X-Region", true), header("X-Hidden", false)],
            ..Default::default()
        };
        let value = format!("pasted-{id}-0123456789");
        let made = doors
            .static_token(id, StaticTokenType::ApiKey, &value, token)
            .await?;
        let caller = Caller::new("static", &made.header_name, made.header_value);
        let answer = echo(&doors, &caller).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        ensure!(!shown(&answer).contains("CANARY"), "the client saw it");
        let seen = last_headers(&doors.acme.demo)?;
        ensure!(seen.contains(&("x-region".into(), "CANARY-X-Region".into())));
        ensure!(seen.iter().all(|(name, _)| name != "x-hidden"));
        ensure!(seen.iter().any(|(name, _)| name == "api-key") == own);
    }
    Ok(())
}

/// S2-9, S2-10: a session belongs to one user, has no more rights than its key and dies with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_its_users_name_and_ends_with_its_key() -> Result<()> {
    let doors = Doors::open(Acme::start(2, "the-credential").await?).await?;
    let [first, second] = &doors.acme.cluster.gateways[..] else {
        anyhow::bail!("two gateways")
    };
    let token = doors
        .session(first, &json!({"user": "sam", "expires_in": 60}))
        .await?;
    let caller = Caller::new("session", "Authorization", format!("Bearer {token}"));
    let call = || caller.dress(tool_call(Acme::PATH, "echo", &json!({"text": "x"})));
    ensure!(call().send(second.address()).await?.status == 200);
    ensure!(call().send(first.address()).await?.status == 200);

    doors
        .acme
        .cluster
        .aldgate(&[
            "key",
            "update",
            "files",
            "--tenant",
            "acme",
            "--disable",
            "--wait",
        ])
        .await?;
    for gateway in [first, second] {
        ensure!(call().send(gateway.address()).await?.status == 401);
    }
    Ok(())
}

async fn echo(doors: &Doors, caller: &Caller) -> Result<Response> {
    let request = tool_call(Acme::PATH, "echo", &json!({"text": "x"}));
    caller
        .dress(request)
        .send(doors.acme.cluster.gateways[0].address())
        .await
}

/// What a client could tell replies apart by.
fn shown(answer: &Response) -> String {
    let date = |name: &str| name == "date";
    let headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !date(name.as_str()))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    format!(
        "{}\n{}\n\n{}",
        answer.status,
        headers.join("\n"),
        answer.text()
    )
}

fn last_headers(demo: &Demo) -> Result<Vec<(String, String)>> {
    let mut received = demo.received()?;
    Ok(received.pop().map(|last| last.headers).unwrap_or_default())
}

/// At least one of everything that is no credential here.
fn wrong_credentials(doors: &Doors) -> Result<Vec<Caller>> {
    let bearer =
        |kind, value: String| Caller::new(kind, "Authorization", format!("Bearer {value}"));
    let roles = json!({"roles": ["dev"]});
    let jwt = |audience, more| doors.issuer.token("alice", audience, 600, more);
    let good = jwt(AUDIENCE, &roles)?;
    let (signed, _) = good.rsplit_once('.').expect("a signature");
    Ok(vec![
        bearer("api_key", token::ApiKey::generate().expose().to_owned()),
        bearer("api_key", "mcp_sk_made-up".into()),
        bearer("api_key", String::new()),
        Caller::new("api_key", "X-API-Key", "mcp_sk_made-up"),
        bearer("session", "alds_s1.1d1.AAAA".into()),
        bearer("session", "alds_".into()),
        bearer("jwt", "x.y.z".into()),
        bearer("jwt", format!("{signed}.{}", "A".repeat(86))),
        bearer("jwt", jwt("http://other.test/mcp", &roles)?),
        bearer("jwt", jwt(AUDIENCE, &json!({"iss": "http://other.test"}))?),
        bearer("jwt", jwt(AUDIENCE, &json!({"exp": "never"}))?),
        bearer("jwt", jwt(AUDIENCE, &json!({"sub": "keys/files"}))?),
        bearer("static", "pasted-nobody-has-it".into()),
        Caller::new("static", "Api-Key", "pasted-nobody-has-it"),
        Caller::new("static", "Authorization", "Basic bm86Ym9keQ=="),
        Caller::new("static", "Authorization", "Digest x"),
        Caller::new("forwarded", "X-Forwarded-User", ""),
        Caller::new("forwarded", "X-Forwarded-User", "tokens/bearer"),
    ])
}

/// S0-26: the switch is on and there is no token.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_without_any_token_lets_nobody_in() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let key = Caller::new(
        "api_key",
        "Authorization",
        format!("Bearer {}", doors.acme.key),
    );
    ensure!(echo(&doors, &key).await?.status == 200);
    for kind in [
        Kind::Static(StaticAuthenticator {}),
        Kind::Session(SessionAuthenticator {}),
    ] {
        doors.set_authenticators(vec![kind]).await?;
        ensure!(echo(&doors, &key).await?.status == 401);
    }
    Ok(())
}
