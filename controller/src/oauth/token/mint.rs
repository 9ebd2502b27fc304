//! The tokens themselves: access tokens as JWTs that every node verifies, refresh tokens that follow
//! from the tenant's key and of which only hashes are stored.

use std::time::{Duration, SystemTime};

use proto::id::GrantUid;
use time::OffsetDateTime;
use token::{
    RefreshToken,
    access::{self, AccessToken},
};

use super::{
    super::{call::Call, resource, scope},
    Code, Fault, Issued, invalid_grant,
};
use crate::store::{
    OneTenant, Tx,
    grant::Grant,
    revocation::dated,
    user::{AdminRole, UserRights},
};

/// Who acts with an access token, and for what it is.
pub(super) struct Bearer {
    pub(super) subject: String,
    pub(super) username: String,
    pub(super) roles: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) grant: Option<GrantUid>,
    /// No token outlives this.
    pub(super) until: Option<OffsetDateTime>,
}

/// Whoever has this grant, with the rights that its user, who is held, has now. A user who may not come
/// in gets nothing.
pub(super) async fn bearer(
    tx: &mut Tx<OneTenant>,
    call: &Call,
    grant: &Grant,
    scopes: Vec<String>,
    resources: Vec<String>,
) -> Result<Bearer, Fault> {
    let rights = tx.user_roles(grant.user).await?;
    let rights = rights.filter(|rights| !rights.disabled);
    let rights = rights.ok_or_else(invalid_grant)?;
    let (scopes, resources) = without_admin(call, &rights, scopes, resources)?;
    Ok(Bearer {
        subject: grant.user.to_string(),
        roles: call.rules.roles_with(&rights.roles, &scopes),
        username: rights.login,
        groups: rights.groups,
        scopes,
        resources,
        grant: Some(grant.uid),
        until: Some(grant.expires_at),
    })
}

/// The admin API is for our own client, and for users who have a part in it; nobody else's tokens say
/// anything of it, whatever was granted once.
fn without_admin(
    call: &Call,
    rights: &UserRights,
    mut scopes: Vec<String>,
    mut resources: Vec<String>,
) -> Result<(Vec<String>, Vec<String>), Fault> {
    if call.client.is_ours() && rights.admin_role != AdminRole::None {
        return Ok((scopes, resources));
    }
    scopes.retain(|scope| scope != scope::ADMIN);
    resources.retain(|resource| resource != resource::ADMIN);
    if scopes.is_empty() || resources.is_empty() {
        let text = "This user has no part in the admin API";
        return Err(Fault::new(Code::InvalidScope, text));
    }
    Ok((scopes, resources))
}

/// An access token, with the refresh token that goes with it.
pub(super) async fn mint(
    tx: &mut Tx<OneTenant>,
    call: &Call,
    bearer: Bearer,
    refresh_token: Option<RefreshToken>,
) -> Result<Issued, Fault> {
    // Last of what is read: the locks that keep a revocation out are held by now.
    let signer = call.desk.signers.signer(tx, &call.desk.vault).await?;
    // Only a tenant from before there were keys has none, and only until the task has seen to it.
    let (signer, moment) = signer.ok_or(Fault::Slow(5))?;
    let now = tx.time();
    // Whole seconds, as the token has them.
    let issued = now.replace_nanosecond(0).expect("zero is one");
    let life = life(call.rules.access_life, issued, bearer.until);
    let boxed = |all: &[String]| all.iter().map(|one| one.as_str().into()).collect();
    let token = AccessToken {
        issuer: call.issuer.as_str().into(),
        audiences: boxed(&bearer.resources),
        subject: bearer.subject.into(),
        username: bearer.username.into(),
        client: call.client.client_id.as_str().into(),
        scopes: boxed(&bearer.scopes),
        roles: boxed(&bearer.roles),
        groups: boxed(&bearer.groups),
        tenant: tx.tenant().uid,
        grant: bearer.grant,
        id: dated(moment),
        issued: issued.into(),
        expires: SystemTime::from(issued) + life,
    };
    let text = access::mint(&token, &signer);
    if text.len() > LONGEST {
        let text = "The user has more roles and groups than a token can hold";
        return Err(Fault::new(Code::ServerError, text));
    }
    Ok(Issued {
        access_token: text,
        token_type: "Bearer",
        expires_in: life.as_secs(),
        refresh_token: refresh_token.map(|token| token.expose().to_owned()),
        scope: bearer.scopes.join(" "),
    })
}

fn life(life: Duration, issued: OffsetDateTime, until: Option<OffsetDateTime>) -> Duration {
    let left = until.map(|until| (until - issued).whole_seconds());
    let left = left.map(|left| u64::try_from(left).unwrap_or(0));
    let whole = Duration::from_secs(life.as_secs());
    left.map_or(whole, |left| whole.min(Duration::from_secs(left)))
}

/// The refresh token of this number, made with the tenant's newest key.
pub(super) async fn refresh_token(
    tx: &mut Tx<OneTenant>,
    call: &Call,
    grant: GrantUid,
    generation: u64,
) -> Result<RefreshToken, Fault> {
    let keys = tx.tenant_keys().await?;
    let key = call.desk.vault.tenant_key(tx.tenant().uid, &keys)?;
    let key = key.refresh_key(grant.uuid());
    Ok(RefreshToken::derive(&key, generation))
}

/// The refresh token of this number and hash, with whichever of the tenant's keys it was made.
pub(super) async fn refresh_token_again(
    tx: &mut Tx<OneTenant>,
    call: &Call,
    grant: GrantUid,
    generation: u64,
    sha256: &[u8; 32],
) -> Result<Option<RefreshToken>, Fault> {
    let keys = tx.tenant_keys().await?;
    let keys = call.desk.vault.tenant_keys(tx.tenant().uid, &keys);
    let made = keys.iter().rev().map(|key| {
        let key = key.refresh_key(grant.uuid());
        RefreshToken::derive(&key, generation)
    });
    let mut made = made.filter(|token| token.sha256() == *sha256);
    Ok(made.next())
}

/// Gateways take header lines of at most 8 KiB, with the name and `Bearer` in them.
const LONGEST: usize = 7 << 10;

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn no_token_outlives_its_grant() {
        let now = datetime!(2026-11-21 10:00 UTC);
        let hour = Duration::from_hours(1);
        assert_eq!(life(hour, now, None), hour);
        assert_eq!(life(hour, now, Some(now + hour * 2)), hour);
        assert_eq!(
            life(hour, now, Some(now + Duration::from_secs(9))).as_secs(),
            9
        );
        assert_eq!(life(hour, now, Some(now - hour)).as_secs(), 0);
    }
}
