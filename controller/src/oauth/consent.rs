//! `/consent`: the page on which somebody says whether a client is let in. It is ours, comes after
//! signing in and before any code exists, and what it shows was found out by us.

use axum::{
    Router,
    extract::{RawQuery, Request},
    response::Response,
    routing::get,
};

use super::{
    approval::{self, Answer, Approval},
    browser::SignedIn,
    client::{Client, REFRESH_TOKEN},
    fault::Code,
    guest::{self, Guest, see_other},
    login::{self, Asked, Purpose, Transaction},
    pages::{self, ClientShown, Permission, Reach, RedirectShown},
    params::Params,
    setback::Setback,
};
use crate::{
    auth::Desk,
    store::{OneTenant, Tx},
};

/// When nobody is asked again.
pub(crate) mod memory;

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route(PATH, get(show).post(submit))
}

/// What the forms of this page are about: this login, and this user. Whoever signed in as somebody else
/// in another tab has not been asked.
pub(crate) fn about(transaction: &Transaction, user: &SignedIn) -> String {
    format!("consent {} {}", transaction.id, user.user)
}

async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    guest.answer(shown(&guest, &query).await)
}

async fn shown(guest: &Guest, query: &str) -> Result<Response, Setback> {
    let params = guest::params(query.as_bytes())?;
    let client = client(guest, &params).await?;
    let mut tx = guest.enter("oauth.authorize").await?;
    let (transaction, user) = match found(guest, &mut tx, &params).await? {
        Found::Ready(found) => *found,
        Found::Login(response) => return Ok(response),
    };
    let asked = asked(&transaction)?;
    let redirect = client.redirect(Some(&asked.redirect_uri));
    let redirect = redirect.ok_or(Setback::Redirect)?;
    let rules = &guest.rules;
    let remembered = memory::remembers(&mut tx, rules, &client, &redirect, asked, &user).await?;
    if let Some(consented_at) = remembered {
        tx.end_login(transaction.id).await?;
        let approval = Approval {
            guest,
            client: &client,
            asked,
            user: &user,
            consented_at,
        };
        return approval::give(approval, tx).await;
    }
    tx.commit_unrecorded().await?;
    let bound = guest.bound();
    let page = pages::Consent {
        look: guest.look.clone(),
        transaction: transaction.id,
        csrf: bound.secret.csrf(&about(&transaction, &user)),
        user: user.shown(),
        client: ClientShown::of(&client),
        redirect: RedirectShown::of(&redirect),
        reach: Reach::of(&guest.issuer, &asked.resources),
        permissions: Permission::of(rules, &asked.scopes),
        idle_life: client.may(REFRESH_TOKEN).then_some(rules.idle_life),
        leads_to: redirect.uri.clone(),
    };
    Ok(bound.give(page.response()))
}

async fn submit(guest: Guest, request: Request) -> Response {
    guest.answer(submitted(&guest, request).await)
}

async fn submitted(guest: &Guest, request: Request) -> Result<Response, Setback> {
    let form = guest.form(request).await?;
    let client = client(guest, &form).await?;
    let mut tx = guest.enter("oauth.authorize").await?;
    let (transaction, user) = match found(guest, &mut tx, &form).await? {
        Found::Ready(found) => *found,
        Found::Login(response) => return Ok(response),
    };
    guest.check_form(&about(&transaction, &user), &form)?;
    let asked = asked(&transaction)?;
    // Whatever comes of it, the form has done its work (A29).
    tx.end_login(transaction.id).await?;
    match form.get("decision") {
        Some("allow") => {
            let approval = Approval {
                guest,
                client: &client,
                asked,
                user: &user,
                consented_at: tx.time(),
            };
            approval::give(approval, tx).await
        }
        Some("deny") => {
            let redirect = client.redirect(Some(&asked.redirect_uri));
            let redirect = redirect.ok_or(Setback::Redirect)?;
            tx.commit_unrecorded().await?;
            let answer = Answer {
                redirect: &redirect,
                state: asked.state.as_deref(),
                issuer: &guest.issuer,
            };
            Ok(answer.refuse((Code::AccessDenied, "The user does not want it")))
        }
        Some(_) | None => Err(Setback::Malformed),
    }
}

/// The client that a login is about. No transaction is open while its document is fetched.
async fn client(guest: &Guest, params: &Params) -> Result<Client, Setback> {
    let mut tx = guest.enter("oauth.authorize").await?;
    let transaction = login::of_form(guest, &mut tx, params).await?;
    drop(tx);
    Ok(guest.client(&asked(&transaction)?.client_id).await?)
}

/// Who can be asked.
enum Found {
    /// Somebody is signed in.
    Ready(Box<(Transaction, SignedIn)>),
    /// Somebody has to sign in first: the way there.
    Login(Response),
}

async fn found(guest: &Guest, tx: &mut Tx<OneTenant>, params: &Params) -> Result<Found, Setback> {
    let transaction = login::of_form(guest, tx, params).await?;
    match guest.signed_in_for_good(tx).await? {
        Some(user) if !transaction.needs_login(&user) => {
            Ok(Found::Ready(Box::new((transaction, user))))
        }
        Some(_) | None => {
            let login = format!("/login?t={}", transaction.id);
            Ok(Found::Login(see_other(&guest.issuer.url(&login))))
        }
    }
}

fn asked(transaction: &Transaction) -> Result<&Asked, Setback> {
    match &transaction.purpose {
        Purpose::Authorize(asked) => Ok(asked),
        Purpose::Connections | Purpose::Device { .. } => Err(Setback::NoTransaction),
    }
}

/// Where it is.
pub(crate) const PATH: &str = "/consent";
