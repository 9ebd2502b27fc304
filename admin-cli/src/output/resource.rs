//! What people see of each resource. Scripts see the whole message; see [`super::document`].

mod access;
mod client;
mod key;
mod limits;
mod node;
mod oauth;
mod server;
mod static_token;
mod user;

use prost::Message;
use prost_types::Timestamp;
use proto::admin::v1::{Revision, Tenant, Token, TokenRole};

pub(crate) use node::{node_state, reject_line};

/// A message that can be printed.
pub(crate) trait Shown: Message {
    /// Its full name in the API.
    const MESSAGE: &'static str;

    /// All that people may want to know of it.
    fn facts(&self) -> Vec<(&'static str, String)>;
}

/// A message of which there are many.
pub(crate) trait Resource: Shown {
    /// What several of it are called.
    const PLURAL: &'static str;
    /// The header of a list.
    const COLUMNS: &'static [&'static str];

    /// Its row in a list.
    fn cells(&self) -> Vec<String>;
}

impl Shown for Tenant {
    const MESSAGE: &'static str = "aldgate.admin.v1.Tenant";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("display name", self.display_name.clone()),
            ("host", self.host.clone()),
            ("alias hosts", self.alias_hosts.join(", ")),
            ("allowed origins", self.allowed_origins.join(", ")),
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
            ("revision", self.revision.to_string()),
        ]
    }
}

impl Resource for Tenant {
    const PLURAL: &'static str = "tenants";
    const COLUMNS: &'static [&'static str] =
        &["NAME", "HOST", "ALIAS HOSTS", "DISPLAY NAME", "REVISION"];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            self.host.clone(),
            self.alias_hosts.join(", "),
            self.display_name.clone(),
            self.revision.to_string(),
        ]
    }
}

impl Shown for Revision {
    const MESSAGE: &'static str = "aldgate.admin.v1.Revision";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("number", self.number.to_string()),
            ("epoch", self.epoch.to_string()),
            ("time", time(self.create_time.as_ref())),
            ("actor", self.actor.clone()),
            ("action", self.action.clone()),
            ("resources", self.resources.join(", ")),
        ]
    }
}

impl Resource for Revision {
    const PLURAL: &'static str = "revisions";
    const COLUMNS: &'static [&'static str] = &["REVISION", "TIME", "ACTOR", "ACTION", "RESOURCES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.number.to_string(),
            time(self.create_time.as_ref()),
            self.actor.clone(),
            self.action.clone(),
            self.resources.join(", "),
        ]
    }
}

impl Shown for Token {
    const MESSAGE: &'static str = "aldgate.admin.v1.Token";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("display name", self.display_name.clone()),
            ("role", role(self)),
            ("tenant", self.tenant.clone()),
            ("created", time(self.create_time.as_ref())),
        ]
    }
}

impl Resource for Token {
    const PLURAL: &'static str = "tokens";
    const COLUMNS: &'static [&'static str] = &["NAME", "ROLE", "TENANT", "DISPLAY NAME", "CREATED"];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            role(self),
            slug(&self.tenant),
            self.display_name.clone(),
            time(self.create_time.as_ref()),
        ]
    }
}

fn role(token: &Token) -> String {
    match token.role() {
        TokenRole::Unspecified => "unknown",
        TokenRole::Admin => "admin",
        TokenRole::Viewer => "viewer",
    }
    .into()
}

/// The last segment, which is what people type.
pub(crate) fn slug(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

fn time(time: Option<&Timestamp>) -> String {
    time.map(ToString::to_string).unwrap_or_default()
}

/// When something stops to work.
fn expiry(time: Option<&Timestamp>) -> String {
    time.map_or_else(|| "never".into(), ToString::to_string)
}

/// Whether something is refused by hand.
fn enabled(disabled: bool) -> String {
    if disabled { "disabled" } else { "enabled" }.into()
}
