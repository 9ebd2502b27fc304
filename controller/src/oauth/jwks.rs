//! `GET /jwks`: the public keys with which anybody can verify a tenant's tokens (RFC 7517). Those that
//! are announced are among them, those that have gone or were revoked are not.

use axum::{
    Extension, Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, header::CACHE_CONTROL};
use serde_json::{Value, json};

use super::{
    fault::{Code, Fault},
    key,
};
use crate::auth::{Desk, Visit};

/// The route of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/jwks", get(show))
}

async fn show(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
) -> Result<Response, Fault> {
    let tx = desk.enter(&visit, "oauth.jwks").await?;
    let mut tx = tx.ok_or_else(|| Fault::new(Code::InvalidRequest, "No such tenant"))?;
    let keys: Vec<Value> = key::public_keys(&mut tx)
        .await?
        .iter()
        .map(token::access::PublicKey::jwk)
        .collect();
    let mut response = Json(json!({"keys": keys})).into_response();
    // A key is announced for much longer before it signs.
    let life = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, life);
    Ok(response)
}
