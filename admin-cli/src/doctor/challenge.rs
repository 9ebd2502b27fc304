//! The first step: the MCP URL, called without a token, must say where to get one (RFC 9728 §5.1).

use http::Method;
use serde_json::json;

use super::{report::Step, visit::Visit};
use crate::web::{Answer, Ask};

/// What the challenge says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) resource_metadata: Option<String>,
    pub(super) scope: Option<String>,
}

/// Sends what the client sends first. `None` if the walk ends here.
pub(super) async fn walk(visit: &Visit<'_>) -> (Step, Option<Challenge>) {
    let mut step = Step::new("challenge");
    let mut found = None;
    for probe in &visit.profile.probes {
        let Some(answer) = visit.ask(&mut step, first(visit, &probe.method)).await else {
            return (step, None);
        };
        if let Some(challenge) = read(visit, &mut step, &probe.method, &answer) {
            found.get_or_insert(challenge);
        }
    }
    let headers = "authorization, content-type, mcp-protocol-version, mcp-session-id";
    visit
        .preflight(&mut step, &visit.typed, "POST", headers)
        .await;
    if visit.profile.hosted && visit.is_here() {
        step.remark(format!(
            "{} runs at its vendor and reaches public addresses over https alone, not this one",
            visit.profile.title
        ));
    }
    if let Some(challenge) = &found {
        let place = challenge.resource_metadata.as_deref().unwrap_or("nowhere");
        step.found = format!("401, metadata at {place}");
    }
    (step, found)
}

/// A request without a token.
fn first(visit: &Visit<'_>, method: &str) -> Ask {
    let url = visit.typed.as_str();
    let ask = match method {
        "HEAD" => Ask::new(Method::HEAD, url),
        "GET" => return Ask::get(url).header("accept", "text/event-stream"),
        _ => Ask::json(
            url,
            &json!({
                "jsonrpc": "2.0",
                "id": 0,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {},
                    "clientInfo": {"name": visit.profile.title, "version": "1"},
                },
            }),
        ),
    };
    ask.header("accept", "application/json, text/event-stream")
}

fn read(visit: &Visit<'_>, step: &mut Step, method: &str, answer: &Answer) -> Option<Challenge> {
    let title = &visit.profile.title;
    match answer.status.as_u16() {
        401 => {}
        200 => {
            step.problem(
                format!("{method} is answered 200 without a token, and {title} starts a login only on 401"),
                "take `anonymous` out of the authenticators of the server and put `oauth` in: aldgate server update NAME --tenant T --authenticators-file F",
            );
            return None;
        }
        404 => {
            step.problem(
                format!("{method} is answered 404: there is nothing at this URL"),
                "copy the URL from `mcp url` of `aldgate server get`",
            );
            return None;
        }
        405 => {
            step.problem(
                format!("{method} is answered 405, and {title} looks for the challenge there"),
                format!("let {method} through to the gateway, which challenges before it looks at the method"),
            );
            return None;
        }
        403 if visit.forbidden(step, answer) => return None,
        other => {
            step.problem(
                format!("{method} is answered {other}, not 401"),
                "look at what stands in front of the gateway, and at the gateway's log",
            );
            return None;
        }
    }
    let header = answer.header("www-authenticate");
    let Some((scheme, rest)) = header.split_once(' ') else {
        step.problem(
            format!("{method} is answered 401 without a challenge to read"),
            "put `oauth` into the authenticators of the server, and pass the header WWW-Authenticate on",
        );
        return None;
    };
    if !scheme.eq_ignore_ascii_case("bearer") || (visit.profile.exact_scheme && scheme != "Bearer")
    {
        step.problem(
            format!("the challenge's scheme is `{scheme}`, and {title} knows `Bearer` in this spelling alone"),
            "pass the header WWW-Authenticate on as the gateway writes it",
        );
    }
    let exposed = answer
        .header("access-control-expose-headers")
        .to_lowercase();
    let allowed = answer.header("access-control-allow-origin");
    if visit.profile.origin.is_some()
        && !allowed.is_empty()
        && !exposed.contains("www-authenticate")
    {
        step.remark("pages cannot read the challenge: WWW-Authenticate is not in Access-Control-Expose-Headers");
    }
    let challenge = Challenge {
        resource_metadata: parameter(rest, "resource_metadata"),
        scope: parameter(rest, "scope"),
    };
    match &challenge.resource_metadata {
        None => step.remark(
            "the challenge names no `resource_metadata`; clients fall back to well-known places",
        ),
        Some(url) => visit.secure(step, "`resource_metadata` of the challenge", url),
    }
    Some(challenge)
}

/// A parameter of a challenge, quoted or not (RFC 9110 §11.2).
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_quoted_or_not() {
        let text = r#"error="invalid_token", resource_metadata="https://a.test/x?y=1", scope=mcp"#;
        assert_eq!(
            parameter(text, "resource_metadata").as_deref(),
            Some("https://a.test/x?y=1")
        );
        assert_eq!(parameter(text, "scope").as_deref(), Some("mcp"));
        assert_eq!(parameter(text, "realm"), None);
    }
}
