//! The last step: the MCP URL with the token, as the client calls it first.

use http::Method;
use serde_json::{Value, json};

use super::{report::Step, token::Tokens, visit::Visit};
use crate::web::{Answer, Ask};

/// Initializes and lists the tools.
pub(super) async fn walk(visit: &Visit<'_>, tokens: &Tokens) -> Step {
    let mut step = Step::new("call");
    let initialize = json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": visit.profile.title, "version": "1"},
        },
    });
    let ask = asking(visit, tokens, &initialize);
    let Some(answer) = visit.ask(&mut step, ask).await else {
        return step;
    };
    let Some(result) = read(visit, &mut step, "initialize", &answer) else {
        return step;
    };
    let version = result["protocolVersion"]
        .as_str()
        .unwrap_or(VERSION)
        .to_owned();
    let session = answer.header("mcp-session-id").to_owned();
    let in_session = |ask: Ask| {
        let ask = ask.header("mcp-protocol-version", &version);
        if session.is_empty() {
            return ask;
        }
        ask.header("mcp-session-id", &session)
    };
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    visit
        .ask(&mut step, in_session(asking(visit, tokens, &ready)))
        .await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let Some(answer) = visit
        .ask(&mut step, in_session(asking(visit, tokens, &list)))
        .await
    else {
        return step;
    };
    if let Some(result) = read(visit, &mut step, "tools/list", &answer) {
        let tools = result["tools"].as_array().map_or(0, Vec::len);
        step.found = format!("{tools} tools, protocol {version}");
        if tools == 0 {
            step.remark("no tool is listed: the policy shows this user none, or the server has none (aldgate acl check)");
        }
    }
    if !session.is_empty() {
        let end = Ask::new(Method::DELETE, &visit.typed)
            .header("authorization", &format!("Bearer {}", tokens.access));
        // Who ends a session need not be thanked.
        visit.ask(&mut step, in_session(end)).await;
    }
    step
}

fn asking(visit: &Visit<'_>, tokens: &Tokens, message: &Value) -> Ask {
    Ask::json(&visit.typed, message)
        .header("accept", "application/json, text/event-stream")
        .header("authorization", &format!("Bearer {}", tokens.access))
}

fn read(visit: &Visit<'_>, step: &mut Step, method: &str, answer: &Answer) -> Option<Value> {
    let status = answer.status.as_u16();
    let title = &visit.profile.title;
    let fix = match status {
        200 => return result(step, method, answer),
        401 => "make the audience of tokens the `resource` that the metadata names, put `oauth` into the server's authenticators, and let the header Authorization through".to_owned(),
        403 => format!(
            "let the first call through: {title} takes 403 for a failed authorization. The user needs a role that the policy knows (aldgate acl check), and firewalls must let `{}` through",
            visit.profile.user_agent
        ),
        404 => "copy the URL from `mcp url` of `aldgate server get`".to_owned(),
        502..=504 => "the gateway cannot reach the MCP server behind it: aldgate server get".to_owned(),
        _ => "look at the gateway's log".to_owned(),
    };
    let challenge = match answer.header("www-authenticate") {
        "" => String::new(),
        challenge => format!(" ({challenge})"),
    };
    step.problem(
        format!("{method} with the token is answered {status}{challenge}"),
        fix,
    );
    None
}

fn result(step: &mut Step, method: &str, answer: &Answer) -> Option<Value> {
    let message = answer.json().unwrap_or_default();
    if message["result"].is_object() {
        return Some(message["result"].clone());
    }
    let told = message["error"]["message"]
        .as_str()
        .unwrap_or("no message of MCP");
    step.problem(
        format!("{method} is answered with an error: {told}"),
        "the user needs a role that the policy knows (aldgate acl check), and the MCP server behind must answer",
    );
    None
}

const VERSION: &str = "2025-06-18";
