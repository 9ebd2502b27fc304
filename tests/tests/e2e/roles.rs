//! Issue 3, must-hold 4: what roles allow, that lists and calls agree, and that a demotion works at
//! once, on what is open too.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use proto::access::v1::{Grant, Policy, Rule, authenticator::Kind};
use serde_json::{Value, json};
use tests::{admin::everything_for, http::Response};
use tokio::time::timeout;

use crate::{
    calls::{Acme, MODERN, initialize, legacy, text_of, tool_call},
    doors::{AUDIENCE, Caller, Doors, policy_of, with_subject},
};

/// S4-42, S4-45, S4-51, TI-06: a list shows exactly what may be called.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_exactly_the_tools_that_may_be_called() -> Result<()> {
    let doors = of_tokens().await?;
    let deny = Grant {
        tools: vec!["count".into()],
        deny: true,
        ..all()
    };
    let some = Grant {
        tools: vec!["e*".into(), "c*".into()],
        ..all()
    };
    let policy = policy_of("some", vec![deny, some]);
    doors.set_policy(policy).await?;
    for (roles, wanted) in [(vec!["some"], vec!["echo"]), (vec!["none"], vec![])] {
        let caller = token(&doors, "alice", &roles)?;
        if wanted.is_empty() {
            // Nothing at the server: it might as well not be there.
            let answer = ask(&doors, &caller, list()).await?;
            ensure!(answer.status == 404, "{}", answer.text());
            continue;
        }
        ensure!(names(&ask(&doors, &caller, list()).await?)? == wanted);
        for tool in ["add", "count", "echo", "hello"] {
            let answer = ask(&doors, &caller, call(tool)).await?;
            let json = answer.json()?;
            let denied = json["error"]["code"] == -31003;
            ensure!(
                answer.status == 200 && denied != wanted.contains(&tool),
                "{tool} {json}"
            );
        }
    }
    Ok(())
}

/// S4-51, CL-04: a denial names who and what, and nothing of the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_names_the_subject_and_the_tool_alone() -> Result<()> {
    let doors = of_tokens().await?;
    let some = Grant {
        tools: vec!["echo".into()],
        ..all()
    };
    doors.set_policy(policy_of("some", vec![some])).await?;
    let caller = token(&doors, "alice", &["some"])?;
    text_of(&ask(&doors, &caller, call("echo")).await?)?;
    let before = doors.acme.demo.received()?.len();
    let answer = ask(&doors, &caller, call("add")).await?;
    let error = &answer.json()?["error"];
    ensure!(
        error["data"] == json!({"subject": "alice", "tool": "add"}),
        "{error}"
    );
    ensure!(!answer.text().contains(&doors.acme.demo.url()));
    ensure!(
        doors.acme.demo.received()?.len() == before,
        "it was sent on"
    );
    Ok(())
}

/// X-6: a new tenant lets nobody do anything but its own unrestricted keys.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_policy_only_keys_without_scopes_may_do_anything() -> Result<()> {
    let doors = of_tokens().await?;
    let caller = token(&doors, "alice", &["dev"])?;
    doors.set_policy(everything_for("dev")).await?;
    text_of(&ask(&doors, &caller, call("echo")).await?)?;
    doors.set_policy(Policy::default()).await?;
    ensure!(ask(&doors, &caller, call("echo")).await?.status == 404);
    let key = Caller::new(
        "api_key",
        "Authorization",
        format!("Bearer {}", doors.acme.key),
    );
    text_of(&ask(&doors, &key, call("echo")).await?)?;
    Ok(())
}

