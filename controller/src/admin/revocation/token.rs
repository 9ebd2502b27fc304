//! Tokens as they were issued: which kind one is shows in its text. One that is nobody's, or that has
//! expired, needs no revoking (RFC 7009 §2.2).

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::sync::v1::RevocationKind;
use serde_json::Value;
use time::OffsetDateTime;
use token::{RefreshToken, access, session};
use uuid::Uuid;

use super::target::{BY_OPERATOR, Change};
use crate::{
    admin::Parts,
    error::Error,
    lease,
    oauth::{grant, rules::revocation_life_of, standing},
    store::{
        OneTenant, Tx,
        revocation::{Revoked, Until},
    },
};

/// Revokes what the token stands for: a refresh token stands for its grant.
pub(super) async fn revoke(
    tx: &mut Tx<OneTenant>,
    parts: &Parts,
    text: &str,
) -> Result<Change, Error> {
    if let Ok(sha256) = RefreshToken::lookup(text) {
        refresh(tx, &sha256).await
    } else if text.starts_with(session::PREFIX) {
        sealed(tx, parts, text).await
    } else {
        signed(tx, text).await
    }
}

async fn refresh(tx: &mut Tx<OneTenant>, sha256: &[u8; 32]) -> Result<Change, Error> {
    let Some(family) = tx.lock_family(sha256).await? else {
        return Ok(Change::Nothing);
    };
    let uid = family.grant.uid;
    if !grant::revoke(tx, uid, BY_OPERATOR).await? {
        return Ok(Change::Nothing);
    }
    let name = format!("{}/grants/{uid}", tx.tenant().name());
    Ok(Change::Recorded(name))
}

async fn sealed(tx: &mut Tx<OneTenant>, parts: &Parts, text: &str) -> Result<Change, Error> {
    let tenant = tx.tenant().uid;
    let keys = tx.tenant_keys().await?;
    let opened = session::kid_of(text).and_then(|kid| {
        let cipher = lease::opening_key(&parts.vault, tenant, &keys, kid)?;
        session::open(text, tenant, &cipher).ok()
    });
    let live = opened.filter(|token| OffsetDateTime::from(token.expires) > tx.time());
    let Some(token) = live else {
        return Ok(Change::Nothing);
    };
    end(tx, token.id, token.expires);
    let name = tx.tenant().name();
    Ok(Change::Recorded(format!("{name}/sessions/{}", token.id)))
}

async fn signed(tx: &mut Tx<OneTenant>, text: &str) -> Result<Change, Error> {
    let Some(issuer) = issuer(text) else {
        return Ok(Change::Nothing);
    };
    // Whichever of the tenant's addresses it names: its keys signed it.
    let Some(token) = standing::read(tx, &issuer, text).await? else {
        return Ok(Change::Nothing);
    };
    end(tx, token.id, token.expires);
    let name = tx.tenant().name();
    Ok(Change::Recorded(format!("{name}/tokens/{}", token.id)))
}

/// It does not count any more, and is forgotten when it would not anyway.
fn end(tx: &mut Tx<OneTenant>, id: Uuid, expires: SystemTime) {
    tx.revoke(Revoked {
        kind: RevocationKind::Token,
        id: id.to_string(),
        until: Until::Ever,
        life: revocation_life_of(expires, tx.time()),
    });
}

/// What a token says of itself, unverified.
fn issuer(text: &str) -> Option<String> {
    if text.len() > access::MAX {
        return None;
    }
    let payload = text.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    Some(payload.get("iss")?.as_str()?.to_owned())
}
