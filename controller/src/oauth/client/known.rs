//! Well-known clients: who may be shown as verified, and what their documents say when they cannot
//! be had. It is data that ships with the program, `known_clients.yaml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{AUTHORIZATION_CODE, AuthMethod, Keys, REFRESH_TOKEN, document::Document};

/// One of them, as a document's address names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    /// What people call it.
    pub(super) name: &'static str,
    /// A copy of its document.
    pub(super) pinned: Document,
}

/// The well-known client whose document is at this address.
pub(super) fn of(client_id: &str) -> Option<Known> {
    LIST.iter().find_map(|entry| entry.at(client_id))
}

/// One entry of the data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client_id: String,
    name: String,
    redirect_uris: Vec<String>,
    #[serde(default = "none")]
    auth_methods: Vec<AuthMethod>,
    jwks_uri: Option<String>,
}

impl Entry {
    fn at(&'static self, client_id: &str) -> Option<Known> {
        let id = match self.client_id.split_once(PLACE) {
            None => (self.client_id == client_id).then_some("")?,
            Some((before, after)) => {
                let id = client_id.strip_prefix(before)?.strip_suffix(after)?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
                (!id.is_empty() && id.bytes().all(plain)).then_some(id)?
            }
        };
        let redirects = self.redirect_uris.iter();
        Some(Known {
            name: &self.name,
            pinned: Document {
                name: self.name.clone(),
                redirect_uris: redirects.map(|uri| uri.replace(PLACE, id)).collect(),
                grant_types: [AUTHORIZATION_CODE, REFRESH_TOKEN]
                    .map(str::to_owned)
                    .to_vec(),
                auth_methods: self.auth_methods.clone(),
                keys: self.jwks_uri.clone().map_or(Keys::None, Keys::At),
            },
        })
    }
}

fn none() -> Vec<AuthMethod> {
    vec![AuthMethod::None]
}

static LIST: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    serde_norway::from_str(include_str!("known_clients.yaml")).expect("our tests read it")
});
const PLACE: &str = "{id}";

#[cfg(test)]
mod tests {
    use egress::Endpoint;

    use super::*;
    use crate::oauth::{client::intake, redirect::RedirectKind};

    #[test]
    fn every_entry_is_a_document_that_would_be_accepted() {
        assert!(LIST.len() > 8);
        for entry in LIST.iter() {
            let id = entry.client_id.replace(PLACE, "abc-1");
            assert!(id.starts_with("https://"));
            assert_eq!(Endpoint::parse(&id).unwrap().to_string(), id);
            let known = of(&id).unwrap();
            let uris: Vec<_> = known
                .pinned
                .redirect_uris
                .iter()
                .map(String::as_str)
                .collect();
            assert_eq!(intake::redirects(&uris), uris, "{id}");
            for uri in uris {
                assert!(RedirectKind::read(uri).is_ok() && !uri.contains(PLACE));
            }
            assert_eq!(
                known
                    .pinned
                    .auth_methods
                    .contains(&AuthMethod::PrivateKeyJwt),
                known.pinned.keys != Keys::None,
                "{id}"
            );
        }
    }

    /// A26: what looks like a well-known client is none.
    #[test]
    fn only_the_very_address_is_known() {
        assert_eq!(
            of("https://chatgpt.com/oauth/client.json").unwrap().name,
            "ChatGPT"
        );
        assert_eq!(
            of("https://chatgpt.com/oauth/codex/client.json")
                .unwrap()
                .name,
            "Codex"
        );
        let own = of("https://chatgpt.com/oauth/abc_1/client.json").unwrap();
        assert_eq!(
            own.pinned.redirect_uris,
            ["https://chatgpt.com/connector/oauth/abc_1"]
        );
        for id in [
            "https://chatgpt.com/oauth/a/b/client.json",
            "https://chatgpt.com/oauth//client.json",
            "https://chatgpt.com/oauth/a.b/client.json",
            "https://chatgpt.com/oauth/client.json/",
            "https://chatgpt.com.evil.test/oauth/client.json",
            "https://evil.test/oauth/client.json",
            "http://chatgpt.com/oauth/client.json",
        ] {
            assert_eq!(of(id), None, "{id}");
        }
    }
}
