//! The keys that seal a tenant's session ids, as controllers hand them out: one per day, older ones
//! kept until their sessions expire. What a session id means is `crate::session`'s business.

use std::{fmt, time::SystemTime};

use proto::node::v1 as node;
use seal::session::SessionCipher;

/// A tenant's session keys.
pub struct SessionKeyring {
    /// Oldest first.
    keys: Vec<SessionKey>,
}

/// One day's key, ready to use.
pub struct SessionKey {
    /// The key with its id.
    pub cipher: SessionCipher,
    /// Seals new sessions from then on.
    pub not_before: SystemTime,
    /// Opens sessions until then.
    pub not_after: SystemTime,
}

impl SessionKeyring {
    /// A keyring of these keys, in any order.
    pub fn new(mut keys: Vec<SessionKey>) -> Self {
        keys.sort_by_key(|key| key.not_before);
        Self { keys }
    }

    /// The keys as a controller sent them. One that cannot be used is left out and counted.
    pub(super) fn read(sent: &node::TenantSecrets) -> (Self, usize) {
        let keys: Vec<_> = sent
            .session_keys
            .iter()
            .filter_map(SessionKey::read)
            .collect();
        let unusable = sent.session_keys.len() - keys.len();
        (Self::new(keys), unusable)
    }

    /// The cipher for a new session: the newest whose time has come and has not passed.
    pub fn sealer(&self, now: SystemTime) -> Option<&SessionCipher> {
        self.keys
            .iter()
            .rev()
            .find(|key| key.not_before <= now && now < key.not_after)
            .map(|key| &key.cipher)
    }

    /// The cipher that a session id names. Whether the session has expired stands inside it.
    pub fn opener(&self, kid: &str) -> Option<&SessionCipher> {
        self.keys
            .iter()
            .map(|key| &key.cipher)
            .find(|cipher| cipher.kid() == kid)
    }
}

impl SessionKey {
    fn read(sent: &node::SessionKey) -> Option<Self> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(1..=16).contains(&sent.kid.len()) || !sent.kid.bytes().all(word) {
            return None;
        }
        Some(Self {
            cipher: SessionCipher::new(&sent.kid, sent.key.as_ref().try_into().ok()?),
            not_before: sent.not_before?.try_into().ok()?,
            not_after: sent.not_after?.try_into().ok()?,
        })
    }
}

impl fmt::Debug for SessionKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| key.cipher.kid()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn new_sessions_use_the_newest_key_whose_time_has_come_and_all_keys_open() {
        let day = |days: u64| UNIX_EPOCH + Duration::from_hours(24 * days);
        let key = |days: u64| SessionKey {
            cipher: SessionCipher::new(&format!("1d{days}"), &[7; 32]),
            not_before: day(days),
            not_after: day(days + 8),
        };
        let keyring = SessionKeyring::new(vec![key(11), key(10), key(12)]);
        let sealer = |now| keyring.sealer(now).map(SessionCipher::kid);

        assert_eq!(sealer(day(9)), None);
        assert_eq!(sealer(day(11)), Some("1d11"));
        assert_eq!(sealer(day(19)), Some("1d12"));
        assert_eq!(sealer(day(20)), None);
        assert_eq!(keyring.opener("1d10").map(SessionCipher::kid), Some("1d10"));
        assert!(keyring.opener("1d9").is_none());
    }

    #[test]
    fn a_key_that_cannot_be_used_is_left_out_alone() {
        let key = |kid: &str, length| node::SessionKey {
            kid: kid.into(),
            key: vec![7; length].into(),
            not_before: Some(UNIX_EPOCH.into()),
            not_after: Some((UNIX_EPOCH + Duration::from_secs(1)).into()),
        };
        let (keyring, unusable) = SessionKeyring::read(&node::TenantSecrets {
            tenant_uid: String::new(),
            session_keys: vec![key("1d1", 32), key("1.d", 32), key("", 32), key("1d2", 31)],
            ..node::TenantSecrets::default()
        });
        assert_eq!(unusable, 3);
        assert!(keyring.opener("1d1").is_some());
        assert!(keyring.sealer(UNIX_EPOCH).is_some());
    }
}
