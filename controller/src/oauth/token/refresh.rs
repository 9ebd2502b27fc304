//! Further tokens of a grant, for its refresh token (RFC 6749 §6). Every use gives a new one, and the
//! one before gives the same new one for a while: clients refresh twice at once, and answers get lost.
//! An older one, or the one before when its time is over, means that somebody has it who should not,
//! and ends the grant (RFC 9700 §4.14).

use time::{Duration, OffsetDateTime};
use token::RefreshToken;

use super::{
    super::{call::Call, client::REFRESH_TOKEN, grant, resource, scope},
    Code, Fault, Issued,
    bearer::Bearer,
    exchange::{beyond, entry, resources},
    invalid_grant,
    mint::{Mint, Signing},
};
use crate::store::{
    OneTenant, StoreError, Tx,
    refresh::{Family, Presented},
};

pub(super) async fn issue(call: &Call, mut tx: Tx<OneTenant>) -> Result<Issued, Fault> {
    call.must_be_allowed(REFRESH_TOKEN)?;
    let text = call.required("refresh_token")?;
    let wanted = resources(call)?;
    let presented = RefreshToken::parse(text).map_err(|_| invalid_grant())?;
    let sha256 = presented.sha256();

    tx.turn_to("oauth.refresh");
    tx.hold_user_of_refresh_token(&sha256).await?;
    let family = tx.lock_family(&sha256).await?;
    // A15: in another client's hands it is nothing.
    let family = family.filter(|family| Some(family.grant.client) == call.client.uid);
    let family = family.ok_or_else(invalid_grant)?;
    if !family.grant.is_live(tx.time()) {
        return Err(invalid_grant());
    }
    let next = next(&family, tx.time());
    if next == Next::End {
        stolen(tx, &family).await?;
        return Err(invalid_grant());
    }
    let scopes = scope::narrow(call.params.get("scope"), &family.grant.scopes);
    let scopes = scopes.map_err(|_| {
        let text = "scope must be among what was granted";
        Fault::new(Code::InvalidScope, text)
    })?;
    let resources = resource::narrow(wanted, &family.grant.resources).map_err(|_| beyond())?;
    let bearer = Bearer::find(&mut tx, call, &family.grant, scopes, resources).await?;
    match next {
        Next::Rotate => rotate(tx, call, &family, &presented, bearer).await,
        Next::Again | Next::End => again(tx, call, &family, &presented, bearer).await,
    }
}

/// What comes of a presented token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A new one.
    Rotate,
    /// The one that was given already.
    Again,
    /// Nothing ever again.
    End,
}

/// oauth.md §8.3.
fn next(family: &Family, now: OffsetDateTime) -> Next {
    match family.presented {
        Presented::Current => Next::Rotate,
        Presented::Spent => Next::End,
        Presented::Previous => {
            let age = age(family, now);
            let unused = family.current_used_at.is_none();
            if age <= OVERLAP || unused && age <= LONGEST_OVERLAP {
                Next::Again
            } else {
                Next::End
            }
        }
    }
}

/// Of the current token.
fn age(family: &Family, now: OffsetDateTime) -> Duration {
    family.rotated_at.map_or(Duration::MAX, |at| now - at)
}

async fn rotate(
    mut tx: Tx<OneTenant>,
    call: &Call,
    family: &Family,
    presented: &RefreshToken,
    bearer: Bearer,
) -> Result<Issued, Fault> {
    let grant = &family.grant;
    let keys = tx.tenant_keys().await?;
    let key = call.desk.vault.tenant_key(tx.tenant().uid, &keys)?;
    let token = presented.successor(&key.refresh_key());
    let idle = (tx.time() + call.rules.idle_life).min(grant.expires_at);
    tx.rotate_family(grant.uid, &token.sha256(), idle).await?;
    call.note_use(&mut tx).await?;
    let signing = Signing::now(&mut tx, call).await?;
    let issued = Mint::of(call, &tx).issue(&signing, bearer, Some(&token))?;
    tx.commit_unrecorded().await?;
    call.desk.shortcuts.learn(call, &key, &signing.key);
    metrics::counter!("aldgate_token_refreshes_total", "way" => "long").increment(1);
    Ok(issued)
}

