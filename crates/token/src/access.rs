//! Access tokens of a tenant's authorization server: JWTs of the profile of RFC 9068, signed with
//! ES256 and nothing else. Minted by controllers, verified by any node that has the public keys. Who
//! was revoked since, and for which MCP URL a token is, is the caller's to check.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::id::{GrantUid, TenantUid};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::key::{InvalidKey, PublicKey, SigningKey};
use crate::{compact::Parts, jwt::Refusal};

/// The keys.
mod key;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The issuer: the tenant's address, without a slash at the end.
    pub issuer: Box<str>,
    /// The MCP URLs that it opens, in their canonical form.
    pub audiences: Box<[Box<str>]>,
    /// The user's uid, or the client's id where a client acts for itself.
    pub subject: Box<str>,
    /// What the policy calls whoever acts.
    pub username: Box<str>,
    /// The client, by its `client_id`.
    pub client: Box<str>,
    /// Its scopes.
    pub scopes: Box<[Box<str>]>,
    /// The roles that it carries.
    pub roles: Box<[Box<str>]>,
    /// The groups that it carries.
    pub groups: Box<[Box<str>]>,
    /// The tenant.
    pub tenant: TenantUid,
    /// The grant that it was issued for; none where a client acts for itself.
    pub grant: Option<GrantUid>,
    /// Its own id, a UUIDv7: it tells to the millisecond when the token was issued.
    pub id: Uuid,
    /// When it was issued, in whole seconds.
    pub issued: SystemTime,
    /// What it says of its end, in whole seconds; see [`Self::ends`].
    pub expires: SystemTime,
}

/// No token lives longer, whatever a tenant chooses. Whoever stole a signing key writes what they like into
/// a token; with this, none that they make is good for longer than it takes to make another one.
pub const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The longest text that is looked at, in bytes.
pub const MAX: usize = 8 * 1024;

/// The token as text.
pub fn mint(token: &AccessToken, key: &SigningKey) -> String {
    let header = Header {
        alg: ALGORITHM.into(),
        typ: TYPE.into(),
        kid: key.kid().into(),
    };
    let message = format!("{}.{}", encoded(&header), encoded(&Payload::of(token)));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Whether a text may be one of these tokens: three parts, and the header that ours have.
pub fn kid_of(text: &str) -> Option<Box<str>> {
    Header::of(&Parts::of(text, MAX)?).map(|header| header.kid)
}

/// What a token says that one of these keys signed, for this issuer and tenant. Of several things that
/// are wrong, expiry comes last: only a token that is good otherwise has expired.
pub fn verify(
    text: &str,
    issuer: &str,
    tenant: TenantUid,
    keys: &[PublicKey],
    now: SystemTime,
) -> Result<AccessToken, Refusal> {
    let parts = Parts::of(text, MAX).ok_or(Refusal::Malformed)?;
    let header = Header::of(&parts).ok_or(Refusal::Invalid)?;
    let key = keys.iter().find(|key| *key.kid() == *header.kid);
    let key = key.ok_or(Refusal::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD.decode(parts.signature);
    let signature = signature.map_err(|_| Refusal::Malformed)?;
    if !key.verifies(parts.message.as_bytes(), &signature) {
        return Err(Refusal::Invalid);
    }
    let payload = URL_SAFE_NO_PAD.decode(parts.payload).ok();
    let payload = payload.and_then(|json| serde_json::from_slice::<Payload>(&json).ok());
    let token = payload.and_then(Payload::read).ok_or(Refusal::Invalid)?;
    let early = token.issued > now + LEEWAY;
    let long = token.expires > token.issued + LONGEST_LIFE;
    if *token.issuer != *issuer || token.tenant != tenant || early || long {
        return Err(Refusal::Invalid);
    }
    if token.ends() <= now {
        return Err(Refusal::Expired);
    }
    Ok(token)
}

/// Whose token a text claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The tenant.
    pub tenant: TenantUid,
    /// The issuer.
    pub issuer: Box<str>,
}

/// Whose token a text claims to be: for those who serve all tenants and must know with whose keys to
/// verify. Nothing of it is proven.
pub fn claimed(text: &str) -> Option<Claimed> {
    let parts = Parts::of(text, MAX)?;
    Header::of(&parts)?;
    let payload = URL_SAFE_NO_PAD.decode(parts.payload).ok()?;
    let payload: Payload = serde_json::from_slice(&payload).ok()?;
    Some(Claimed {
        tenant: TenantUid::from_uuid(payload.tid),
        issuer: payload.iss,
    })
}

impl AccessToken {
    /// From then on it is refused: when it expires, and the leeway.
    pub fn ends(&self) -> SystemTime {
        self.expires + LEEWAY
    }

    /// When it was issued, to the millisecond.
    pub fn issued_at(&self) -> SystemTime {
        let (seconds, nanos) = self.id.get_timestamp().map_or((0, 0), |at| at.to_unix());
        UNIX_EPOCH + Duration::new(seconds, nanos)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Box<str>,
    typ: Box<str>,
    kid: Box<str>,
}

impl Header {
    /// Ours has three members and no other (RFC 8725 §3.1, §3.10, §3.11).
    fn of(parts: &Parts<'_>) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(parts.header).ok()?;
        let header: Self = serde_json::from_slice(&json).ok()?;
        (*header.alg == *ALGORITHM && *header.typ == *TYPE).then_some(header)
    }
}

/// RFC 9068 §2.2, and private claims for what only our nodes read.
#[derive(Serialize, Deserialize)]
struct Payload {
    iss: Box<str>,
    aud: Box<[Box<str>]>,
    sub: Box<str>,
    client_id: Box<str>,
    scope: String,
    jti: Uuid,
    iat: u64,
    exp: u64,
    tid: Uuid,
    username: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "is_empty")]
    roles: Box<[Box<str>]>,
    #[serde(default, skip_serializing_if = "is_empty")]
    groups: Box<[Box<str>]>,
}

