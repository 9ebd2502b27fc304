//! Signing in: the page with the password form and the identity providers, and what comes after,
//! however somebody signed in. What they were about waits in a login transaction, which only the
//! browser that began it can use.

use axum::{
    Router,
    extract::{RawQuery, Request},
    response::Response,
    routing::get,
};
use http::{HeaderMap, header::SET_COOKIE};
use proto::id::UserUid;
use serde_json::Value;
use time::OffsetDateTime;
use url::form_urlencoded;
use uuid::Uuid;

pub(crate) use self::purpose::{Asked, Prompt, Purpose};
use super::{
    browser::{self, BROWSER, SESSION, Secret, SignedIn},
    budget::Payer,
    guest::{self, Guest, see_other},
    idp,
    issuer::Issuer,
    pages::{self, ClientShown, LoginProblem, ProviderShown},
    params::Params,
    password::{self, Refused},
    setback::Setback,
};
use crate::{
    auth::Desk,
    store::{OneTenant, StoreError, Tx, audit::Entry, login_transaction::NewLoginTransaction},
};

/// What somebody is about.
mod purpose;

/// A request on its way through login and consent.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) id: Uuid,
    /// What it is about.
    pub(crate) purpose: Purpose,
    /// On the way to an identity provider: what the provider's part noted with
    /// `Tx::set_login_upstream`.
    pub(crate) upstream: Option<Value>,
    pub(crate) upstream_sealed: Option<Vec<u8>>,
    pub(crate) created_at: OffsetDateTime,
}

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/login", get(show).post(submit))
}

/// Begins a transaction and sends the browser to its first page.
pub(crate) async fn begin(
    guest: &Guest,
    mut tx: Tx<OneTenant>,
    purpose: &Purpose,
    path: &str,
) -> Result<Response, Setback> {
    let network = guest.network();
    let payer = Payer::Login(tx.tenant().uid, network.clone());
    let budgets = &guest.desk.clients.budgets;
    budgets.take(payer).map_err(Setback::Slow)?;
    let bound = guest.bound();
    let new = NewLoginTransaction {
        browser: &bound.secret.sha256(),
        network: &network,
        request: serde_json::to_value(purpose).expect("strings and booleans"),
    };
    let id = tx.begin_login(&new).await?;
    tx.commit_unrecorded().await?;
    let first = guest.issuer.url(&format!("{path}?t={id}"));
    Ok(bound.give(see_other(&first)))
}

/// The transaction, if the browser that asks began it and it is not over. It stays locked: nobody else
/// ends it meanwhile.
pub(crate) async fn transaction(
    tx: &mut Tx<OneTenant>,
    issuer: &Issuer,
    headers: &HeaderMap,
    id: Uuid,
) -> Result<Option<Transaction>, StoreError> {
    let Some(browser) = Secret::of(issuer, headers, BROWSER) else {
        return Ok(None);
    };
    let Some(stored) = tx.lock_login(id, &browser.sha256()).await? else {
        return Ok(None);
    };
    let purpose = serde_json::from_value(stored.request);
    let purpose = purpose.map_err(|_| StoreError::Inconsistent {
        table: "login_transactions",
        column: "request",
        row: id,
    })?;
    Ok(Some(Transaction {
        id,
        purpose,
        upstream: stored.upstream,
        upstream_sealed: stored.upstream_sealed,
        created_at: stored.created_at,
    }))
}

impl Transaction {
    /// Whether somebody who is signed in has to sign in for this nevertheless.
    pub(crate) fn needs_login(&self, user: &SignedIn) -> bool {
        match &self.purpose {
            Purpose::Authorize(asked) => asked.prompt.login && user.auth_time < self.created_at,
            Purpose::Connections | Purpose::Device { .. } => false,
        }
    }

    /// The page that comes after signing in.
    fn next(&self) -> String {
        match &self.purpose {
            Purpose::Authorize(_) => format!("/consent?t={}", self.id),
            Purpose::Connections => "/connections".to_owned(),
            Purpose::Device { user_code: None } => "/device".to_owned(),
            Purpose::Device {
                user_code: Some(code),
            } => {
                let mut query = form_urlencoded::Serializer::new("/device?".to_owned());
                query.append_pair("user_code", code).finish()
            }
        }
    }
}

