//! A new server with its primary key (S2-3), whose secret is shown once.

use proto::admin::v1::{CreateServerResponse, Key, Server};
use serde::Serialize;

use crate::output::{Proto, Shown as _};

/// The server as `server get` shows it, and beside its fields what was made with it.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    #[serde(flatten)]
    server: Proto<'a, Server>,
    #[serde(flatten)]
    key: Option<PrimaryKey<'a>>,
}

#[derive(Serialize)]
struct PrimaryKey<'a> {
    #[serde(rename = "primaryKey")]
    key: Proto<'a, Key>,
    #[serde(rename = "primaryKeySecret")]
    secret: &'a str,
}

impl<'a> Created<'a> {
    pub(super) fn of(server: &'a Server, answer: &'a CreateServerResponse) -> Self {
        let key = answer.primary_key.as_ref().map(|key| PrimaryKey {
            key: Proto(key),
            secret: &answer.primary_key_secret,
        });
        Self {
            server: Proto(server),
            key,
        }
    }

    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = self.server.0.facts();
        if let Some(PrimaryKey { key, secret }) = &self.key {
            facts.push(("primary key", key.0.name.clone()));
            facts.push(("key", (*secret).to_owned()));
        }
        facts
    }
}
