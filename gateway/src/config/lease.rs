//! Credentials to present to servers, ready to attach. They live in memory only; the value is wiped
//! when the last holder drops it, and no `Debug` shows it. Which lease goes with which version of a
//! server is decided in `super::replica`.

use std::{
    collections::HashMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use proto::{id::StaticTokenUid, node::v1 as node};
use url::Url;
use zeroize::Zeroizing;

/// What may be sent to one origin: a credential as a header, and headers that go with static tokens.
pub struct Lease {
    /// Grows with every change of them.
    pub generation: u64,
    /// The credential; none if the server wants none.
    header: Option<Header>,
    /// What calls with these static tokens carry besides.
    token_headers: HashMap<StaticTokenUid, Box<[Header]>>,
    /// The only origin it may be sent to.
    pub origin: egress::Origin,
    /// Seconds since the epoch, so that a renewal needs no new snapshot.
    not_after: AtomicU64,
    /// Seconds since the epoch after which no grace helps: the controller took it back.
    withdrawn_at: AtomicU64,
}

/// A header to set. The value is marked sensitive, and wiped when its last clone is dropped.
pub type Header = (HeaderName, HeaderValue);

/// The value cannot be sent in a header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a header value")]
pub struct InvalidValue;

impl Lease {
    /// A lease with a credential, to be renewed by `not_after`. The value is copied to memory that
    /// is wiped when the last clone of the header value is dropped.
    pub fn new(
        generation: u64,
        header: (HeaderName, &[u8]),
        origin: egress::Origin,
        not_after: SystemTime,
    ) -> Result<Self, InvalidValue> {
        let mut lease = Self::without_credential(generation, origin, not_after);
        lease.header = Some(sensitive(header)?);
        Ok(lease)
    }

    /// A lease that holds no credential.
    pub fn without_credential(
        generation: u64,
        origin: egress::Origin,
        not_after: SystemTime,
    ) -> Self {
        Self {
            generation,
            header: None,
            token_headers: HashMap::new(),
            origin,
            not_after: AtomicU64::new(seconds(not_after)),
            withdrawn_at: AtomicU64::new(u64::MAX),
        }
    }

    /// With headers that calls with this static token carry.
    pub fn with_token_headers<'a>(
        mut self,
        token: StaticTokenUid,
        headers: impl IntoIterator<Item = (HeaderName, &'a [u8])>,
    ) -> Result<Self, InvalidValue> {
        let headers = headers.into_iter().map(sensitive);
        let headers = headers.collect::<Result<_, _>>()?;
        self.token_headers.insert(token, headers);
        Ok(self)
    }

    /// The lease as a controller sent it. The error says which field is at fault, never its value.
    pub(super) fn read(sent: &node::Lease) -> Result<Self, &'static str> {
        let not_after = sent.not_after.map(SystemTime::try_from);
        let not_after = not_after.and_then(Result::ok).ok_or("not_after")?;
        let origin = Url::parse(&sent.origin).map_err(|_| "origin")?;
        let origin = egress::Origin::of(&origin).map_err(|_| "origin")?;
        if origin.to_string() != sent.origin {
            return Err("origin");
        }
        let mut lease = if sent.header_name.is_empty() && sent.header_value.is_empty() {
            Self::without_credential(sent.generation, origin, not_after)
        } else {
            let header = (
                name(&sent.header_name).ok_or("header_name")?,
                &*sent.header_value,
            );
            if sent.header_value.is_empty() {
                return Err("header_value");
            }
            Self::new(sent.generation, header, origin, not_after).map_err(|_| "header_value")?
        };
        for token in &sent.token_headers {
            let uid = token.token_uid.parse().map_err(|_| "token_headers")?;
            let headers = token.headers.iter();
            let headers = headers
                .map(|header| Some((name(&header.name)?, &*header.value)))
                .collect::<Option<Vec<_>>>()
                .ok_or("token_headers")?;
            let with = lease.with_token_headers(uid, headers);
            lease = with.map_err(|_| "token_headers")?;
        }
        Ok(lease)
    }

    /// The credential to set; none if the server wants none.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// What calls with this static token carry besides; none if nothing is known of such.
    pub fn token_headers(&self, token: StaticTokenUid) -> Option<&[Header]> {
        self.token_headers.get(&token).map(|headers| &**headers)
    }

    /// Whether it may be attached: until its time, and for the grace after it, because a controller
    /// that cannot be reached must not cost a request.
    pub fn usable(&self, now: SystemTime, grace: Duration) -> bool {
        let now = seconds(now);
        let until = self.not_after.load(Ordering::Relaxed);
        now < until.saturating_add(grace.as_secs())
            && now < self.withdrawn_at.load(Ordering::Relaxed)
    }

    /// The same credential for longer.
    pub(super) fn renew(&self, like: &Self) {
        let not_after = like.not_after.load(Ordering::Relaxed);
        self.not_after.store(not_after, Ordering::Relaxed);
        self.withdrawn_at.store(u64::MAX, Ordering::Relaxed);
    }

    /// The controller took it back: whoever still serves with it has until then to get the config
    /// that goes with that.
    pub(super) fn withdraw(&self, until: SystemTime) {
        self.withdrawn_at
            .fetch_min(seconds(until), Ordering::Relaxed);
    }

    /// Whether both present the same thing to the same place.
    pub(super) fn same_credential(&self, other: &Self) -> bool {
        self.generation == other.generation
            && self.header == other.header
            && self.token_headers == other.token_headers
            && self.origin == other.origin
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("generation", &self.generation)
            .field("header_name", &self.header.as_ref().map(|(name, _)| name))
            .field("token_headers", &self.token_headers.keys())
            .field("origin", &self.origin)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

fn sensitive((name, value): (HeaderName, &[u8])) -> Result<Header, InvalidValue> {
    let wiped = Bytes::from_owner(Zeroizing::new(value.to_vec()));
    let mut value = HeaderValue::from_maybe_shared(wiped).map_err(|_| InvalidValue)?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn name(text: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(text.as_bytes()).ok()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_lease_is_usable_until_its_time_and_for_the_grace_after_it() {
        let lease = Lease::read(&sent()).unwrap();
        let grace = Duration::from_mins(1);
        assert!(lease.usable(at(99), Duration::ZERO) && lease.usable(at(159), grace));
        assert!(!lease.usable(at(100), Duration::ZERO) && !lease.usable(at(160), grace));

        let renewal = node::Lease {
            not_after: Some(at(200).into()),
            ..sent()
        };
        lease.renew(&Lease::read(&renewal).unwrap());
        assert!(lease.usable(at(259), grace) && !lease.usable(at(260), grace));
    }

    #[test]
    fn a_withdrawn_lease_has_no_grace_unless_it_is_given_again() {
        let lease = Lease::read(&sent()).unwrap();
        let grace = Duration::from_mins(1);
        lease.withdraw(at(20));
        assert!(lease.usable(at(19), grace) && !lease.usable(at(20), grace));
        lease.renew(&Lease::read(&sent()).unwrap());
        assert!(lease.usable(at(20), grace));
    }

    #[test]
    fn what_cannot_be_attached_is_named_by_its_field() {
        let fault = |change: fn(&mut node::Lease)| {
            let mut lease = sent();
            change(&mut lease);
            Lease::read(&lease).err()
        };
        assert_eq!(fault(|_| ()), None);
        let bare = |l: &mut node::Lease| {
            l.header_name.clear();
            l.header_value.clear();
        };
        assert_eq!(fault(bare), None);
        assert_eq!(fault(|l| l.header_name.clear()), Some("header_name"));
        assert_eq!(fault(|l| l.header_name = "a b".into()), Some("header_name"));
        assert_eq!(
            fault(|l| l.header_value = "a\nb".into()),
            Some("header_value")
        );
        assert_eq!(fault(|l| l.header_value = "".into()), Some("header_value"));
        assert_eq!(
            fault(|l| l.origin = "https://up.test".into()),
            Some("origin")
        );
        assert_eq!(fault(|l| l.origin = "up.test".into()), Some("origin"));
        assert_eq!(fault(|l| l.not_after = None), Some("not_after"));
        let headers = |l: &mut node::Lease| l.token_headers[0].headers[0].value = "a\nb".into();
        assert_eq!(fault(headers), Some("token_headers"));
        let token = |l: &mut node::Lease| l.token_headers[0].token_uid = "x".into();
        assert_eq!(fault(token), Some("token_headers"));
    }

    #[test]
    fn no_debug_form_shows_the_value() {
        let lease = Lease::read(&sent()).unwrap();
        let token = StaticTokenUid::from_uuid(Uuid::from_u128(5));
        let (_, value) = lease.header().unwrap();
        let headers = lease.token_headers(token).unwrap();
        let shown = format!("{lease:?} {value:?} {headers:?}");
        assert!(!shown.contains("CANARY"), "{shown}");
        assert_eq!(value, "Bearer CANARY");
        assert_eq!(headers[0].1, "CANARY-H");
    }

    fn sent() -> node::Lease {
        node::Lease {
            generation: 1,
            header_name: "Authorization".into(),
            header_value: "Bearer CANARY".into(),
            origin: "https://up.test:443".into(),
            not_after: Some(at(100).into()),
            token_headers: vec![node::TokenHeaders {
                token_uid: Uuid::from_u128(5).to_string(),
                headers: vec![node::TokenHeader {
                    name: "x-team".into(),
                    value: "CANARY-H".into(),
                }],
            }],
            ..Default::default()
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }
}