async fn again(
    mut tx: Tx<OneTenant>,
    call: &Call,
    family: &Family,
    presented: &RefreshToken,
    bearer: Bearer,
) -> Result<Issued, Fault> {
    let grant = family.grant.uid;
    let keys = tx.tenant_keys().await?;
    let keys = call.desk.vault.tenant_keys(tx.tenant().uid, &keys);
    let made = keys.iter().rev();
    let mut made = made.map(|key| presented.successor(&key.refresh_key()));
    let token = made.find(|token| Some(token.sha256()) == family.current);
    // The key that it was made with is gone: then it cannot be said again.
    let token = token.ok_or_else(invalid_grant)?;
    let signing = Signing::now(&mut tx, call).await?;
    let issued = Mint::of(call, &tx).issue(&signing, bearer, Some(&token))?;
    let now = tx.time();
    let due = family.rotated_at.unwrap_or(now) + OVERLAP;
    if now > due && tx.note_late(grant, due).await? {
        // A client that did not get the answer, or somebody else: worth knowing, and once.
        tx.turn_to("oauth.refresh_late");
        let entry = entry(&tx, &family.grant);
        tx.commit_recorded(&entry).await?;
    } else {
        tx.commit_unrecorded().await?;
    }
    Ok(issued)
}

/// A13.
async fn stolen(mut tx: Tx<OneTenant>, family: &Family) -> Result<(), StoreError> {
    tx.turn_to("oauth.refresh_reuse");
    let entry = entry(&tx, &family.grant);
    let (tenant, grant) = (tx.tenant().uid, family.grant.uid);
    tracing::warn!(tenant.id = %tenant, grant.id = %grant, "an old refresh token was presented");
    grant::revoke(&mut tx, grant, "reuse").await?;
    tx.commit_recorded(&entry).await?;
    Ok(())
}

/// How long the token before is as good as the current one.
const OVERLAP: Duration = Duration::seconds(60);
/// How long, if nothing says that anybody got the current one.
const LONGEST_OVERLAP: Duration = Duration::hours(24);

#[cfg(test)]
mod tests {
    use proto::id::{ClientUid, GrantUid, UserUid};
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::store::grant::Grant;

    /// A13, A14.
    #[test]
    fn the_token_before_is_good_for_a_while_and_older_ones_never() {
        let rotated = datetime!(2026-11-21 10:00 UTC);
        let after = |seconds: i64| rotated + Duration::seconds(seconds);
        for (presented, used, seconds, expected) in [
            (Presented::Current, false, 0, Next::Rotate),
            (Presented::Current, true, 1_000_000, Next::Rotate),
            (Presented::Previous, false, 1, Next::Again),
            (Presented::Previous, true, 60, Next::Again),
            (Presented::Previous, true, 61, Next::End),
            (Presented::Previous, false, 61, Next::Again),
            (Presented::Previous, false, 24 * 3600, Next::Again),
            (Presented::Previous, false, 24 * 3600 + 1, Next::End),
            (Presented::Spent, false, 1, Next::End),
        ] {
            let family = family(presented, rotated, used.then_some(rotated));
            assert_eq!(
                next(&family, after(seconds)),
                expected,
                "{presented:?} {seconds}"
            );
        }
    }

    fn family(
        presented: Presented,
        rotated: OffsetDateTime,
        used: Option<OffsetDateTime>,
    ) -> Family {
        Family {
            grant: Grant {
                uid: GrantUid::from_uuid(Uuid::nil()),
                user: UserUid::from_uuid(Uuid::nil()),
                client: ClientUid::from_uuid(Uuid::nil()),
                redirect_origin: String::new(),
                resources: Vec::new(),
                scopes: Vec::new(),
                user_agent: String::new(),
                created_at: rotated,
                last_used_at: None,
                idle_expires_at: rotated,
                expires_at: rotated,
                revoked_at: None,
                revoke_reason: String::new(),
            },
            current: None,
            rotated_at: Some(rotated),
            current_used_at: used,
            presented,
        }
    }
}
