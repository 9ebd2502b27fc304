//! With a browser on this machine: the code comes back to a listener of ours (RFC 8252, with PKCE).

use std::{env, process::Stdio, time::Duration};

use tokio::process::Command;
use url::Url;

use super::{CLIENT, RESOURCE, SCOPE, issued::Issued, server::Server};
use crate::{
    callback::{Callback, Returned},
    failure::Failure,
    output::Printer,
    pkce::{Pkce, random},
    web::{Ask, Web},
};

/// Sends the person to the login page and waits for them to come back.
pub(super) async fn sign_in(
    web: &Web,
    server: &Server,
    printer: &Printer,
) -> Result<Issued, Failure> {
    let callback = Callback::listen(PATH).await.map_err(Failure::Listen)?;
    let redirect_uri = format!("http://127.0.0.1:{}{PATH}", callback.port());
    let (pkce, state) = (Pkce::new(), random());
    let url = authorize_url(server, &redirect_uri, &pkce.challenge, &state)?;
    if open(&url) {
        printer.note(&format!("A browser opens. If it does not, go to\n  {url}"));
    } else {
        printer.note(&format!("Go to\n  {url}"));
    }
    let returned = callback.wait(PATIENCE).await.ok_or_else(|| {
        Failure::SignIn("nobody came back from the browser; try again, or use --device".into())
    })?;
    let code = code(&returned, server, &state)?;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &redirect_uri),
        ("client_id", CLIENT),
        ("code_verifier", &pkce.verifier),
        ("resource", RESOURCE),
    ];
    let answer = web.send(&Ask::form(&server.token_endpoint, fields)).await?;
    Issued::read(&answer)
}

fn authorize_url(
    server: &Server,
    redirect_uri: &str,
    challenge: &str,
    state: &str,
) -> Result<String, Failure> {
    let mut url: Url = server.authorization_endpoint.parse().map_err(|_| {
        Failure::SignIn("`authorization_endpoint` of the metadata is not a URL".into())
    })?;
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", redirect_uri),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("state", state),
        ("scope", SCOPE),
        ("resource", RESOURCE),
    ]);
    Ok(url.into())
}

/// The code, if the answer is to our question and of the server that we asked (RFC 9207).
pub(super) fn code<'a>(
    returned: &'a Returned,
    server: &Server,
    state: &str,
) -> Result<&'a str, Failure> {
    let refused = |text: &str| Err(Failure::SignIn(text.into()));
    if returned.get("state") != Some(state) {
        return refused("the answer in the browser belongs to another login");
    }
    let named = returned.get("iss");
    if named != Some(&server.issuer) && (named.is_some() || server.names_itself) {
        return refused("the answer in the browser comes from another authorization server");
    }
    match (returned.get("code"), returned.get("error")) {
        (Some(code), None) => Ok(code),
        (_, Some("access_denied")) => refused("it was not allowed in the browser"),
        (_, Some(error)) => {
            let description = returned.get("error_description").unwrap_or_default();
            refused(&format!("{error}: {description}"))
        }
        (None, None) => refused("the answer in the browser holds no code"),
    }
}

/// Opens the person's browser, if there is a screen to show it on.
fn open(url: &str) -> bool {
    let browser = env::var("BROWSER").unwrap_or_default();
    let screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    let line = match (browser.split(':').next().unwrap_or_default(), screen) {
        ("", true) => "xdg-open",
        ("", false) => return false,
        (browser, _) => browser,
    };
    let mut words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    match words.iter_mut().find(|word| word.contains("%s")) {
        Some(word) => *word = word.replace("%s", url),
        None => words.push(url.to_owned()),
    }
    let Some((program, rest)) = words.split_first() else {
        return false;
    };
    let started = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.is_ok()
}

const PATH: &str = "/callback";
/// How long a person may take to sign in.
const PATIENCE: Duration = Duration::from_mins(10);
