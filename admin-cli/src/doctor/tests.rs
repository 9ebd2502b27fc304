//! Every client against a healthy server, and against servers that are each ill in one way.

mod healthy;

use std::time::Duration;

use serde_json::{Value, json};

use self::healthy::{healthy, json_type};
use super::*;
use crate::{
    args::Format,
    scripted::{Arrived, Reply, Scripted},
};

/// The positive twin of everything below.
#[tokio::test]
async fn every_client_connects_to_a_healthy_server() {
    for (name, profile) in Profile::all() {
        let server = Scripted::start(|request| healthy(&request)).await;
        let report = examine(profile, &server).await;
        assert!(report.is_ok(), "{name}:\n{}", report.lines().join("\n"));
        assert_eq!(report.steps.len(), STEPS.len(), "{name}");
        let done = report.steps.iter().all(|step| step.outcome == Outcome::Ok);
        assert!(done, "{name}:\n{}", report.lines().join("\n"));
    }
}

/// oauth.md §3.4, "All".
#[tokio::test]
async fn what_breaks_all_clients_is_named() {
    breaks(
        "claude",
        "resource metadata",
        "web page in front",
        |request, reply| {
            if request.path.contains("protected-resource") {
                *reply = (
                    200,
                    vec![("content-type", "text/html".into())],
                    "<html>".into(),
                );
            }
        },
    )
    .await;
    breaks(
        "claude",
        "token",
        "follows no redirects",
        |request, reply| {
            if request.path == "/token" {
                *reply = (302, vec![("location", "/other".into())], String::new());
            }
        },
    )
    .await;
    breaks("claude", "challenge", "NTP", |_, reply| {
        reply
            .1
            .push(("date", "Sat, 01 Jan 2000 00:00:00 GMT".into()));
    })
    .await;
    breaks("claude", "challenge", "ASCII", |request, reply| {
        if request.path == "/mcp" {
            reply.1.push(("x-tenant", "Ünal".into()));
        }
    })
    .await;
    breaks(
        "inspector",
        "registration",
        "schemas know no null",
        |request, reply| {
            edit(request, reply, "/register", |body| {
                body["logo_uri"] = Value::Null;
            });
        },
    )
    .await;
}

/// oauth.md §3.4, "All": what stands behind TLS and was not told.
#[test]
fn plain_urls_behind_tls_are_named() {
    let visit = visit_to("https://acme.test/mcp", "claude");
    let mut step = Step::new("server metadata");
    visit.secure(&mut step, "`token_endpoint`", "https://acme.test/token");
    assert_eq!(step.problems, []);
    visit.secure(&mut step, "`token_endpoint`", "http://acme.test/token");
    assert!(
        step.problems[0]
            .fix
            .contains("aldgate tenant update NAME --host https://")
    );
}

/// oauth.md §3.4, "Claude web".
#[tokio::test]
async fn what_breaks_claude_is_named() {
    breaks(
        "claude",
        "resource metadata",
        "compares for equality",
        |request, reply| {
            let other = format!("{}/mcp/", request.origin);
            edit(request, reply, "protected-resource", |body| {
                body["resource"] = other.into();
            });
        },
    )
    .await;
    breaks(
        "claude",
        "server metadata",
        "set the tenant's host",
        |request, reply| {
            let other = format!("{}/", request.origin);
            edit(request, reply, "authorization-server", |body| {
                body["issuer"] = other.into();
            });
        },
    )
    .await;
    breaks(
        "claude",
        "server metadata",
        "lacks `none`",
        |request, reply| {
            let only = json!(["client_secret_basic"]);
            edit(request, reply, "authorization-server", |body| {
                body["token_endpoint_auth_methods_supported"] = only;
            });
        },
    )
    .await;
    breaks("claude", "registration", "must be 201", |request, reply| {
        if request.path == "/register" {
            reply.0 = 200;
        }
    })
    .await;
    breaks(
        "claude",
        "registration",
        "without a secret",
        |request, reply| {
            edit(request, reply, "/register", |body| {
                body["client_secret"] = "s".into();
            });
        },
    )
    .await;
}

