//! Authorization codes: made when a user has consented, exchanged once within a minute.

use std::time::Duration;

use proto::id::GrantUid;
use token::AuthorizationCode;

use crate::store::{OneTenant, StoreError, Tx, code::Code};

/// What a code is bound to besides its grant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewCode<'a> {
    /// Where it is sent.
    pub(crate) redirect_uri: &'a str,
    /// Whether the client wrote that, so that it must write it again.
    pub(crate) redirect_given: bool,
    /// The S256 challenge (RFC 7636).
    pub(crate) code_challenge: &'a str,
}

/// Makes a code for a grant; its text is for the client alone.
pub(crate) async fn issue(
    tx: &mut Tx<OneTenant>,
    grant: GrantUid,
    new: &NewCode<'_>,
) -> Result<String, StoreError> {
    let text = AuthorizationCode::generate();
    let code = Code {
        grant,
        redirect_uri: new.redirect_uri.to_owned(),
        redirect_given: new.redirect_given,
        code_challenge: new.code_challenge.to_owned(),
        attempts: 0,
        expires_at: tx.time() + LIFE,
        consumed_at: None,
    };
    tx.insert_code(&text.sha256(), &code).await?;
    Ok(text.expose().to_owned())
}

/// TOK-2.
pub(crate) const LIFE: Duration = Duration::from_mins(1);
/// TOK-3: how often a code may be presented with something else wrong.
pub(crate) const ATTEMPTS: u32 = 5;
