//! `/authorize` (RFC 6749 §4.1.1): an app sends somebody here to let it in. First it is made sure which
//! client it is and that it may have its answers at that address; until then every error is a page, and
//! from then on the client is told.

use axum::{
    Router,
    extract::{RawQuery, Request},
    response::Response,
    routing::get,
};
use http::Uri;

use self::request::Read;
use super::{
    approval::{self, Answer, Approval},
    client,
    consent::{self, memory},
    fault::Code,
    guest::{self, Guest},
    issuer::Found,
    login::{self, Purpose},
    params::Params,
    setback::Setback,
};
use crate::auth::Desk;

/// What a request must look like.
mod request;

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/authorize", get(show).post(submit))
}

async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let params = guest::params(query.as_bytes());
    guest.answer(match params {
        Ok(params) => authorize(&guest, &params).await,
        Err(setback) => Err(setback),
    })
}

async fn submit(guest: Guest, uri: Uri, request: Request) -> Response {
    guest.answer(submitted(&guest, &uri, request).await)
}

/// AUTHZ-6: the same as a form. It comes from another site, so the cookies that could bind it to a
/// session are not there, but they are when the browser asks again with a GET.
async fn submitted(guest: &Guest, uri: &Uri, request: Request) -> Result<Response, Setback> {
    // A6: there is one place for parameters.
    if uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(Setback::Malformed);
    }
    let body = guest::body(request).await?;
    let params = guest::params(&body)?;
    match (guest.issuer.found(), body.len() > LONGEST_QUERY) {
        (Found::Alias(_), true) => return Err(Setback::TooLarge),
        (Found::Canonical, too_long) if too_long || guest.has_cookies() => {
            return authorize(guest, &params).await;
        }
        (Found::Canonical | Found::Alias(_), _) => {}
    }
    check_client(guest, &params).await?;
    let query = std::str::from_utf8(&body).map_err(|_| Setback::Malformed)?;
    if !query.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Setback::Malformed);
    }
    let again = guest.issuer.url(&format!("/authorize?{query}"));
    Ok(guest::see_other(&again))
}

/// A1, A4: whoever asks with a wrong client or address is sent nowhere at all.
async fn check_client(guest: &Guest, params: &Params) -> Result<(), Setback> {
    let found = find(guest, params).await?;
    let redirect = found.redirect(params.get("redirect_uri"));
    redirect.map(|_| ()).ok_or(Setback::Redirect)
}

async fn find(guest: &Guest, params: &Params) -> Result<client::Client, Setback> {
    let client_id = params.get("client_id").ok_or(Setback::UnknownClient)?;
    Ok(guest.client(client_id).await?)
}

async fn authorize(guest: &Guest, params: &Params) -> Result<Response, Setback> {
    let client = find(guest, params).await?;
    let redirect = client.redirect(params.get("redirect_uri"));
    let redirect = redirect.ok_or(Setback::Redirect)?;
    let state = request::state(params);
    let answer = Answer {
        redirect: &redirect,
        state: state.unwrap_or_default(),
        issuer: &guest.issuer,
    };
    let read = request::read(&guest.issuer, &guest.rules, &client, &redirect, params);
    let Read { asked, silent } = match (read, state) {
        (Ok(read), Ok(_)) => read,
        (Err(refusal), _) | (Ok(_), Err(refusal)) => return Ok(answer.refuse(refusal)),
    };

    let mut tx = guest.enter("oauth.authorize").await?;
    let user = guest.signed_in_for_good(&mut tx).await?;
    let user = user.filter(|_| !asked.prompt.login);
    if let Some(user) = &user {
        let remembered =
            memory::remembers(&mut tx, &guest.rules, &client, &redirect, &asked, user).await?;
        if let Some(consented_at) = remembered {
            let approval = Approval {
                guest,
                client: &client,
                asked: &asked,
                user,
                consented_at,
            };
            return approval::give(approval, tx).await;
        }
    }
    match (silent, user) {
        (true, None) => {
            let refusal = (Code::LoginRequired, "Nobody is signed in in this browser");
            Ok(answer.refuse(refusal))
        }
        (true, Some(_)) => {
            let refusal = (Code::ConsentRequired, "The user has to be asked");
            Ok(answer.refuse(refusal))
        }
        (false, user) => {
            let first = user.map_or("/login", |_| consent::PATH);
            login::begin(guest, tx, &Purpose::Authorize(asked), first).await
        }
    }
}

/// What fits into a URL everywhere.
const LONGEST_QUERY: usize = 6 << 10;
