//! Pages of a list. A page token is opaque: it says after which item the next page starts, and is
//! good only for the list and parent that gave it.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use prost::Message;
use uuid::Uuid;

use crate::error::Error;

/// Makes and checks page tokens. The same in every controller of an installation.
#[derive(Clone)]
pub struct Pages(hmac::Key);

/// One list, of one parent.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// The permission that lists it.
    pub of: &'a str,
    /// The parent's name; empty where there is none.
    pub parent: &'a str,
}

/// A page as asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The item that the page follows; empty for the first page.
    pub after: String,
    /// How many items at most.
    pub size: usize,
}

impl Pages {
    /// Keyed by the installation's id, which never leaves the controllers. A forged token would
    /// open nothing that the caller may not list anyway.
    pub fn new(deployment: Uuid) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, deployment.as_bytes());
        let tag = hmac::sign(&key, b"aldgate/v1/page");
        Self(hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref()))
    }

    /// Reads what a list request says of its page.
    pub fn read(&self, list: List<'_>, size: i32, token: &str) -> Result<Page, Error> {
        let size = usize::try_from(size)
            .map_err(|_| Error::invalid("page_size", "must not be negative"))?;
        let size = if size == 0 { DEFAULT } else { size.min(MAX) };
        let after = if token.is_empty() {
            String::new()
        } else {
            self.open(list, token).ok_or_else(|| {
                Error::invalid(
                    "page_token",
                    "is not one that this list gave; start anew without",
                )
            })?
        };
        Ok(Page { after, size })
    }

    /// Cuts what was fetched, one more than the page holds, to the page's size and to what fits into
    /// one message, and names the next page if there is one. `position` is what the next page's
    /// items come after.
    pub fn cut<M: Message>(
        &self,
        list: List<'_>,
        page: &Page,
        items: &mut Vec<M>,
        position: impl Fn(&M) -> &str,
    ) -> String {
        let mut bytes = 0;
        let fitting = items.iter().take_while(|item| {
            bytes += item.encoded_len();
            bytes <= BYTES
        });
        let kept = fitting.count().clamp(1, page.size);
        if items.len() <= kept {
            return String::new();
        }
        items.truncate(kept);
        items
            .last()
            .map_or_else(String::new, |last| self.token(list, position(last)))
    }

    fn token(&self, list: List<'_>, after: &str) -> String {
        let mut bytes = self.tag(list, after).to_vec();
        bytes.extend_from_slice(after.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open(&self, list: List<'_>, token: &str) -> Option<String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tag, after) = bytes.split_first_chunk::<TAG>()?;
        let after = std::str::from_utf8(after).ok()?;
        (self.tag(list, after) == *tag).then(|| after.to_owned())
    }

    fn tag(&self, list: List<'_>, after: &str) -> [u8; TAG] {
        let text = format!("{}\n{}\n{after}", list.of, list.parent);
        let full = hmac::sign(&self.0, text.as_bytes());
        let head = full.as_ref().first_chunk::<TAG>();
        *head.expect("SHA-256 has 32 bytes")
    }
}

impl Page {
    /// How many rows to fetch: one more than the page holds, to know whether there is a next one.
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size + 1).expect("at most 1001")
    }
}

const DEFAULT: usize = 50;
const MAX: usize = 1000;
/// The items of one page; messages have at most 4 MiB.
pub const BYTES: usize = 3 << 20;
const TAG: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_next_page() {
        let pages = pages();
        let first = pages.read(SERVERS, 2, "").unwrap();
        assert_eq!((first.after.as_str(), first.limit()), ("", 3));
        let mut items = texts(&["a", "b", "c"]);
        let token = pages.cut(SERVERS, &first, &mut items, |item| item.as_str());
        assert_eq!(items, ["a", "b"]);
        let next = pages.read(SERVERS, 2, &token).unwrap();
        assert_eq!(next.after, "b");
        let mut items = texts(&["c"]);
        assert_eq!(
            pages.cut(SERVERS, &next, &mut items, |item| item.as_str()),
            ""
        );
    }

    /// AD-11.
    #[test]
    fn an_edited_or_foreign_token_is_refused() {
        let pages = pages();
        let token = pages.token(SERVERS, "b");
        assert!(pages.read(SERVERS, 0, &token).is_ok());
        for position in 0..token.len() {
            let mut edited = token.clone().into_bytes();
            edited[position] = if edited[position] == b'A' { b'B' } else { b'A' };
            let edited = String::from_utf8(edited).unwrap();
            assert!(pages.read(SERVERS, 0, &edited).is_err(), "{edited}");
        }
        let elsewhere = List {
            parent: "tenants/other",
            ..SERVERS
        };
        let keys = List {
            of: "keys.list",
            ..SERVERS
        };
        assert!(pages.read(elsewhere, 0, &token).is_err());
        assert!(pages.read(keys, 0, &token).is_err());
        assert!(
            Pages::new(Uuid::from_u128(2))
                .read(SERVERS, 0, &token)
                .is_err()
        );
    }

    #[test]
    fn sizes_are_bounded() {
        let size = |asked| pages().read(SERVERS, asked, "").map(|page| page.size).ok();
        assert_eq!(size(0), Some(50));
        assert_eq!(size(1000), Some(1000));
        assert_eq!(size(i32::MAX), Some(1000));
        assert_eq!(size(-1), None);
    }

    #[test]
    fn a_page_ends_before_it_outgrows_a_message() {
        let pages = pages();
        let page = pages.read(SERVERS, 10, "").unwrap();
        let big = "x".repeat(BYTES / 2);
        let mut items = texts(&[&big, "b", &big, "d"]);
        let token = pages.cut(SERVERS, &page, &mut items, |item| item.as_str());
        assert_eq!(items.len(), 2);
        assert_eq!(pages.read(SERVERS, 10, &token).unwrap().after, "b");
        let huge = "x".repeat(BYTES + 1);
        let mut items = texts(&[&huge, "b"]);
        pages.cut(SERVERS, &page, &mut items, |_| "a");
        assert_eq!(items.len(), 1, "a page holds something");
    }

    /// Strings are messages too, `google.protobuf.StringValue`.
    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn pages() -> Pages {
        Pages::new(Uuid::from_u128(1))
    }

    const SERVERS: List<'_> = List {
        of: "servers.list",
        parent: "tenants/acme",
    };
}
