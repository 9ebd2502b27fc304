//! Every client against a healthy server, and against servers that are each ill in one way.

mod healthy;
mod hosted;
mod ill;

use serde_json::{Value, json};

use self::{
    healthy::{healthy, json_type},
    ill::{breaks, edit, examine, location, refuse, visit_to},
};
use super::*;
use crate::{args::Format, scripted::Scripted};

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
