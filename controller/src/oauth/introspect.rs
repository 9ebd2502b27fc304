//! `POST /introspect` (RFC 7662): what a token is worth, for the client it was issued to and for
//! confidential clients that an operator registered. To anybody else every token is inactive.

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use token::{RefreshToken, access::AccessToken};

use super::{
    call::{self, Call, Form},
    client::{AuthMethod, Client, Registration},
    fault::Fault,
    standing,
};
use crate::{
    auth::{Desk, Visit},
    store::{
        OneTenant, Tx,
        refresh::{Family, Presented},
    },
};

/// The route of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/introspect", post(introspect))
}

async fn introspect(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Fault> {
    let (call, tx) =
        Call::begin(desk, visit, Form::read(request).await?, "oauth.introspect").await?;
    let text = call.required("token")?;
    let told = match RefreshToken::lookup(text) {
        Ok(sha256) => refresh_token(&call, tx, &sha256).await?,
        Err(_) => access_token(&call, tx, text).await?,
    };
    let told = told.unwrap_or_else(|| json!({"active": false}));
    Ok(call::answer(Json(told)))
}

async fn access_token(
    call: &Call,
    mut tx: Tx<OneTenant>,
    text: &str,
) -> Result<Option<Value>, Fault> {
    let token = standing::read(&mut tx, call.issuer.as_str(), text).await?;
    let Some(token) = token.filter(|token| sees(&call.client, &token.client)) else {
        return Ok(None);
    };
    if standing::holder(&mut tx, &token).await?.is_none() {
        return Ok(None);
    }
    tx.commit_unrecorded().await?;
    Ok(Some(told(&token)))
}

fn told(token: &AccessToken) -> Value {
    let seconds = |time| OffsetDateTime::from(time).unix_timestamp();
    let audience = match &*token.audiences {
        [one] => json!(one),
        all => json!(all),
    };
    json!({
        "active": true,
        "token_type": "Bearer",
        "iss": token.issuer,
        "sub": token.subject,
        "username": token.username,
        "aud": audience,
        "client_id": token.client,
        "scope": token.scopes.join(" "),
        "iat": seconds(token.issued),
        "exp": seconds(token.expires),
        "jti": token.id,
    })
}

/// A refresh token's own client alone sees it.
async fn refresh_token(
    call: &Call,
    mut tx: Tx<OneTenant>,
    sha256: &[u8; 32],
) -> Result<Option<Value>, Fault> {
    let family = tx.lock_family(sha256).await?;
    let own = |family: &Family| {
        Some(family.grant.client) == call.client.uid
            && family.presented == Presented::Current
            && family.grant.is_live(tx.time())
    };
    let Some(family) = family.filter(own) else {
        return Ok(None);
    };
    let rights = tx.user_roles(family.grant.user).await?;
    let enabled = rights.filter(|rights| !rights.disabled);
    Ok(enabled.map(|rights| {
        json!({
            "active": true,
            "iss": call.issuer.as_str(),
            "sub": family.grant.user.to_string(),
            "username": rights.login,
            "client_id": call.client.client_id,
            "scope": family.grant.scopes.join(" "),
            "exp": family.grant.ends_at().unix_timestamp(),
        })
    }))
}

/// Whether a client is told of tokens of this one.
fn sees(caller: &Client, client: &str) -> bool {
    let serves =
        caller.registration == Registration::Manual && caller.auth_method != AuthMethod::None;
    serves || caller.client_id == client
}
