//! What can be revoked, and what that means besides: what could be exchanged for a new token goes too.

use proto::{
    id::GrantUid,
    name::{ClientName, GrantName, KeyName, SigningKeyName, UserName},
    sync::v1::RevocationKind,
};

use super::{key, token};
use crate::{
    admin::Parts,
    error::Error,
    oauth::{self, grant, rules::REVOCATION_LIFE},
    store::{
        OneTenant, Tx,
        audit::Entry,
        revocation::{GrantsOf, Revoked, Until},
    },
};

/// What is to be revoked.
pub(super) enum Target {
    Token(String),
    Grant(GrantName),
    Key(KeyName),
    User(UserName),
    Client(ClientName),
    Everything,
    SigningKey(SigningKeyName),
}

/// What became of it.
pub(super) enum Change {
    /// It counted for nothing before.
    Nothing,
    /// A resource of this name, and nothing in config.
    Recorded(String),
    /// Something in config.
    OfConfig(Entry),
}

impl Target {
    /// Revokes it in this transaction.
    pub(super) async fn revoke(
        self,
        tx: &mut Tx<OneTenant>,
        parts: &Parts,
    ) -> Result<Change, Error> {
        match self {
            Self::Token(text) => token::revoke(tx, parts, &text).await,
            Self::Grant(name) => one_grant(tx, &name).await,
            Self::Key(name) => api_key(tx, &name).await,
            Self::User(name) => {
                let user = tx.lock_user(&name.user).await?;
                let user = user.ok_or_else(|| Error::NotFound(name.to_string()))?;
                tx.end_grants(GrantsOf::User(user.uid), BY_OPERATOR).await?;
                tx.end_browser_sessions(user.uid).await?;
                tx.revoke(revoked(RevocationKind::User, &user.uid, Until::Now));
                Ok(Change::Recorded(name.to_string()))
            }
            Self::Client(name) => {
                let client = tx.lock_client(&name.client).await?;
                let client = client.ok_or_else(|| Error::NotFound(name.to_string()))?;
                tx.end_grants(GrantsOf::Client(client.uid), BY_OPERATOR)
                    .await?;
                let id = &client.client_id;
                tx.revoke(revoked(RevocationKind::Client, id, Until::Now));
                Ok(Change::Recorded(name.to_string()))
            }
            Self::Everything => {
                tx.lock_all_users().await?;
                tx.end_grants(GrantsOf::Everybody, BY_OPERATOR).await?;
                tx.end_all_browser_sessions().await?;
                let tenant = tx.tenant().uid;
                tx.revoke(revoked(RevocationKind::Tenant, &tenant, Until::Now));
                Ok(Change::Recorded(tx.tenant().name()))
            }
            Self::SigningKey(name) => signing_key(tx, parts, &name).await,
        }
    }
}

async fn one_grant(tx: &mut Tx<OneTenant>, name: &GrantName) -> Result<Change, Error> {
    let missing = || Error::NotFound(name.to_string());
    let uid = name.grant.as_str().parse().map_err(|_| missing())?;
    let uid = GrantUid::from_uuid(uid);
    if !grant::revoke(tx, uid, BY_OPERATOR).await? {
        // It has ended already: said again, for whoever waits for nodes once more.
        tx.grant(uid).await?.ok_or_else(missing)?;
        tx.revoke(revoked(RevocationKind::Grant, &uid, Until::Ever));
    }
    Ok(Change::Recorded(name.to_string()))
}

async fn api_key(tx: &mut Tx<OneTenant>, name: &KeyName) -> Result<Change, Error> {
    let before = tx.lock_key(&name.key).await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    let mut after = before.clone();
    after.disabled = true;
    tx.update_key(&after, None).await?;
    tx.revoke(key::revocation(&after));
    let entry = key::entry(tx.tenant(), &after, Some(&before), Some(&after));
    Ok(Change::OfConfig(entry))
}

async fn signing_key(
    tx: &mut Tx<OneTenant>,
    parts: &Parts,
    name: &SigningKeyName,
) -> Result<Change, Error> {
    let missing = || Error::NotFound(name.to_string());
    tx.lock_tenant().await?.ok_or_else(missing)?;
    if !oauth::key::revoke(tx, &parts.vault, name.kid.as_str()).await? {
        return Err(missing());
    }
    Ok(Change::OfConfig(Entry {
        resource: name.to_string(),
        before: None,
        after: None,
    }))
}

/// Something that nodes remember for as long as a token could be presented.
pub(super) fn revoked(kind: RevocationKind, id: &impl ToString, until: Until) -> Revoked {
    Revoked {
        kind,
        id: id.to_string(),
        until,
        life: REVOCATION_LIFE,
    }
}

/// Why a grant ended.
pub(super) const BY_OPERATOR: &str = "operator";
