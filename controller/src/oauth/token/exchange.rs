//! The first tokens of a grant, for its authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6). A code is
//! good once. A second use by the same client means that somebody has it who should not, and ends the
//! grant; whatever else is wrong leaves the code to its rightful owner (TOK-2, TOK-3).

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use token::{AuthorizationCode, RefreshToken};

use super::{
    super::{call::Call, client::AUTHORIZATION_CODE, client::REFRESH_TOKEN, code, grant, resource},
    Code, Fault, Issued,
    bearer::Bearer,
    invalid_grant,
    mint::{Mint, Signing},
};
use crate::store::{OneTenant, StoreError, Tx, audit::Entry, code as stored, grant::Grant};

pub(super) async fn issue(call: &Call, mut tx: Tx<OneTenant>) -> Result<Issued, Fault> {
    call.must_be_allowed(AUTHORIZATION_CODE)?;
    let text = call.required("code")?;
    let verifier = call.required("code_verifier")?;
    let wanted = resources(call)?;
    let sha256 = AuthorizationCode::lookup(text).map_err(|_| invalid_grant())?;

    tx.turn_to("oauth.exchange");
    let grant = tx.grant_of_code(&sha256).await?;
    let grant = grant.ok_or_else(invalid_grant)?;
    let granted = grant::hold(&mut tx, grant).await?;
    let granted = granted.filter(|grant| Some(grant.client) == call.client.uid);
    let granted = granted.ok_or_else(invalid_grant)?;
    let code = tx.lock_code(&sha256).await?;
    let code = code.ok_or_else(invalid_grant)?;
    if code.consumed_at.is_some() {
        replayed(tx, &granted).await?;
        return Err(invalid_grant());
    }
    let spoiled = code.expires_at <= tx.time() || code.attempts >= code::ATTEMPTS;
    if spoiled || !granted.is_live(tx.time()) {
        return Err(invalid_grant());
    }
    if !redirect_fits(&code, call.params.get("redirect_uri")) || !verifier_fits(&code, verifier) {
        tx.count_code_attempt(&sha256).await?;
        tx.commit_unrecorded().await?;
        return Err(invalid_grant());
    }
    let resources = resource::narrow(wanted, &granted.resources).map_err(|_| beyond())?;
    if !tx.consume_code(&sha256).await? {
        return Err(invalid_grant());
    }
    first(tx, call, granted, resources).await
}

/// The first tokens of a grant that is held. From now on it lives as long as its kind does.
pub(super) async fn first(
    mut tx: Tx<OneTenant>,
    call: &Call,
    mut granted: Grant,
    resources: Vec<String>,
) -> Result<Issued, Fault> {
    let scopes = granted.scopes.clone();
    let now = tx.time();
    let refreshes = call.client.may(REFRESH_TOKEN);
    if !refreshes {
        // Nothing is left of it when its only token has expired.
        granted.expires_at = granted.expires_at.min(now + call.rules.access_life);
    }
    let idle = (now + call.rules.idle_life).min(granted.expires_at);
    let bearer = Bearer::find(&mut tx, call, &granted, scopes, resources).await?;
    tx.use_grant(granted.uid, idle, granted.expires_at).await?;
    call.note_use(&mut tx).await?;
    let token = refreshes.then(RefreshToken::generate);
    if let Some(token) = &token {
        tx.rotate_family(granted.uid, &token.sha256(), idle).await?;
    }
    let signing = Signing::now(&mut tx, call).await?;
    let issued = Mint::of(call, &tx).issue(&signing, bearer, token.as_ref())?;
    let entry = entry(&tx, &granted);
    tx.commit_recorded(&entry).await?;
    Ok(issued)
}

/// A9.
async fn replayed(mut tx: Tx<OneTenant>, granted: &Grant) -> Result<(), StoreError> {
    tx.turn_to("oauth.code_replay");
    let entry = entry(&tx, granted);
    let tenant = tx.tenant().uid;
    if grant::revoke(&mut tx, granted.uid, "code_replay").await? {
        tracing::warn!(tenant.id = %tenant, grant.id = %granted.uid, "a code was presented twice");
        tx.commit_recorded(&entry).await?;
    }
    Ok(())
}

pub(super) fn entry(tx: &Tx<OneTenant>, granted: &Grant) -> Entry {
    Entry {
        resource: format!("{}/grants/{}", tx.tenant().name(), granted.uid),
        before: None,
        after: None,
    }
}

/// The resources that are asked for, in their canonical form.
pub(super) fn resources(call: &Call) -> Result<Vec<String>, Fault> {
    resource::canonical(&call.issuer, &call.params.resources()).map_err(|_| beyond())
}

pub(super) fn beyond() -> Fault {
    let text = "resource must be an MCP URL of this issuer, and among what was granted";
    Fault::new(Code::InvalidTarget, text)
}

/// NAT-5: byte by byte; left out only if it was left out before.
fn redirect_fits(code: &stored::Code, sent: Option<&str>) -> bool {
    match sent {
        Some(sent) => sent == code.redirect_uri,
        None => !code.redirect_given,
    }
}

/// PKCE-3, PKCE-5.
fn verifier_fits(code: &stored::Code, verifier: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return false;
    }
    let challenge = digest::digest(&digest::SHA256, verifier.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(challenge);
    verify_slices_are_equal(challenge.as_bytes(), code.code_challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use proto::id::GrantUid;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    /// A7, PKCE-3, and the vector of RFC 7636 appendix B.
    #[test]
    fn only_the_verifier_of_the_challenge_fits() {
        let code = code();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(verifier_fits(&code, verifier));
        for bad in [
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk=",
            &"a".repeat(129),
        ] {
            assert!(!verifier_fits(&code, bad), "{bad}");
        }
    }

    /// NAT-5.
    #[test]
    fn the_redirect_is_the_one_of_the_request() {
        let given = code();
        assert!(redirect_fits(&given, Some("http://127.0.0.1:7/cb")));
        for bad in [
            None,
            Some("http://127.0.0.1:8/cb"),
            Some("http://127.0.0.1:7/cb/"),
            Some("HTTP://127.0.0.1:7/cb"),
        ] {
            assert!(!redirect_fits(&given, bad), "{bad:?}");
        }
        let left_out = stored::Code {
            redirect_given: false,
            ..given
        };
        assert!(redirect_fits(&left_out, None));
        assert!(redirect_fits(&left_out, Some("http://127.0.0.1:7/cb")));
        assert!(!redirect_fits(&left_out, Some("http://127.0.0.1:8/cb")));
    }

    fn code() -> stored::Code {
        stored::Code {
            grant: GrantUid::from_uuid(Uuid::nil()),
            redirect_uri: "http://127.0.0.1:7/cb".to_owned(),
            redirect_given: true,
            code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            attempts: 0,
            expires_at: OffsetDateTime::UNIX_EPOCH,
            consumed_at: None,
        }
    }
}
