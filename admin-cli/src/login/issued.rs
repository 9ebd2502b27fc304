//! What the token endpoint answered.

use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::SecretString;

use crate::{failure::Failure, web::Answer};

/// Tokens as they were issued.
pub(super) struct Issued {
    pub(super) access_token: SecretString,
    pub(super) refresh_token: Option<SecretString>,
    /// In seconds since 1970.
    pub(super) good_until: u64,
}

impl Issued {
    pub(super) fn read(answer: &Answer) -> Result<Self, Failure> {
        if !answer.status.is_success() {
            return Err(refusal(answer));
        }
        let body = answer.json().unwrap_or_default();
        let token = |name: &str| body[name].as_str().map(SecretString::from);
        let access_token = token("access_token").ok_or_else(|| {
            Failure::SignIn("the token endpoint answered without an access token".into())
        })?;
        let life = body["expires_in"].as_u64().unwrap_or_default();
        Ok(Self {
            access_token,
            refresh_token: token("refresh_token"),
            good_until: now().saturating_add(life),
        })
    }
}

/// The error of an answer (RFC 6749 §5.2).
pub(super) fn error(answer: &Answer) -> String {
    let body = answer.json().unwrap_or_default();
    body["error"].as_str().unwrap_or_default().to_owned()
}

/// What a refusal means to the person at the terminal.
pub(super) fn refusal(answer: &Answer) -> Failure {
    let body = answer.json().unwrap_or_default();
    let description = body["error_description"].as_str().unwrap_or_default();
    match body["error"].as_str() {
        Some("invalid_grant") => {
            Failure::SignIn("the login has ended; `aldgate login` starts a new one".into())
        }
        Some(error) => Failure::SignIn(format!("{error}: {description}")),
        None => Failure::SignIn(format!(
            "the authorization server answered {}",
            answer.status
        )),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
