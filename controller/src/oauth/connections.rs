//! `/connections`: what acts in somebody's name, and how they end it. `/logout` ends their session.

use axum::{
    Router,
    extract::{RawQuery, Request},
    response::Response,
    routing::{get, post},
};
use http::header::SET_COOKIE;
use proto::id::GrantUid;

use super::{
    browser::{self, SESSION, Secret, SignedIn},
    client, consent, grant,
    guest::{self, Guest, see_other},
    login::{self, Purpose},
    pages::{self, ClientShown, ConnectionShown, Done, Permission, Reach, RedirectShown, Standing},
    setback::Setback,
};
use crate::{
    auth::Desk,
    store::{OneTenant, Tx, audit::Entry, grant::Connection},
};

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route(PATH, get(show))
        .route("/connections/disconnect", post(disconnect))
        .route("/logout", post(sign_out))
}

async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    guest.answer(shown(&guest, &query).await)
}

async fn shown(guest: &Guest, query: &str) -> Result<Response, Setback> {
    let params = guest::params(query.as_bytes())?;
    let mut tx = guest.enter("grants.list").await?;
    let Some(user) = guest.signed_in(&mut tx).await? else {
        return login::begin(guest, tx, &Purpose::Connections, "/login").await;
    };
    let connections = grant::of_user(&mut tx, user.user).await?;
    let now = tx.time();
    tx.commit_unrecorded().await?;
    let bound = guest.bound();
    let page = pages::Connections {
        look: guest.look.clone(),
        csrf: bound.secret.csrf(&about(&user)),
        user: user.shown(),
        all: connections
            .iter()
            .map(|connection| connection_shown(guest, connection))
            .collect(),
        disconnected: params.get("disconnected").is_some(),
        now,
    };
    Ok(bound.give(page.response()))
}

fn connection_shown(guest: &Guest, connection: &Connection) -> ConnectionShown {
    let Connection {
        grant,
        client_id,
        client_name,
        registration,
        ..
    } = connection;
    // The host of a client that has a document.
    let host = url::Url::parse(client_id).ok();
    let host = host.and_then(|url| url.host_str().map(str::to_owned));
    let standing = Standing::of(*registration, client::is_known(client_id), host);
    ConnectionShown {
        grant: grant.uid,
        client: ClientShown::new(client_name, standing),
        redirect: RedirectShown::of_origin(&grant.redirect_origin),
        reach: Reach::of(&guest.issuer, &grant.resources),
        permissions: Permission::of(&guest.rules, &grant.scopes),
        created: grant.created_at,
        last_used: grant.last_used_at,
        ends: grant.ends_at(),
    }
}

async fn disconnect(guest: Guest, request: Request) -> Response {
    guest.answer(disconnected(&guest, request).await)
}

async fn disconnected(guest: &Guest, request: Request) -> Result<Response, Setback> {
    let form = guest.form(request).await?;
    let mut tx = guest.enter("grants.revoke").await?;
    let Some(user) = guest.signed_in_for_good(&mut tx).await? else {
        return login::begin(guest, tx, &Purpose::Connections, "/login").await;
    };
    guest.check_form(&about(&user), &form)?;
    let which = Which::read(form.get("grant"))?;
    let ended = end(&mut tx, &user, which).await?;
    let tenant = tx.tenant().clone();
    tx.act_as(user.name(&tenant));
    let entry = Entry {
        resource: match which {
            Which::One(grant) => format!("{}/grants/{grant}", tenant.name()),
            Which::All => format!("{}/grants", user.name(&tenant)),
        },
        before: None,
        after: None,
    };
    if ended == 0 {
        return Ok(see_other(&guest.issuer.url(PATH)));
    }
    tx.commit_recorded(&entry).await?;
    tracing::info!(tenant.id = %tenant.uid, user = user.slug, ended, "a user disconnected");
    let page = guest.issuer.url("/connections?disconnected=1");
    Ok(see_other(&page))
}

/// Which connections to end.
#[derive(Debug, Clone, Copy)]
enum Which {
    One(GrantUid),
    All,
}

impl Which {
    fn read(text: Option<&str>) -> Result<Self, Setback> {
        match text {
            Some("all") => Ok(Self::All),
            Some(text) => text.parse().map(Self::One).map_err(|_| Setback::Malformed),
            None => Err(Setback::Malformed),
        }
    }
}

/// Ends connections of this user's and of nobody else; how many.
async fn end(tx: &mut Tx<OneTenant>, user: &SignedIn, which: Which) -> Result<usize, Setback> {
    let mut ended = 0;
    // A page of them at a time: those that are ended are not there any more.
    loop {
        let mut progress = false;
        for connection in grant::of_user(tx, user.user).await? {
            let uid = connection.grant.uid;
            let meant = match which {
                Which::One(grant) => grant == uid,
                Which::All => true,
            };
            if meant && grant::revoke(tx, uid, "disconnected").await? {
                ended += 1;
                progress = true;
            }
        }
        if !progress {
            return Ok(ended);
        }
    }
}

async fn sign_out(guest: Guest, request: Request) -> Response {
    guest.answer(signed_out(&guest, request).await)
}

/// Ends the session. In the middle of a login it goes on with that, for somebody else to sign in.
async fn signed_out(guest: &Guest, request: Request) -> Result<Response, Setback> {
    let form = guest.form(request).await?;
    let mut tx = guest.enter("users.signOut").await?;
    let transaction = match form.get("t") {
        Some(_) => Some(login::of_form(guest, &mut tx, &form).await?),
        None => None,
    };
    if let Some(user) = guest.signed_in(&mut tx).await? {
        match &transaction {
            Some(transaction) => guest.check_form(&consent::about(transaction, &user), &form)?,
            None => guest.check_form(&about(&user), &form)?,
        }
    }
    let session = Secret::of(&guest.issuer, &guest.headers, SESSION);
    if let Some(session) = &session {
        tx.end_browser_session(&session.sha256()).await?;
    }
    tx.commit_unrecorded().await?;
    let mut response = if let Some(transaction) = transaction {
        let login = format!("/login?t={}", transaction.id);
        see_other(&guest.issuer.url(&login))
    } else {
        let done = Done {
            look: guest.look.clone(),
            title: "Signed out".to_owned(),
            text: "What you connected stays connected.".to_owned(),
        };
        done.response()
    };
    // A form of another site comes without the cookie and does not take it away.
    if session.is_some() {
        let gone = browser::remove_cookie(&guest.issuer, SESSION);
        response.headers_mut().append(SET_COOKIE, gone);
    }
    Ok(response)
}

/// What the forms of this page are about.
fn about(user: &SignedIn) -> String {
    format!("connections {}", user.user)
}

const PATH: &str = "/connections";
