//! Signing in: the page with the password form and the identity providers, and what comes after,
//! however somebody signed in. What they were about waits in a login transaction, which only the
//! browser that began it can use.

use axum::response::{IntoResponse as _, Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{LOCATION, SET_COOKIE},
};
use proto::id::UserUid;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    browser::{self, BROWSER, SESSION, Secret},
    issuer::Issuer,
    setback::Setback,
};
use crate::{
    auth::Desk,
    store::{OneTenant, StoreError, Tx, audit::Entry},
};

pub(crate) use self::purpose::{Prompt, Purpose};

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

/// Signs the user in, records it, and sends the browser on to what it was about. The session is a new
/// one whatever the browser had before (A31).
pub(crate) async fn complete(
    _desk: &Desk,
    issuer: &Issuer,
    mut tx: Tx<OneTenant>,
    transaction: Transaction,
    user: UserUid,
    headers: &HeaderMap,
) -> Result<Response, Setback> {
    if let Some(before) = Secret::of(issuer, headers, SESSION) {
        tx.end_browser_session(&before.sha256()).await?;
    }
    let session = Secret::generate();
    let agent = browser::user_agent(headers);
    let slug = tx
        .begin_browser_session(&session.sha256(), user, &agent)
        .await?
        .ok_or(Setback::User)?;
    let next = match &transaction.purpose {
        Purpose::Authorize(_) => format!("/consent?t={}", transaction.id),
        Purpose::Device { .. } => format!("/device?t={}", transaction.id),
        Purpose::Connections => {
            tx.end_login(transaction.id).await?;
            "/connections".to_owned()
        }
    };
    let tenant = tx.tenant().clone();
    let name = format!("{}/users/{slug}", tenant.name());
    tx.act_as(name.clone());
    let entry = Entry {
        resource: name,
        before: None,
        after: None,
    };
    tx.commit_recorded(Some(tenant.uid), &entry).await?;
    tracing::info!(tenant.id = %tenant.uid, user = slug, "signed in");
    let mut response = see_other(&issuer.url(&next));
    let cookie = session.cookie(issuer, SESSION);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// Sends a browser on; its next request is a GET, whatever this one was (RFC 9700 §4.12).
pub(crate) fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // Callers pass URLs that were parsed, and so are ASCII.
    if let Ok(to) = HeaderValue::try_from(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}