impl Payload {
    fn of(token: &AccessToken) -> Self {
        Self {
            iss: token.issuer.clone(),
            aud: token.audiences.clone(),
            sub: token.subject.clone(),
            client_id: token.client.clone(),
            scope: token.scopes.join(" "),
            jti: token.id,
            iat: seconds(token.issued),
            exp: seconds(token.expires),
            tid: token.tenant.uuid(),
            username: token.username.clone(),
            gid: token.grant.map(GrantUid::uuid),
            roles: token.roles.clone(),
            groups: token.groups.clone(),
        }
    }

    fn read(self) -> Option<AccessToken> {
        Some(AccessToken {
            issued: moment(self.iat)?,
            expires: moment(self.exp)?,
            issuer: self.iss,
            audiences: self.aud,
            subject: self.sub,
            username: self.username,
            client: self.client_id,
            scopes: self
                .scope
                .split_ascii_whitespace()
                .map(Into::into)
                .collect(),
            roles: self.roles,
            groups: self.groups,
            tenant: TenantUid::from_uuid(self.tid),
            grant: self.gid.map(GrantUid::from_uuid),
            id: Some(self.jti).filter(|id| id.get_version_num() == 7)?,
        })
    }
}

fn encoded(json: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(json).expect("strings and numbers are JSON"))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// None that the sums of [`verify`] do not reach.
fn moment(seconds: u64) -> Option<SystemTime> {
    let moment = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    moment.checked_add(LONGEST_LIFE).and(Some(moment))
}

#[expect(clippy::borrowed_box, reason = "what serde calls it with")]
fn is_empty(list: &Box<[Box<str>]>) -> bool {
    list.is_empty()
}

const ALGORITHM: &str = "ES256";
const TYPE: &str = "at+jwt";
/// How far the clocks of whoever issues and whoever verifies may differ.
pub const LEEWAY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests;
