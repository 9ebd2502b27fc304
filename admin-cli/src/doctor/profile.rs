//! The habits of well-known clients, as data: `profiles.yaml`.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};

/// How one client goes about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// What people call it.
    pub(super) title: String,
    /// What it calls itself, which firewalls look at.
    pub(super) user_agent: String,
    /// It runs at its vendor, so its redirect URI leads there.
    #[serde(default)]
    pub(super) hosted: bool,
    /// How many seconds it waits for an answer.
    #[serde(default = "patience")]
    budget: u64,
    /// The origin of its page, where it runs in a browser.
    pub(super) origin: Option<String>,
    /// What it sends first; each must be answered with a challenge.
    pub(super) probes: Vec<Probe>,
    /// It knows `Bearer` in this spelling only.
    #[serde(default)]
    pub(super) exact_scheme: bool,
    pub(super) resource_metadata: ResourceHabits,
    pub(super) server_metadata: ServerHabits,
    pub(super) registration: RegistrationHabits,
    /// Where it has its users sent back to.
    pub(super) redirect_uri: String,
    pub(super) scope: ScopeHabits,
    /// Further parameters of the authorization request.
    #[serde(default)]
    pub(super) authorize: BTreeMap<String, String>,
    /// On which requests it sends `resource`.
    pub(super) resource: Legs,
    pub(super) refresh: RefreshHabits,
}

/// A first request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    pub(super) method: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceHabits {
    /// Where it looks, until it finds something.
    pub(super) order: Vec<ResourcePlace>,
    /// How it compares `resource` with the URL that was typed.
    pub(super) resource: Comparison,
    /// Where it must be, too.
    #[serde(default)]
    pub(super) also: Vec<ResourcePlace>,
}

/// Where metadata of a protected resource may be (RFC 9728 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResourcePlace {
    /// Where the challenge says.
    Challenge,
    /// The well-known name before the path of the MCP URL.
    Inserted,
    /// The well-known name alone.
    Root,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Comparison {
    /// It must be the same text.
    Equal,
    /// It may be a parent.
    Prefix,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerHabits {
    pub(super) order: Vec<ServerPlace>,
    /// How it compares `issuer` with what the resource names.
    pub(super) issuer: Comparison,
    /// It does without its stable redirect URI where answers do not name their issuer (RFC 9207).
    #[serde(default)]
    pub(super) needs_iss: bool,
}

/// Where metadata of an authorization server may be (RFC 8414 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServerPlace {
    Oauth,
    Openid,
    /// After the issuer's path, as `OpenID` Connect has it.
    OpenidAppended,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationHabits {
    pub(super) order: Vec<Way>,
    /// Its client-id metadata document.
    pub(super) document: Option<String>,
    /// It uses the document only where `none` is among the authentication methods.
    #[serde(default)]
    pub(super) document_needs_none: bool,
    /// What it registers.
    pub(super) body: Map<String, Value>,
    /// What it must find again in the answer.
    #[serde(default)]
    pub(super) echo: Vec<String>,
}

/// How a client comes to have an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Document,
    Dynamic,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeHabits {
    /// The first of these that names scopes.
    pub(super) from: Vec<ScopePlace>,
    /// It adds these.
    #[serde(default)]
    pub(super) plus: Vec<String>,
    /// It adds `offline_access` where the server publishes it.
    #[serde(default)]
    pub(super) offline_access: bool,
    /// It adds `openid` where the server publishes it.
    #[serde(default)]
    pub(super) openid_if_published: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ScopePlace {
    Challenge,
    Resource,
    Server,
}

/// The requests of one authorization.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Legs {
    pub(super) authorize: bool,
    pub(super) token: bool,
    pub(super) refresh: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshHabits {
    /// It relies on a refresh token.
    pub(super) expected: bool,
    /// It sends the scopes again.
    #[serde(default)]
    pub(super) scope: bool,
}

impl Profile {
    /// All that are known, by the name that `--as` takes.
    pub(crate) fn all() -> &'static BTreeMap<String, Profile> {
        &ALL
    }

    pub(super) fn budget(&self) -> Duration {
        Duration::from_secs(self.budget)
    }

    /// The redirect URI with the port that is listened on.
    pub(super) fn redirect_uri(&self, port: u16) -> String {
        with_port(&self.redirect_uri, port)
    }

    /// What it registers, with that port.
    pub(super) fn registration(&self, port: u16) -> Value {
        let mut body = self.registration.body.clone();
        if let Some(Value::Array(uris)) = body.get_mut("redirect_uris") {
            for uri in uris {
                *uri = with_port(uri.as_str().unwrap_or_default(), port).into();
            }
        }
        body.into()
    }

    /// How it proves who it is to the token endpoint.
    pub(super) fn auth_method(&self) -> &str {
        let method = self.registration.body.get("token_endpoint_auth_method");
        method
            .and_then(Value::as_str)
            .unwrap_or("client_secret_basic")
    }
}

fn with_port(uri: &str, port: u16) -> String {
    uri.replace("{port}", &port.to_string())
}

fn patience() -> u64 {
    30
}

static ALL: LazyLock<BTreeMap<String, Profile>> = LazyLock::new(|| {
    serde_norway::from_str(include_str!("profiles.yaml")).expect("a test reads the same text")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_complete() {
        for (name, profile) in Profile::all() {
            assert!(!profile.probes.is_empty(), "{name}");
            let loopback = ["http://127.0.0.1:", "http://localhost:"]
                .iter()
                .any(|start| profile.redirect_uri.starts_with(start));
            assert!(profile.hosted != loopback, "{name}");
            let registers = profile.registration(4711);
            assert!(registers["client_name"].is_string(), "{name}");
            // VS Code registers another port than it uses.
            if name != "vscode" {
                let uri = profile.redirect_uri(4711);
                let known = registers["redirect_uris"].as_array().unwrap();
                assert!(known.contains(&uri.into()), "{name}");
            }
        }
        for name in [
            "claude",
            "chatgpt",
            "cursor",
            "vscode",
            "inspector",
            "mcp-remote",
        ] {
            assert!(Profile::all().contains_key(name), "{name}");
        }
    }
}
