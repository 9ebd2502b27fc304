//! What breaks the clients that run on the web: Claude and `ChatGPT`.

use std::time::Duration;

use super::*;

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
