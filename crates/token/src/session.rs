//! Session tokens, `alds_…`: a tenant's backend has one made for one of its users, and any node that
//! holds the day's key opens it (S2-9). They say who calls and how little that user may; whether the
//! key behind one still lives, and whether it has expired, is the caller's to check.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proto::id::{KeyUid, ServerUid, TenantUid};
use seal::session::{SessionBinding, SessionCipher};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Malformed;

/// What a session token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionToken {
    /// The tenant.
    pub tenant: TenantUid,
    /// The API key that had it made: it opens nothing that the key does not open.
    pub key: KeyUid,
    /// Whom it was made for.
    pub user: Box<str>,
    /// The roles of the user; `None` leaves them to the policy.
    pub roles: Option<Box<[Box<str>]>>,
    /// The groups of the user.
    pub groups: Box<[Box<str>]>,
    /// The servers it opens; `None` means all those of the key.
    pub servers: Option<Box<[ServerUid]>>,
    /// Its scopes; empty means those of the key.
    pub scopes: Box<[Box<str>]>,
    /// When it was made, in whole seconds.
    pub issued: SystemTime,
    /// From then on it is worth nothing, in whole seconds.
    pub expires: SystemTime,
    /// Its own id, for the record.
    pub id: Uuid,
}

/// How every session token begins.
pub const PREFIX: &str = "alds_";

/// The longest text that is looked at, in bytes.
pub const MAX: usize = 16 * 1024;

/// The token as text, for those who hold the cipher's key.
pub fn mint(token: &SessionToken, cipher: &SessionCipher) -> String {
    let mut plain = TAG.to_vec();
    serde_json::to_writer(&mut plain, &Contents::of(token)).expect("strings and numbers are JSON");
    let sealed = cipher.seal(&binding(token.tenant), &plain);
    format!("{PREFIX}{sealed}")
}

/// The id of the key that a text names; `None` if it is no session token.
pub fn kid_of(text: &str) -> Option<&str> {
    (text.len() <= MAX)
        .then(|| text.strip_prefix(PREFIX))
        .flatten()
        .and_then(seal::session::kid_of)
}

/// What a text says that this tenant's key opens. Expired ones open too.
pub fn open(
    text: &str,
    tenant: TenantUid,
    cipher: &SessionCipher,
) -> Result<SessionToken, Malformed> {
    kid_of(text).ok_or(Malformed)?;
    let sealed = text.strip_prefix(PREFIX).ok_or(Malformed)?;
    let plain = cipher
        .open(&binding(tenant), sealed)
        .map_err(|_| Malformed)?;
    let json = plain.strip_prefix(TAG.as_slice()).ok_or(Malformed)?;
    let contents: Contents = serde_json::from_slice(json).map_err(|_| Malformed)?;
    contents.read(tenant).ok_or(Malformed)
}

/// No MCP session has a server or a principal of this value, so neither opens as the other.
fn binding(tenant: TenantUid) -> SessionBinding {
    SessionBinding {
        tenant: tenant.uuid(),
        server: Uuid::nil(),
        principal: Uuid::nil(),
    }
}

/// Says what was sealed, and in which version.
const TAG: &[u8; 6] = b"alds1\0";

/// Version 1 inside: short names, because the token travels with every request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    k: Uuid,
    u: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<Box<[Box<str>]>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    g: Box<[Box<str>]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<Box<[Uuid]>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    c: Box<[Box<str>]>,
    i: u64,
    e: u64,
    j: Uuid,
}

impl Contents {
    fn of(token: &SessionToken) -> Self {
        Self {
            k: token.key.uuid(),
            u: token.user.clone(),
            r: token.roles.clone(),
            g: token.groups.clone(),
            s: token
                .servers
                .as_ref()
                .map(|servers| servers.iter().map(|server| server.uuid()).collect()),
            c: token.scopes.clone(),
            i: seconds(token.issued),
            e: seconds(token.expires),
            j: token.id,
        }
    }