/// oauth.md §3.4, "Claude web": firewalls, and scopes that are published.
#[tokio::test]
async fn what_refuses_claude_is_named() {
    breaks(
        "claude",
        "challenge",
        "let `Claude-User` through",
        |request, reply| {
            if request.path == "/mcp" {
                *reply = (403, vec![], String::new());
            }
        },
    )
    .await;
    breaks(
        "claude",
        "authorize",
        "grant every scope that is published",
        |request, reply| {
            refuse(request, reply, "invalid_scope");
        },
    )
    .await;
    breaks(
        "claude",
        "call",
        "takes 403 for a failed authorization",
        |request, reply| {
            if request.path == "/mcp" && !request.header("authorization").is_empty() {
                *reply = (403, vec![], String::new());
            }
        },
    )
    .await;
}

/// oauth.md §3.4, "Claude web": it waits ten seconds.
#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_named() {
    let mut visit = visit_to("http://127.0.0.1/mcp", "claude");
    // Accepts and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    visit.web = Web::within(Duration::from_millis(300)).unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let mut step = Step::new("challenge");
    assert!(
        visit
            .ask(&mut step, crate::web::Ask::get(&url))
            .await
            .is_none()
    );
    assert!(
        step.problems[0].fix.contains("which is what Claude"),
        "{step:?}"
    );
}

/// oauth.md §3.4, "Claude Code": `iss` with a slash.
#[tokio::test]
async fn an_issuer_with_a_slash_in_the_answer_is_named() {
    breaks(
        "mcp-remote",
        "authorize",
        "without a slash at its end",
        |request, reply| {
            if let Some(location) = location(request, reply) {
                *location += "%2F";
            }
        },
    )
    .await;
    breaks(
        "mcp-remote",
        "authorize",
        "as the controller writes it",
        |request, reply| {
            if let Some(location) = location(request, reply) {
                let cut = location.find("&iss=").unwrap();
                location.truncate(cut);
            }
        },
    )
    .await;
}

/// oauth.md §3.4, "`ChatGPT`".
#[tokio::test]
async fn what_breaks_chatgpt_is_named() {
    breaks(
        "chatgpt",
        "server metadata",
        "another redirect URI",
        |request, reply| {
            edit(request, reply, "authorization-server", |body| {
                body["authorization_response_iss_parameter_supported"] = false.into();
            });
        },
    )
    .await;
    breaks(
        "chatgpt",
        "token",
        "whether it asks for `offline_access` or not",
        |request, reply| {
            edit(request, reply, "/token", |body| {
                body.as_object_mut().unwrap().remove("refresh_token");
            });
        },
    )
    .await;
    breaks(
        "chatgpt",
        "resource metadata",
        "oauth-protected-resource/mcp through",
        |request, reply| {
            let root = format!("{}/.well-known/oauth-protected-resource", request.origin);
            match request.path.as_str() {
                "/.well-known/oauth-protected-resource/mcp" => reply.0 = 404,
                "/mcp" if reply.0 == 401 => {
                    reply.1[0].1 = format!("Bearer resource_metadata=\"{root}\"");
                }
                _ => {}
            }
        },
    )
    .await;
    breaks(
        "chatgpt",
        "authorize",
        "drop those of OpenID Connect",
        |request, reply| {
            edit(request, reply, "authorization-server", |body| {
                body["scopes_supported"] = json!(["mcp", "openid"]);
            });
            if request.query.contains("openid") {
                refuse(request, reply, "invalid_scope");
            }
        },
    )
    .await;
}

/// oauth.md §3.4, "Cursor".
#[tokio::test]
async fn what_breaks_cursor_is_named() {
    breaks(
        "cursor",
        "registration",
        "private-use schemes",
        |request, reply| {
            if request.path == "/register" && request.text().contains("cursor://") {
                *reply = (
                    400,
                    json_type(),
                    json!({"error": "invalid_redirect_uri"}).to_string(),
                );
            }
        },
    )
    .await;
    breaks(
        "cursor",
        "registration",
        "do not limit registrations by address",
        |request, reply| {
            if request.path == "/register" {
                *reply = (429, json_type(), "{}".into());
            }
        },
    )
    .await;
}

