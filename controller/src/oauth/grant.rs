//! Grants: what a user allowed one installation of a client. Every approval makes a new one, so that
//! connecting a second device does not end the first.

use std::time::Duration;

use proto::{
    id::{ClientUid, GrantUid, UserUid},
    sync::v1::RevocationKind,
};
use uuid::Uuid;

use super::{code, rules::Rules};
use crate::store::{
    OneTenant, StoreError, Tx,
    grant::{Connection, Grant, Wanted},
    revocation::{Revoked, Until},
};

/// What is allowed, by whom, to whom.
#[derive(Debug, Clone)]
pub(crate) struct NewGrant<'a> {
    /// Who allows it.
    pub(crate) user: UserUid,
    /// To whom.
    pub(crate) client: ClientUid,
    /// Where its code goes, without the port of a loopback address; empty for a device.
    pub(crate) redirect_origin: &'a str,
    /// The MCP URLs, in their canonical form.
    pub(crate) resources: Vec<String>,
    /// The scopes.
    pub(crate) scopes: Vec<String>,
    /// The browser in which it was allowed.
    pub(crate) user_agent: &'a str,
}

/// Stores a new grant. It ends with its code unless that is exchanged.
pub(crate) async fn open(
    tx: &mut Tx<OneTenant>,
    rules: &Rules,
    new: &NewGrant<'_>,
) -> Result<GrantUid, StoreError> {
    open_for(tx, rules, new, code::LIFE).await
}

/// Stores a new grant that ends after this time unless its tokens are fetched.
pub(super) async fn open_for(
    tx: &mut Tx<OneTenant>,
    rules: &Rules,
    new: &NewGrant<'_>,
    unfetched: Duration,
) -> Result<GrantUid, StoreError> {
    let now = tx.time();
    let grant = Grant {
        uid: GrantUid::from_uuid(Uuid::now_v7()),
        user: new.user,
        client: new.client,
        redirect_origin: new.redirect_origin.to_owned(),
        resources: new.resources.clone(),
        scopes: new.scopes.clone(),
        user_agent: new.user_agent.chars().take(USER_AGENT).collect(),
        created_at: now,
        last_used_at: None,
        idle_expires_at: now + unfetched,
        expires_at: now + rules.grant_life,
        revoked_at: None,
        revoke_reason: String::new(),
    };
    tx.insert_grant(&grant).await?;
    Ok(grant.uid)
}

/// The grant as it is now, kept from others with its user until the transaction ends: whoever revokes
/// either has done so already, or waits.
pub(super) async fn hold(
    tx: &mut Tx<OneTenant>,
    grant: GrantUid,
) -> Result<Option<Grant>, StoreError> {
    let Some(found) = tx.grant(grant).await? else {
        return Ok(None);
    };
    tx.hold_user(found.user).await?;
    tx.lock_grant(grant).await
}

/// What a user has connected, newest first.
pub(crate) async fn of_user(
    tx: &mut Tx<OneTenant>,
    user: UserUid,
) -> Result<Vec<Connection>, StoreError> {
    let wanted = Wanted {
        user: Some(user),
        limit: CONNECTIONS,
        ..Wanted::default()
    };
    tx.connections(&wanted).await
}

/// Ends a grant with all its tokens; whether it was still good.
pub(crate) async fn revoke(
    tx: &mut Tx<OneTenant>,
    grant: GrantUid,
    reason: &str,
) -> Result<bool, StoreError> {
    if !tx.end_grant(grant, reason).await? {
        return Ok(false);
    }
    tx.revoke(Revoked {
        kind: RevocationKind::Grant,
        id: grant.to_string(),
        until: Until::Ever,
        life: super::rules::REVOCATION_LIFE,
    });
    Ok(true)
}

/// More than anybody keeps apart.
const CONNECTIONS: i64 = 200;
const USER_AGENT: usize = 256;
