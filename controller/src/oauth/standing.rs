//! Whether an access token still counts, asked of the database: for our own endpoints, which need not
//! wait until a feed has told them.

use std::time::SystemTime;

use proto::sync::v1::RevocationKind;
use time::OffsetDateTime;
use token::access::{self, AccessToken};

use super::key;
use crate::{
    error::Error,
    store::{OneTenant, Tx, user::UserRights},
};

/// What a token of this issuer says, if its signature and its time are good.
pub(crate) async fn read(
    tx: &mut Tx<OneTenant>,
    issuer: &str,
    text: &str,
) -> Result<Option<AccessToken>, Error> {
    if access::kid_of(text).is_none() {
        return Ok(None);
    }
    let keys = key::public_keys(tx).await?;
    let now = SystemTime::from(tx.time());
    let tenant = tx.tenant().uid;
    Ok(access::verify(text, issuer, tenant, &keys, now).ok())
}

/// Who acts with a token that counts.
#[derive(Debug)]
pub(crate) enum Holder {
    /// A user, by a grant.
    User(UserRights),
    /// A client for itself.
    Client,
}

/// Who acts with this token; `None` when it was revoked, or its grant, its client or its user are
/// gone or stopped.
pub(crate) async fn holder(
    tx: &mut Tx<OneTenant>,
    token: &AccessToken,
) -> Result<Option<Holder>, Error> {
    let issued = OffsetDateTime::from(token.issued_at());
    let mut things = vec![
        (RevocationKind::Token, token.id.to_string()),
        (RevocationKind::User, token.subject.to_string()),
        (RevocationKind::Client, token.client.to_string()),
        (RevocationKind::Tenant, token.tenant.to_string()),
    ];
    things.extend(
        token
            .grant
            .map(|grant| (RevocationKind::Grant, grant.to_string())),
    );
    if tx.is_revoked(&things, issued).await? {
        return Ok(None);
    }
    let Some(grant) = token.grant else {
        return Ok(Some(Holder::Client));
    };
    let granted = tx.grant(grant).await?;
    let Some(granted) = granted.filter(|grant| grant.revoked_at.is_none()) else {
        return Ok(None);
    };
    let rights = tx.user_roles(granted.user).await?;
    let rights = rights.filter(|rights| !rights.disabled);
    if rights.is_some() {
        // Who is changing the grant now knows more of it.
        tx.note_access_used(&[(grant, issued)]).await?;
    }
    Ok(rights.map(Holder::User))
}