/// oauth.md §3.4, "VS Code".
#[tokio::test]
async fn what_breaks_vs_code_is_named() {
    let lines = breaks(
        "vscode",
        "resource metadata",
        "VS Code compares for equality",
        |request, reply| {
            let parent = request.origin.clone();
            edit(request, reply, "protected-resource", |body| {
                body["resource"] = parent.into();
            });
        },
    )
    .await;
    assert!(lines.contains("`resource` is http://127.0.0.1:"), "{lines}");
    breaks(
        "vscode",
        "challenge",
        "as the gateway writes it",
        |request, reply| {
            if request.path == "/mcp" && reply.0 == 401 {
                reply.1[0].1 = reply.1[0].1.replace("Bearer", "bearer");
            }
        },
    )
    .await;
    // The port of this machine's addresses is exempt from the comparison.
    breaks(
        "vscode",
        "authorize",
        "but for the port",
        |request, reply| {
            if request.path == "/authorize" {
                let page = "<h1>This redirect URI is not registered</h1>";
                *reply = (400, vec![("content-type", "text/html".into())], page.into());
            }
        },
    )
    .await;
}

/// oauth.md §3.4, "Gemini CLI", "rmcp", "Copilot Studio".
#[tokio::test]
async fn what_breaks_the_others_is_named() {
    for (client, method) in [("gemini", "HEAD"), ("codex", "GET")] {
        let fix = format!("let {method} through");
        breaks(client, "challenge", &fix, move |request, reply| {
            if request.path == "/mcp" && request.method == method {
                reply.0 = 405;
            }
        })
        .await;
    }
    breaks(
        "codex",
        "registration",
        "all that was registered is in it",
        |request, reply| {
            edit(request, reply, "/register", |body| {
                body.as_object_mut().unwrap().remove("redirect_uris");
            });
        },
    )
    .await;
    breaks(
        "copilot-studio",
        "registration",
        "give clients that ask for a secret one",
        |request, reply| {
            edit(request, reply, "/register", |body| {
                body.as_object_mut().unwrap().remove("client_secret");
            });
        },
    )
    .await;
    breaks(
        "copilot-studio",
        "registration",
        "all that was registered is in it",
        |request, reply| {
            edit(request, reply, "/register", |body| {
                body["grant_types"] = json!(["authorization_code"]);
            });
        },
    )
    .await;
}

/// oauth.md §3.4, "Inspector/browser clients".
#[tokio::test]
async fn what_breaks_pages_is_named() {
    for path in [
        "protected-resource",
        "authorization-server",
        "/register",
        "/token",
    ] {
        let step = match path {
            "protected-resource" => "resource metadata",
            "authorization-server" => "server metadata",
            "/register" => "registration",
            _ => "token",
        };
        breaks(
            "inspector",
            step,
            "let OPTIONS through",
            move |request, reply| {
                if request.method == "OPTIONS" && request.path.contains(path) {
                    *reply = (405, vec![], String::new());
                }
            },
        )
        .await;
    }
    let server = Scripted::start(|request| {
        let mut reply = healthy(&request);
        if request.method == "OPTIONS" && request.path == "/mcp" {
            reply = (405, vec![], String::new());
        }
        reply
    })
    .await;
    let report = examine(&Profile::all()["inspector"], &server).await;
    let lines = report.lines().join("\n");
    assert!(
        report.is_ok() && lines.contains("--allowed-origin"),
        "{lines}"
    );
}

