//! `POST /register`: a program registers itself (RFC 7591), without anybody's leave. Those who
//! register alike share one row; a row that nobody ever allowed anything is forgotten when there are
//! too many; one that somebody did stays for ever, because clients do not register again.

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::StatusCode;
use proto::id::ClientUid;
use token::ClientSecret;
use uuid::Uuid;

use self::wish::Wish;
use super::{
    attempts,
    budget::Payer,
    client::{Registration, Trust, slug_of},
    fault::Fault,
    rules::Rules,
};
use crate::{
    auth::{Desk, Visit, problem::Problem, visit},
    store::{OneTenant, StoreError, Tx, client as stored},
};

/// As what.
mod wish;

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/register", post(register))
}

async fn register(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Response {
    let network = attempts::network(visit.peer.ip());
    if let Err(seconds) = desk.clients.budgets.take(Payer::Asking(network.clone())) {
        return Fault::Slow(seconds).into_response();
    }
    let body = match visit::body(request).await {
        Ok((_, body)) => body,
        Err(problem) => return problem.into_response(),
    };
    match registered(&desk, &visit, &network, &body).await {
        Ok(Some(answer)) => (StatusCode::CREATED, Json(answer)).into_response(),
        Ok(None) => Problem::Path.into_response(),
        Err(fault) => fault.into_response(),
    }
}

/// The client's registration; `None` where nobody can register.
async fn registered(
    desk: &Desk,
    visit: &Visit,
    network: &str,
    body: &[u8],
) -> Result<Option<serde_json::Value>, Fault> {
    let Some(mut tx) = desk.enter(visit, "oauth.register").await? else {
        return Ok(None);
    };
    let rules = Rules::of(tx.oauth_settings()?);
    if !rules.dynamic {
        return Ok(None);
    }
    let wish = Wish::read(body, &rules)?;
    let hash = wish.hash();
    if let Some(hash) = &hash
        && let Some(known) = tx.find_registered(hash).await?
    {
        let ages = known.granted_at.is_none() && known.updated_at + NOTED_EVERY < tx.time();
        // To stay longer costs what a new row costs. Who cannot pay is known all the same.
        if ages && pay(desk, &tx, network).is_ok() {
            tx.renew_registered(known.uid).await?;
        }
        let answer = wish.answer(&known.client_id, known.created_at.unix_timestamp(), None);
        tx.commit_unrecorded().await?;
        return Ok(Some(answer));
    }
    admit(desk, &mut tx, network).await?;
    let secret = wish.metadata.token_endpoint_auth_method.has_secret();
    let secret = secret.then(ClientSecret::generate);
    let client = client(&tx, &wish);
    let sha256 = secret.as_ref().map(ClientSecret::sha256);
    let client_id = tx
        .insert_registered(&client, hash.as_ref(), sha256.as_ref())
        .await?;
    let issued_at = tx.time().unix_timestamp();
    tx.commit_unrecorded().await?;
    let secret = secret.as_ref().map(ClientSecret::expose);
    Ok(Some(wish.answer(&client_id, issued_at, secret)))
}

/// Lets a client in that gets a row without anybody's leave: its network and the tenant pay for it, and
/// there is room.
pub(super) async fn admit(desk: &Desk, tx: &mut Tx<OneTenant>, network: &str) -> Result<(), Fault> {
    pay(desk, tx, network).map_err(Fault::Slow)?;
    if !make_room(tx).await? {
        return Err(Fault::Slow(FULL_FOR));
    }
    Ok(())
}

/// Takes the price of one row; otherwise says in how many seconds it may be had.
fn pay(desk: &Desk, tx: &Tx<OneTenant>, network: &str) -> Result<(), u64> {
    let tenant = tx.tenant().uid;
    let budgets = &desk.clients.budgets;
    budgets.take(Payer::Network(tenant, network.to_owned()))?;
    budgets.take(Payer::Tenant(tenant))
}

/// Whether there is room for one more, made if need be at the cost of who was never used.
async fn make_room(tx: &mut Tx<OneTenant>) -> Result<bool, StoreError> {
    if tx.count_idle_clients().await? < MOST_IDLE {
        return Ok(true);
    }
    Ok(tx.forget_idle_clients(FORGOTTEN_AT_ONCE).await? > 0)
}

fn client(tx: &Tx<OneTenant>, wish: &Wish) -> stored::Client {
    let name = wish.name.as_deref().unwrap_or(NAMELESS);
    stored::Client {
        uid: ClientUid::from_uuid(Uuid::now_v7()),
        slug: slug_of(name),
        client_id: new_client_id(),
        registration: Registration::Dynamic,
        display_name: name.to_owned(),
        metadata: wish.metadata.clone(),
        roles: Vec::new(),
        trust: Trust::Ask,
        granted_at: None,
        last_used_at: None,
        etag: 1,
        created_at: tx.time(),
        updated_at: tx.time(),
    }
}

/// An id that nobody has: letters and digits, which every client can send in every way.
pub(crate) fn new_client_id() -> String {
    format!("client-{}", Uuid::new_v4().simple())
}

/// What people read of a client that does not say what it is called.
const NAMELESS: &str = "Unnamed client";
/// How many clients a tenant has that nobody ever allowed anything. A tenant's budget pays for fewer
/// within the time in which none is forgotten, so that there is always one that can make room.
pub(super) const MOST_IDLE: i64 = 10_000;
const FORGOTTEN_AT_ONCE: i64 = 100;
/// Seconds until some of them may be forgotten.
const FULL_FOR: u64 = 600;
/// Registering again is not noted more often.
const NOTED_EVERY: time::Duration = time::Duration::minutes(1);
