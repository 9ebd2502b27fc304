//! A secret that is shown once.

use proto::admin::v1::Key;
use serde::Serialize;

/// A new key, or a key with a new secret, as scripts read it. The shape is part of the documentation, so it is written out here.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    key: &'a str,
    name: String,
    /// `null` for a permanent key.
    pub(super) expire_time: Option<String>,
    /// Text, as canonical proto JSON has all 64-bit numbers.
    revision: String,
}

impl<'a> Created<'a> {
    pub(super) fn of(key: Option<Key>, secret: &'a str, revision: u64) -> Self {
        let key = key.unwrap_or_default();
        Self {
            key: secret,
            name: key.name,
            expire_time: key.expire_time.map(|time| time.to_string()),
            revision: revision.to_string(),
        }
    }

    pub(super) fn facts(&self) -> [(&'static str, String); 4] {
        [
            ("key", self.key.to_owned()),
            ("name", self.name.clone()),
            (
                "expires",
                self.expire_time.clone().unwrap_or_else(|| "never".into()),
            ),
            ("revision", self.revision.clone()),
        ]
    }
}
