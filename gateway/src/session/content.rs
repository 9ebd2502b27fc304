//! What stands inside a session id: a version byte, the expiry in seconds since the epoch, the
//! agreed protocol version, and the server's own session id.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use mcp::era::LegacyVersion;

/// To be sealed.
pub(super) struct Content<'a> {
    pub(super) expires: SystemTime,
    pub(super) version: Option<LegacyVersion>,
    pub(super) upstream: Option<&'a HeaderValue>,
}

/// What was sealed.
#[derive(Debug, PartialEq)]
pub(super) struct Decoded {
    pub(super) expires: SystemTime,
    pub(super) version: Option<LegacyVersion>,
    pub(super) upstream: Option<HeaderValue>,
}

impl Content<'_> {
    /// The bytes; none where the server's id is not what the specification allows (0x21–0x7E) or so
    /// long that clients could not send ours.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let upstream = self.upstream.map_or(&[][..], HeaderValue::as_bytes);
        if upstream.len() > UPSTREAM_BYTES || !upstream.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let expires = self.expires.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let version = self.version.map_or("", LegacyVersion::as_str);
        let mut plain = Vec::with_capacity(32 + upstream.len());
        plain.push(FORMAT);
        plain.extend_from_slice(&expires.to_be_bytes());
        plain.push(u8::try_from(version.len()).ok()?);
        plain.extend_from_slice(version.as_bytes());
        plain.extend_from_slice(upstream);
        Some(plain)
    }
}

/// Reads the bytes; none where they are of another format.
pub(super) fn decode(plain: &[u8]) -> Option<Decoded> {
    let (&[format], rest) = plain.split_first_chunk()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let (&[length], rest) = rest.split_first_chunk()?;
    let (version, upstream) = rest.split_at_checked(length.into())?;
    if format != FORMAT {
        return None;
    }
    let version = match std::str::from_utf8(version).ok()? {
        "" => None,
        text => Some(LegacyVersion::of(text)?),
    };
    let upstream = match upstream {
        [] => None,
        bytes => {
            let mut id = HeaderValue::from_bytes(bytes).ok()?;
            id.set_sensitive(true);
            Some(id)
        }
    };
    Some(Decoded {
        expires: UNIX_EPOCH + Duration::from_secs(u64::from_be_bytes(*expires)),
        version,
        upstream,
    })
}

const FORMAT: u8 = 1;
const UPSTREAM_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded() {
        let upstream = HeaderValue::from_static("0190b7c2-6f00");
        for upstream in [None, Some(&upstream)] {
            for version in [None, Some(LegacyVersion::V2025_06_18)] {
                let expires = UNIX_EPOCH + Duration::from_hours(500_000);
                let plain = Content {
                    expires,
                    version,
                    upstream,
                }
                .encode()
                .unwrap();
                let expected = Decoded {
                    expires,
                    version,
                    upstream: upstream.cloned(),
                };
                assert_eq!(decode(&plain), Some(expected));
            }
        }
    }

    #[test]
    fn server_ids_that_could_not_be_sent_are_refused() {
        let encode = |id: &[u8]| {
            let id = HeaderValue::from_bytes(id).unwrap();
            Content {
                expires: UNIX_EPOCH,
                version: None,
                upstream: Some(&id),
            }
            .encode()
        };
        assert!(encode(&[b'a'; UPSTREAM_BYTES]).is_some());
        assert!(encode(&[b'a'; UPSTREAM_BYTES + 1]).is_none());
        assert!(encode(b"a b").is_none());
        assert!(encode(b"a\xff").is_none());
    }

    #[test]
    fn other_formats_are_nothing() {
        assert!(decode(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_some());
        for bytes in [
            &[][..],
            &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 3, b'x'],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'x'],
        ] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
