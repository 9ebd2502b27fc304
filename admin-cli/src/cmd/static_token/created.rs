//! What clients put into the header, shown once.

use proto::admin::v1::CreateStaticTokenResponse;
use serde::Serialize;

/// A new static token as scripts read it.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    header_name: &'a str,
    /// Complete: with `Bearer ` or `Basic `, where the type has them.
    header_value: &'a str,
    name: String,
    /// `null` for a permanent token.
    expire_time: Option<String>,
    /// Text, as canonical proto JSON has all 64-bit numbers.
    revision: String,
}

impl<'a> Created<'a> {
    pub(super) fn of(answer: &'a CreateStaticTokenResponse) -> Self {
        let token = answer.static_token.clone().unwrap_or_default();
        Self {
            header_name: &answer.header_name,
            header_value: &answer.header_value,
            name: token.name,
            expire_time: token.expire_time.map(|time| time.to_string()),
            revision: answer.revision.to_string(),
        }
    }

    pub(super) fn facts(&self) -> [(&'static str, String); 4] {
        let expires = self.expire_time.clone();
        [
            (
                "header",
                format!("{}: {}", self.header_name, self.header_value),
            ),
            ("name", self.name.clone()),
            ("expires", expires.unwrap_or_else(|| "never".into())),
            ("revision", self.revision.clone()),
        ]
    }
}
