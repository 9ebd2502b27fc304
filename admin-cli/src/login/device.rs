//! With a browser on any machine: a short code is typed there (RFC 8628).

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    CLIENT, RESOURCE, SCOPE,
    issued::{self, Issued},
    server::Server,
};
use crate::{
    failure::Failure,
    output::Printer,
    web::{Ask, Web},
};

/// Shows the code and asks until it was typed.
pub(super) async fn sign_in(
    web: &Web,
    server: &Server,
    printer: &Printer,
) -> Result<Issued, Failure> {
    let endpoint = server.device_authorization_endpoint.as_ref();
    let endpoint = endpoint.ok_or_else(|| {
        Failure::SignIn("this authorization server has no device codes; leave --device out".into())
    })?;
    let fields = [
        ("client_id", CLIENT),
        ("scope", SCOPE),
        ("resource", RESOURCE),
    ];
    let answer = web.send(&Ask::form(endpoint, fields)).await?;
    if !answer.status.is_success() {
        return Err(issued::refusal(&answer));
    }
    let offer = answer.json().unwrap_or_default();
    let lacks = |name: &str| Failure::SignIn(format!("the device authorization lacks `{name}`"));
    let text = |name: &'static str| offer[name].as_str().ok_or_else(|| lacks(name));
    let device_code = text("device_code")?;
    printer.note(&format!(
        "Go to {} and type the code {}",
        text("verification_uri")?,
        text("user_code")?
    ));
    if let Some(complete) = offer["verification_uri_complete"].as_str() {
        printer.note(&format!("or go to\n  {complete}"));
    }
    poll(web, server, device_code, &offer).await
}

async fn poll(
    web: &Web,
    server: &Server,
    device_code: &str,
    offer: &Value,
) -> Result<Issued, Failure> {
    let seconds =
        |name: &str, default| Duration::from_secs(offer[name].as_u64().unwrap_or(default));
    let end = Instant::now() + seconds("expires_in", 600);
    let mut interval = seconds("interval", 5);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code),
        ("client_id", CLIENT),
        ("resource", RESOURCE),
    ];
    while Instant::now() < end {
        sleep(interval).await;
        let answer = web.send(&Ask::form(&server.token_endpoint, fields)).await?;
        match issued::error(&answer).as_str() {
            "authorization_pending" => {}
            "slow_down" => interval += SLOWER,
            "access_denied" => {
                return Err(Failure::SignIn("it was not allowed in the browser".into()));
            }
            "expired_token" => break,
            _ => return Issued::read(&answer),
        }
    }
    Err(Failure::SignIn(
        "the code was not typed in time; try again".into(),
    ))
}

/// RFC 8628 §3.5.
const SLOWER: Duration = Duration::from_secs(5);
