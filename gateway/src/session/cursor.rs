//! Cursors of lists, sealed for the caller, the server and the policy of the moment: what another was
//! shown, or would have been before, cannot be gone on with (TI-08).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp::list::List;
use seal::session::{SessionBinding, kid_of_cursor};

use crate::{authn::Caller, config::snapshot::Server};

/// The cursor for the client; none without a key to seal with.
pub(crate) fn seal(
    caller: &Caller,
    server: &Server,
    list: List,
    cursor: &str,
    now: SystemTime,
) -> Option<String> {
    let cipher = caller.tenant().sessions()?.sealer(now)?;
    let content = Content {
        expires: seconds(now + LIFETIME),
        policy: caller.tenant().policy_revision(),
        list: list.method(),
        cursor,
    };
    Some(cipher.seal_cursor(&binding(caller, server), &content.encode()?))
}

/// The server's cursor; none where it was not made for this, whatever the reason.
pub(super) fn open(
    caller: &Caller,
    server: &Server,
    list: List,
    sealed: &str,
    now: SystemTime,
) -> Option<Box<str>> {
    let cipher = caller.tenant().sessions()?.opener(kid_of_cursor(sealed)?)?;
    let plain = cipher.open_cursor(&binding(caller, server), sealed).ok()?;
    let content = Content::decode(&plain)?;
    let current = seconds(now) < content.expires
        && content.policy == caller.tenant().policy_revision()
        && content.list == list.method();
    current.then(|| content.cursor.into())
}

/// What stands inside: a version byte, the expiry in seconds since the epoch, the revision of the
/// policy, the method, and the server's own cursor.
#[derive(Debug, PartialEq)]
struct Content<'a> {
    expires: u64,
    policy: u64,
    list: &'a str,
    cursor: &'a str,
}

impl<'a> Content<'a> {
    /// The bytes; none where the server's cursor is so long that clients could not send ours.
    fn encode(&self) -> Option<Vec<u8>> {
        if self.cursor.len() > UPSTREAM_BYTES {
            return None;
        }
        let mut plain = Vec::with_capacity(48 + self.cursor.len());
        plain.push(FORMAT);
        plain.extend_from_slice(&self.expires.to_be_bytes());
        plain.extend_from_slice(&self.policy.to_be_bytes());
        plain.push(u8::try_from(self.list.len()).ok()?);
        plain.extend_from_slice(self.list.as_bytes());
        plain.extend_from_slice(self.cursor.as_bytes());
        Some(plain)
    }

    fn decode(plain: &'a [u8]) -> Option<Self> {
        let (&[format], rest) = plain.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (policy, rest) = rest.split_first_chunk()?;
        let (&[length], rest) = rest.split_first_chunk()?;
        let (list, cursor) = rest.split_at_checked(length.into())?;
        (format == FORMAT).then_some(Self {
            expires: u64::from_be_bytes(*expires),
            policy: u64::from_be_bytes(*policy),
            list: std::str::from_utf8(list).ok()?,
            cursor: std::str::from_utf8(cursor).ok()?,
        })
    }
}

fn binding(caller: &Caller, server: &Server) -> SessionBinding {
    SessionBinding {
        tenant: caller.tenant().uid.uuid(),
        server: server.uid.uuid(),
        principal: caller.principal(),
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

const FORMAT: u8 = 1;
const LIFETIME: Duration = Duration::from_hours(24);
const UPSTREAM_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded_and_nothing_else() {
        let content = Content {
            expires: 7,
            policy: 9,
            list: "tools/list",
            cursor: "é",
        };
        let plain = content.encode().unwrap();
        assert_eq!(Content::decode(&plain), Some(content));
        for bad in [
            &[][..],
            &plain[1..],
            &plain[..17],
            &plain[..20],
            &plain[..plain.len() - 1],
        ] {
            assert_eq!(Content::decode(bad), None, "{bad:?}");
        }
        let long = "x".repeat(UPSTREAM_BYTES + 1);
        let content = Content {
            cursor: &long,
            ..Content::decode(&plain).unwrap()
        };
        assert_eq!(content.encode(), None);
    }
}
