//! The access tokens themselves: JWTs that every node verifies.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use proto::id::TenantUid;
use time::OffsetDateTime;
use token::{
    RefreshToken,
    access::{self, AccessToken, SigningKey},
};

use super::{
    super::{call::Call, issuer::Issuer, rules::Rules},
    Code, Fault, Issued,
    bearer::Bearer,
};
use crate::store::{OneTenant, Tx, revocation::dated};

/// Whose tokens are made, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Mint<'a> {
    pub(super) tenant: TenantUid,
    pub(super) issuer: &'a Issuer,
    pub(super) rules: &'a Rules,
    pub(super) client_id: &'a str,
}

/// What a token is signed with, and when.
pub(super) struct Signing {
    pub(super) key: Arc<SigningKey>,
    /// [`Tx::moment`].
    pub(super) moment: OffsetDateTime,
    /// [`Tx::time`].
    pub(super) time: OffsetDateTime,
}

impl Signing {
    /// With the key that signs now. Last of what is read: the locks that keep a revocation out are held
    /// by now.
    pub(super) async fn now(tx: &mut Tx<OneTenant>, call: &Call) -> Result<Self, Fault> {
        let signer = call.desk.signers.signer(tx, &call.desk.vault).await?;
        // Only a tenant from before there were keys has none, and only until the task has seen to it.
        let (key, moment) = signer.ok_or(Fault::Slow(5))?;
        Ok(Self {
            key,
            moment,
            time: tx.time(),
        })
    }
}

impl<'a> Mint<'a> {
    /// For whoever calls.
    pub(super) fn of(call: &'a Call, tx: &Tx<OneTenant>) -> Self {
        Self {
            tenant: tx.tenant().uid,
            issuer: &call.issuer,
            rules: &call.rules,
            client_id: &call.client.client_id,
        }
    }

    /// An access token, with the refresh token that goes with it.
    pub(super) fn issue(
        self,
        signing: &Signing,
        bearer: Bearer,
        refresh_token: Option<&RefreshToken>,
    ) -> Result<Issued, Fault> {
        // Whole seconds, as the token has them.
        let issued = signing.time.replace_nanosecond(0).expect("zero is one");
        let life = life(self.rules.access_life, issued, bearer.until);
        let boxed = |all: &[String]| all.iter().map(|one| one.as_str().into()).collect();
        let token = AccessToken {
            issuer: self.issuer.as_str().into(),
            audiences: boxed(&bearer.resources),
            subject: bearer.subject.into(),
            username: bearer.username.into(),
            client: self.client_id.into(),
            scopes: boxed(&bearer.scopes),
            roles: boxed(&bearer.roles),
            groups: boxed(&bearer.groups),
            tenant: self.tenant,
            grant: bearer.grant,
            id: dated(signing.moment),
            issued: issued.into(),
            expires: SystemTime::from(issued) + life,
        };
        let text = access::mint(&token, &signing.key);
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
}

fn life(life: Duration, issued: OffsetDateTime, until: Option<OffsetDateTime>) -> Duration {
    let left = until.map(|until| (until - issued).whole_seconds());
    let left = left.map(|left| u64::try_from(left).unwrap_or(0));
    let whole = Duration::from_secs(life.as_secs());
    left.map_or(whole, |left| whole.min(Duration::from_secs(left)))
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
