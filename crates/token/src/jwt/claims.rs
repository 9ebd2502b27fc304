//! What a token must say, checked by type before anything is compared: a claim of the wrong type is as
//! bad as a wrong one, never as good as a missing one (CVE-2026-25537, TK-08).

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};

use super::{
    keys::Fingerprint,
    rules::{Form, Required, Rules},
};

/// What a verified token says of its holder (S3-6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The subject, with the authenticator's prefix.
    pub subject: Box<str>,
    /// Its roles.
    pub roles: Box<[Box<str>]>,
    /// Its groups.
    pub groups: Box<[Box<str>]>,
    /// The client it was issued to: `client_id` or `azp`.
    pub client: Option<Box<str>>,
    /// All its audiences.
    pub audiences: Arc<[Box<str>]>,
    /// From then on it is refused: `exp` and the leeway.
    pub expires: SystemTime,
    /// The id of the key, if the token names one.
    pub kid: Option<Box<str>>,
    /// The key that signed it.
    pub key: Fingerprint,
}

/// By how much the issuer's clock may differ from ours.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// Claims that hold, except that the time may be over and nobody has looked at the signature.
pub(super) struct Unsigned {
    subject: Box<str>,
    roles: Box<[Box<str>]>,
    groups: Box<[Box<str>]>,
    client: Option<Box<str>>,
    audiences: Arc<[Box<str>]>,
    pub(super) expires: SystemTime,
}

impl Unsigned {
    /// Reads the payload; `None` if any claim is missing, of the wrong type or not what it must be.
    pub(super) fn read(
        payload: &Map<String, Value>,
        rules: &Rules,
        now: SystemTime,
    ) -> Option<Self> {
        if payload.get("iss")?.as_str()? != &*rules.issuer {
            return None;
        }
        let audiences = audiences(payload.get("aud")?)?;
        let ours = |audience| rules.audiences.contains(audience);
        if !audiences.iter().any(ours) {
            return None;
        }
        let expires = date(payload.get("exp")?)? + LEEWAY;
        if let Some(start) = payload.get("nbf")
            && now + LEEWAY < date(start)?
        {
            return None;
        }
        if let Some(issued) = payload.get("iat") {
            date(issued)?;
        }
        if !rules.required.iter().all(|claim| holds(claim, payload)) {
            return None;
        }
        Some(Self {
            subject: subject(payload, rules)?,
            roles: list(payload, &rules.roles_claim)?,
            groups: list(payload, &rules.groups_claim)?,
            client: client(payload)?,
            audiences,
            expires,
        })
    }

    /// The claims, now that this key is known to have signed them.
    pub(super) fn signed(self, kid: Option<&str>, key: Fingerprint) -> Claims {
        Claims {
            subject: self.subject,
            roles: self.roles,
            groups: self.groups,
            client: self.client,
            audiences: self.audiences,
            expires: self.expires,
            kid: kid.map(Into::into),
            key,
        }
    }
}

/// One audience or several (RFC 7519 §4.1.3).
fn audiences(claim: &Value) -> Option<Arc<[Box<str>]>> {
    match claim {
        Value::String(one) => Some([one.as_str().into()].into()),
        Value::Array(several) => several
            .iter()
            .map(|audience| audience.as_str().map(Into::into))
            .collect(),
        _ => None,
    }
}

/// A number of seconds since 1970 (RFC 7519 §2), before the year 10000.
fn date(claim: &Value) -> Option<SystemTime> {
    let seconds = claim.as_f64()?;
    (0.0..LAST)
        .contains(&seconds)
        .then(|| UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

fn subject(payload: &Map<String, Value>, rules: &Rules) -> Option<Box<str>> {
    let claim = payload.get(&*rules.subject_claim)?.as_str()?;
    let subject = [&rules.subject_prefix, claim].concat();
    (!claim.is_empty() && crate::is_subject(&subject)).then(|| subject.into())
}

/// An array of strings, or a string with spaces; missing is empty.
fn list(payload: &Map<String, Value>, name: &str) -> Option<Box<[Box<str>]>> {
    match payload.get(name).filter(|_| !name.is_empty()) {
        None => Some([].into()),
        Some(Value::String(text)) => Some(text.split_ascii_whitespace().map(Into::into).collect()),
        Some(Value::Array(names)) => names
            .iter()
            .filter(|name| name.as_str() != Some(""))
            .map(|name| name.as_str().map(Into::into))
            .collect(),
        Some(_) => None,
    }
}

/// RFC 9068 §2.2, or what `OpenID` Connect has for it.
#[expect(
    clippy::option_option,
    reason = "a claim of the wrong type is not a missing one"
)]
fn client(payload: &Map<String, Value>) -> Option<Option<Box<str>>> {
    match payload.get("client_id").or_else(|| payload.get("azp")) {
        None => Some(None),
        Some(claim) => claim
            .as_str()
            .map(|text| (!text.is_empty()).then(|| text.into())),
    }
}

fn holds(claim: &Required, payload: &Map<String, Value>) -> bool {
    let Some(value) = payload.get(&*claim.name) else {
        return false;
    };
    match (&claim.form, value) {
        (Form::Text(wanted), Value::String(text)) => {
            wanted.is_empty() || wanted.iter().any(|wanted| **wanted == **text)
        }
        (Form::Number(wanted), Value::Number(number)) => {
            wanted.is_empty() || wanted.iter().any(|wanted| same(*wanted, number.as_f64()))
        }
        (Form::Boolean(wanted), Value::Bool(value)) => wanted.is_empty() || wanted.contains(value),
        (Form::Array(wanted), Value::Array(values)) => {
            let contains = |wanted: &str| values.iter().any(|value| value == wanted);
            wanted.is_empty() || wanted.iter().any(|wanted| contains(wanted))
        }
        _ => false,
    }
}

fn same(wanted: f64, number: Option<f64>) -> bool {
    number == Some(wanted)
}

/// The first second of the year 10000.
const LAST: f64 = 253_402_300_800.0;