    fn read(self, tenant: TenantUid) -> Option<SessionToken> {
        Some(SessionToken {
            tenant,
            key: KeyUid::from_uuid(self.k),
            user: self.u,
            roles: self.r,
            groups: self.g,
            servers: self
                .s
                .map(|servers| servers.into_iter().map(ServerUid::from_uuid).collect()),
            scopes: self.c,
            issued: UNIX_EPOCH.checked_add(Duration::from_secs(self.i))?,
            expires: UNIX_EPOCH.checked_add(Duration::from_secs(self.e))?,
            id: self.j,
        })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn is_empty(list: &[Box<str>]) -> bool {
    list.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// S2-9: any node with the key reads the same, and the text shows nothing of it.
    #[test]
    fn what_was_minted_opens_elsewhere() {
        for token in [full(), plain()] {
            let text = mint(&token, &cipher());
            assert!(text.starts_with("alds_s1.1d20000."), "{text}");
            assert_eq!(kid_of(&text), Some("1d20000"));
            assert_eq!(open(&text, token.tenant, &cipher()), Ok(token));
        }
    }

    /// S2-10: no other tenant and no other key opens it.
    #[test]
    fn another_tenant_or_key_does_not_open_it() {
        let text = mint(&full(), &cipher());
        assert!(open(&text, full().tenant, &cipher()).is_ok());
        let other = TenantUid::from_uuid(Uuid::from_u128(9));
        assert_eq!(open(&text, other, &cipher()), Err(Malformed));
        let key = SessionCipher::new("1d20000", &[8; 32]);
        assert_eq!(open(&text, full().tenant, &key), Err(Malformed));
    }

    /// TK-14: a sealed MCP session is no session token, even with the same binding, nor the reverse.
    #[test]
    fn mcp_sessions_and_session_tokens_never_open_as_each_other() {
        let token = full();
        let text = mint(&token, &cipher());
        let sealed = text.strip_prefix(PREFIX).unwrap();
        let mcp = SessionBinding {
            server: Uuid::from_u128(2),
            principal: Uuid::from_u128(3),
            ..binding(token.tenant)
        };
        assert!(cipher().open(&binding(token.tenant), sealed).is_ok());
        assert!(cipher().open(&mcp, sealed).is_err());

        let json = serde_json::to_vec(&Contents::of(&token)).unwrap();
        for bad in [
            cipher().seal(&mcp, &[TAG.as_slice(), &json].concat()),
            cipher().seal(&binding(token.tenant), &json),
            cipher().seal(
                &binding(token.tenant),
                &[b"alds2\0".as_slice(), &json].concat(),
            ),
        ] {
            let text = format!("{PREFIX}{bad}");
            assert_eq!(open(&text, token.tenant, &cipher()), Err(Malformed));
        }
    }

    /// TK-15.
    #[test]
    fn a_text_of_absurd_length_is_not_looked_at() {
        let text = format!("alds_s1.1d20000.{}", "A".repeat(64 * 1024));
        assert_eq!(kid_of(&text[..MAX]), Some("1d20000"));
        assert_eq!(kid_of(&text), None);
        assert_eq!(open(&text, full().tenant, &cipher()), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_changed_character_is_malformed(at in any::<prop::sample::Index>(), to in 0_u8..128) {
            let mut bytes = mint(&plain(), &cipher()).into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let bad = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(open(&bad, plain().tenant, &cipher()), Err(Malformed));
        }
    }

    fn cipher() -> SessionCipher {
        SessionCipher::new("1d20000", &[7; 32])
    }

    fn full() -> SessionToken {
        SessionToken {
            roles: Some(["dev".into()].into()),
            groups: ["staff".into()].into(),
            servers: Some([ServerUid::from_uuid(Uuid::from_u128(5))].into()),
            scopes: ["files:read".into()].into(),
            ..plain()
        }
    }

    fn plain() -> SessionToken {
        SessionToken {
            tenant: TenantUid::from_uuid(Uuid::from_u128(1)),
            key: KeyUid::from_uuid(Uuid::from_u128(4)),
            user: "alice@example.com".into(),
            roles: None,
            groups: [].into(),
            servers: None,
            scopes: [].into(),
            issued: UNIX_EPOCH + Duration::from_secs(1_800_000_001),
            expires: UNIX_EPOCH + Duration::from_secs(1_800_000_901),
            id: Uuid::from_u128(6),
        }
    }
}