/// oauth.md §3.4, "mcp-remote".
#[tokio::test]
async fn what_breaks_mcp_remote_is_named() {
    breaks(
        "mcp-remote",
        "authorize",
        "openid email profile",
        |request, reply| {
            if request.query.contains("openid") {
                refuse(request, reply, "invalid_scope");
            }
        },
    )
    .await;
    breaks(
        "mcp-remote",
        "refresh",
        "take the scopes that were granted",
        |request, reply| {
            if request.text().contains("grant_type=refresh_token") {
                *reply = (
                    400,
                    json_type(),
                    json!({"error": "invalid_scope"}).to_string(),
                );
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_server_that_lets_everybody_in_starts_no_login() {
    breaks(
        "claude",
        "challenge",
        "take `anonymous` out",
        |request, reply| {
            if request.path == "/mcp" {
                *reply = (200, json_type(), "{}".into());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_hosted_client_stops_where_a_person_would_sign_in() {
    let server = Scripted::start(|request| healthy(&request)).await;
    let printer = Printer::new(Format::Json);
    let profile = &Profile::all()["claude"];
    let report = connect(profile, &server.url("/mcp"), None, &printer)
        .await
        .unwrap();
    assert!(report.is_ok());
    let outcome = |at: usize| (report.steps[at].name, report.steps[at].outcome);
    assert_eq!(outcome(4), ("authorize", Outcome::Ok));
    assert_eq!(outcome(5), ("token", Outcome::Skipped));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_tried_again() {
    let server = Scripted::start(|request| healthy(&request)).await;
    let printer = Printer::new(Format::Json);
    let person = Person {
        login: "ada".into(),
        password: "wrong".into(),
    };
    let profile = &Profile::all()["claude"];
    let report = connect(profile, &server.url("/mcp"), Some(&person), &printer)
        .await
        .unwrap();
    let lines = report.lines().join("\n");
    assert!(lines.contains("the login is refused: Wrong."), "{lines}");
}

/// Examines a server that is ill in one way; that step must fail and say so. Returns what people read.
async fn breaks(
    client: &str,
    step: &str,
    told: &str,
    ill: impl Fn(&Arrived, &mut Reply) + Send + Sync + 'static,
) -> String {
    let server = Scripted::start(move |request| {
        let mut reply = healthy(&request);
        ill(&request, &mut reply);
        reply
    })
    .await;
    let report = examine(&Profile::all()[client], &server).await;
    let lines = report.lines().join("\n");
    let found = report
        .steps
        .iter()
        .find(|found| found.name == step)
        .unwrap();
    assert_eq!(found.outcome, Outcome::Failed, "{client}, {step}:\n{lines}");
    let named = found
        .problems
        .iter()
        .any(|problem| problem.fix.contains(told) || problem.what.contains(told));
    assert!(named, "{client}, {step}, {told}:\n{lines}");
    assert!(!report.is_ok());
    lines
}

async fn examine(profile: &Profile, server: &Scripted) -> Report {
    let person = Person {
        login: "ada".into(),
        password: "correct".into(),
    };
    let printer = Printer::new(Format::Json);
    connect(profile, &server.url("/mcp"), Some(&person), &printer)
        .await
        .unwrap()
}

/// Changes the JSON of a document.
fn edit(request: &Arrived, reply: &mut Reply, path: &str, change: impl FnOnce(&mut Value)) {
    if request.method == "OPTIONS" || !request.path.contains(path) {
        return;
    }
    let mut body: Value = serde_json::from_str(&reply.2).unwrap();
    change(&mut body);
    reply.2 = body.to_string();
}

/// Refuses an authorization by redirect.
fn refuse(request: &Arrived, reply: &mut Reply, error: &str) {
    if request.path != "/authorize" {
        return;
    }
    let to = format!(
        "{}?error={error}&state={}&iss={}",
        request.param("redirect_uri").unwrap_or_default(),
        request.param("state").unwrap_or_default(),
        request.origin
    );
    *reply = (303, vec![("location", to)], String::new());
}

/// Where the consent page sends people.
fn location<'a>(request: &Arrived, reply: &'a mut Reply) -> Option<&'a mut String> {
    if (request.method.as_str(), request.path.as_str()) != ("POST", "/consent") {
        return None;
    }
    reply.1.first_mut().map(|(_, location)| location)
}

fn visit_to(url: &str, client: &str) -> Visit<'static> {
    Visit {
        web: Web::within(Duration::from_secs(5)).unwrap(),
        profile: &Profile::all()[client],
        url: url.parse().unwrap(),
        typed: url.to_owned(),
    }
}