/// S2-14, TK-13: a key with scopes is told the one that it lacks.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_scopes_is_told_the_one_that_it_lacks() -> Result<()> {
    let doors = of_tokens().await?;
    // `add` and `echo` are nothing sure, and so need the right to write.
    let args = ["--tenant", "acme", "--server", "files", "--lifespan", "7d"];
    let create = |name, scope| {
        let all = [
            &["key", "create", name],
            &args[..],
            &["--scope", scope, "--wait"],
        ];
        all.concat()
    };
    let cli = doors.acme.cluster.cli();
    let reader: Value = cli.json(&create("reader", "files:read")).await?;
    let writer: Value = cli.json(&create("writer", "files:write")).await?;
    let bearer = |key: &Value| {
        let key = key["key"].as_str().unwrap_or_default().to_owned();
        Caller::new("api_key", "Authorization", format!("Bearer {key}"))
    };
    text_of(&ask(&doors, &bearer(&writer), call("echo")).await?)?;
    let answer = ask(&doors, &bearer(&reader), call("echo")).await?;
    ensure!(answer.status == 403, "{}", answer.text());
    let challenge = answer.header("www-authenticate");
    ensure!(
        challenge.contains(r#"error="insufficient_scope""#),
        "{challenge}"
    );
    ensure!(challenge.contains(r#"scope="files:write""#), "{challenge}");
    Ok(())
}

/// TK-16, TK-12, TI-08: after a demotion the next call, the old session and the open streams are over.
#[tokio::test(flavor = "multi_thread")]
async fn a_demotion_ends_calls_sessions_and_streams() -> Result<()> {
    let doors = of_tokens().await?;
    let policy = with_subject(everything_for("dev"), "alice", &["dev"]);
    doors.set_policy(policy).await?;
    let caller = token(&doors, "alice", &[])?;
    let gateway = doors.acme.cluster.gateways[0].address();
    let opened = caller.dress(initialize(Acme::PATH)).send(gateway).await?;
    let session = opened.header("mcp-session-id").to_owned();
    ensure!(!session.is_empty(), "{}", opened.text());
    let inside = |request: tests::http::Request| {
        caller
            .dress(request)
            .header("mcp-session-id", &session)
            .header("mcp-protocol-version", "2025-11-25")
    };
    let echo = || {
        legacy(
            Acme::PATH,
            "tools/call",
            &json!({"name": "echo", "arguments": {"text": "x"}}),
        )
    };
    ensure!(inside(echo()).send(gateway).await?.status == 200);
    let listen = tests::http::Request::get(Acme::PATH).header("accept", "text/event-stream");
    let mut stream = inside(listen).open(gateway).await?;
    ensure!(stream.status == 200, "{}", stream.status);

    doors.set_policy(everything_for("dev")).await?;
    let since = Instant::now();
    ensure!(inside(echo()).send(gateway).await?.status == 404);
    ensure!(ask(&doors, &caller, call("echo")).await?.status == 404);
    let end = async {
        // Whatever still comes, it comes to an end, clean or not.
        while let Ok(Some(_)) = stream.event().await {}
    };
    timeout(Duration::from_secs(5), end)
        .await
        .context("the stream is still open")?;
    ensure!(since.elapsed() < Duration::from_secs(5));
    Ok(())
}

/// S4-43, S4-50, S4-55: the flat list means here what it meant where it came from.
#[tokio::test(flavor = "multi_thread")]
async fn the_flat_list_decides_by_its_first_match() -> Result<()> {
    let doors = of_tokens().await?;
    let rule = |tools: &str, policy: &str| Rule {
        subjects: vec!["alice".into()],
        tools: vec![tools.into()],
        policy: policy.into(),
        ..Default::default()
    };
    let policy = Policy {
        default: "deny".into(),
        rules: vec![rule("files__add", "deny"), rule("files__*", "allow")],
        ..Default::default()
    };
    doors.set_policy(policy).await?;
    let caller = token(&doors, "alice", &[])?;
    ensure!(names(&ask(&doors, &caller, list()).await?)? == ["count", "echo", "hello"]);
    let answer = ask(&doors, &caller, call("add")).await?;
    ensure!(answer.json()?["error"]["code"] == -31003);
    Ok(())
}

/// S4-54, S4-55: `aldgate acl check` says what gateways do, and names the rule.
#[tokio::test(flavor = "multi_thread")]
async fn acl_check_says_what_gateways_do_and_names_the_rule() -> Result<()> {
    let doors = of_tokens().await?;
    let some = Grant {
        tools: vec!["echo".into()],
        ..all()
    };
    doors.set_policy(policy_of("some", vec![some])).await?;
    let caller = token(&doors, "alice", &["some"])?;
    for (tool, code, rule) in [("echo", 0, "some[0]"), ("add", 1, "default")] {
        let check = ["acl", "check", "--tenant", "acme", "--server", "files"];
        let who = ["--subject", "alice", "--role", "some", "--tool", tool];
        let output = doors
            .acme
            .cluster
            .cli()
            .run(&[&check[..], &who].concat())
            .await?;
        ensure!(
            output.code == code && output.stdout.contains(rule),
            "{tool} {output:?}"
        );
        let answer = ask(&doors, &caller, call(tool)).await?.json()?;
        ensure!(
            (answer["error"]["code"] == -31003) == (code == 1),
            "{answer}"
        );
    }
    Ok(())
}

/// A tenant whose callers come with tokens of the issuer, and keys.
async fn of_tokens() -> Result<Doors> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let api_key = Kind::ApiKey(proto::access::v1::ApiKeyAuthenticator::default());
    doors
        .set_authenticators(vec![Kind::Jwt(doors.jwt()), api_key])
        .await?;
    Ok(doors)
}

fn token(doors: &Doors, subject: &str, roles: &[&str]) -> Result<Caller> {
    let token = doors
        .issuer
        .token(subject, AUDIENCE, 600, &json!({"roles": roles}))?;
    Ok(Caller::new(
        "jwt",
        "Authorization",
        format!("Bearer {token}"),
    ))
}

async fn ask(doors: &Doors, caller: &Caller, request: tests::http::Request) -> Result<Response> {
    caller
        .dress(request)
        .send(doors.acme.cluster.gateways[0].address())
        .await
}

fn call(tool: &str) -> tests::http::Request {
    tool_call(
        Acme::PATH,
        tool,
        &json!({"text": "x", "a": 1, "b": 2, "to": 1}),
    )
}

fn list() -> tests::http::Request {
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {"_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    tests::http::Request::post(Acme::PATH, message.to_string())
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/list")
}

/// The names in a list, whether it came as JSON or as an event.
fn names(answer: &Response) -> Result<Vec<String>> {
    let text = answer.text();
    let data = text.lines().find_map(|line| line.strip_prefix("data: {"));
    let json: Value = match data {
        Some(data) => serde_json::from_str(&format!("{{{data}"))?,
        None => serde_json::from_str(&text).with_context(|| text.clone())?,
    };
    let tools = json["result"]["tools"]
        .as_array()
        .with_context(|| text.clone())?;
    let mut names: Vec<_> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

fn all() -> Grant {
    Grant {
        servers: vec!["*".into()],
        access: "*".into(),
        ..Default::default()
    }
}

/// S2-10: what the policy denies a key, it denies every session that the key makes.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_do_no_more_than_its_key() -> Result<()> {
    let doors = Doors::open(Acme::start(1, "the-credential").await?).await?;
    let gateway = &doors.acme.cluster.gateways[0];
    let mut sessions = Vec::new();
    for body in [
        json!({"user": "sam"}),
        json!({"user": "sam", "roles": ["dev"]}),
    ] {
        let token = doors.session(gateway, &body).await?;
        let session = Caller::new("session", "Authorization", format!("Bearer {token}"));
        text_of(&ask(&doors, &session, call("echo")).await?)?;
        sessions.push(session);
    }
    let only_hello = Grant {
        tools: vec!["hello".into()],
        ..all()
    };
    let mut policy = everything_for("dev");
    policy.subjects.insert(
        "keys/files".into(),
        proto::access::v1::Subject {
            extra: vec![only_hello],
            ..Default::default()
        },
    );
    doors.set_policy(policy).await?;
    for session in &sessions {
        let answer = ask(&doors, session, call("echo")).await?;
        ensure!(
            answer.json()?["error"]["code"] == -31003,
            "{}",
            answer.text()
        );
        text_of(&ask(&doors, session, call("hello")).await?)?;
    }
    Ok(())
}