/// Signs the user in, records it, and sends the browser on to what it was about. The session is a new
/// one whatever the browser had before (A31).
pub(crate) async fn complete(
    issuer: &Issuer,
    mut tx: Tx<OneTenant>,
    transaction: Transaction,
    user: UserUid,
    headers: &HeaderMap,
) -> Result<Response, Setback> {
    match &transaction.purpose {
        Purpose::Authorize(_) => {}
        Purpose::Connections | Purpose::Device { .. } => tx.end_login(transaction.id).await?,
    }
    let session = Secret::generate();
    let agent = browser::user_agent(headers);
    let slug = tx
        .begin_browser_session(&session.sha256(), user, &agent)
        .await?
        .ok_or(Setback::User)?;
    if let Some(before) = Secret::of(issuer, headers, SESSION) {
        tx.end_browser_session(&before.sha256()).await?;
    }
    let tenant = tx.tenant().clone();
    let name = format!("{}/users/{slug}", tenant.name());
    tx.act_as(name.clone());
    let entry = Entry {
        resource: name,
        before: None,
        after: None,
    };
    tx.commit_recorded(&entry).await?;
    tracing::info!(tenant.id = %tenant.uid, user = slug, "signed in");
    let mut response = see_other(&issuer.url(&transaction.next()));
    let cookie = session.cookie(issuer, SESSION);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    guest.answer(shown(&guest, &query).await)
}

async fn shown(guest: &Guest, query: &str) -> Result<Response, Setback> {
    let params = guest::params(query.as_bytes())?;
    if params.get("t").is_none() {
        return Ok(see_other(&guest.issuer.url("/connections")));
    }
    let mut tx = guest.enter("users.signIn").await?;
    let transaction = of_form(guest, &mut tx, &params).await?;
    let user = guest.signed_in(&mut tx).await?;
    tx.commit_unrecorded().await?;
    match user {
        Some(user) if !transaction.needs_login(&user) => {
            Ok(see_other(&guest.issuer.url(&transaction.next())))
        }
        Some(_) | None => page(guest, &transaction, "", None).await,
    }
}

async fn submit(guest: Guest, request: Request) -> Response {
    guest.answer(submitted(&guest, request).await)
}

async fn submitted(guest: &Guest, request: Request) -> Result<Response, Setback> {
    let form = guest.form(request).await?;
    let mut tx = guest.enter("users.signIn").await?;
    let transaction = of_form(guest, &mut tx, &form).await?;
    drop(tx);
    guest.check_form(&browser::of_transaction(transaction.id), &form)?;
    let login = form.get("login").unwrap_or_default();
    let password = form.get("password").unwrap_or_default();
    let refused = match password::verify(&guest.desk, &guest.visit, login, password).await {
        Ok(proven) => {
            let mut tx = guest.enter("users.signIn").await?;
            // It may be over by now.
            let transaction = of_form(guest, &mut tx, &form).await?;
            match proven.user(&mut tx).await {
                Ok(user) => {
                    let (issuer, headers) = (&guest.issuer, &guest.headers);
                    return complete(issuer, tx, transaction, user, headers).await;
                }
                Err(refused) => refused,
            }
        }
        Err(refused) => refused,
    };
    let problem = match refused {
        Refused::Wrong => LoginProblem::Wrong,
        Refused::Slow(seconds) => LoginProblem::Slow(seconds),
        Refused::Busy => LoginProblem::Busy,
        Refused::Inside(error) => return Err(error.into()),
    };
    page(guest, &transaction, login, Some(problem)).await
}

/// The transaction that a request names.
pub(crate) async fn of_form(
    guest: &Guest,
    tx: &mut Tx<OneTenant>,
    params: &Params,
) -> Result<Transaction, Setback> {
    let id = guest::transaction_id(params)?;
    let found = transaction(tx, &guest.issuer, &guest.headers, id).await?;
    found.ok_or(Setback::NoTransaction)
}

/// The page that signs in, for this transaction. It says what went wrong before, where something did.
pub(crate) async fn page(
    guest: &Guest,
    transaction: &Transaction,
    login: &str,
    problem: Option<LoginProblem>,
) -> Result<Response, Setback> {
    let (client, leads_to) = match &transaction.purpose {
        Purpose::Authorize(asked) => {
            let client = ClientShown::of(&guest.client(&asked.client_id).await?);
            (Some(client), vec![asked.redirect_uri.clone()])
        }
        Purpose::Connections | Purpose::Device { .. } => (None, Vec::new()),
    };
    let mut tx = guest.enter("users.signIn").await?;
    let providers = idp::offered(&mut tx).await?.into_iter();
    drop(tx);
    let bound = guest.bound();
    let page = pages::Login {
        look: guest.look.clone(),
        transaction: transaction.id,
        csrf: bound.secret.csrf(&browser::of_transaction(transaction.id)),
        client,
        passwords: guest.rules.passwords,
        providers: providers
            .map(|provider| ProviderShown {
                slug: provider.slug,
                name: provider.display_name,
            })
            .collect(),
        typed: login.to_owned(),
        problem,
        leads_to,
    };
    Ok(bound.give(page.response()))
}
