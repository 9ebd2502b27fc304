//! What people see of each resource. Scripts see the whole message; see [`super::document`].

use prost::Message;
use prost_types::Timestamp;
use proto::admin::v1::{
    AuthScheme, Credential, Key, Node, NodeReceipt, Reject, Revision, Server, Tenant, Token,
    TokenRole, WaitForRevisionResponse, credential, node, node_receipt,
};

/// A message that can be printed.
pub(crate) trait Resource: Message {
    /// Its full name in the API.
    const MESSAGE: &'static str;
    /// What several of it are called.
    const PLURAL: &'static str;
    /// The header of a list.
    const COLUMNS: &'static [&'static str];

    /// Its row in a list.
    fn cells(&self) -> Vec<String>;

    /// All that people may want to know of it.
    fn facts(&self) -> Vec<(&'static str, String)>;
}

impl Resource for Tenant {
    const MESSAGE: &'static str = "aldgate.admin.v1.Tenant";
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

impl Resource for Server {
    const MESSAGE: &'static str = "aldgate.admin.v1.Server";
    const PLURAL: &'static str = "servers";
    const COLUMNS: &'static [&'static str] = &["NAME", "URL", "CREDENTIAL", "MCP URL", "REVISION"];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            self.url.clone(),
            self.credential
                .as_ref()
                .map(credential_line)
                .unwrap_or_default(),
            self.mcp_url.clone(),
            self.revision.to_string(),
        ]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("display name", self.display_name.clone()),
            ("description", self.description.clone()),
            ("url", self.url.clone()),
            ("mcp url", self.mcp_url.clone()),
            (
                "timeout",
                self.timeout
                    .map(|timeout| timeout.to_string())
                    .unwrap_or_default(),
            ),
            ("tool list", tool_list(&self.tool_list_json)),
        ];
        if let Some(credential) = &self.credential {
            facts.push(("credential", credential_line(credential)));
            facts.push(("fingerprint", credential.fingerprint.clone()));
            facts.push(("credential set", time(credential.update_time.as_ref())));
        }
        facts.extend([
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
            ("revision", self.revision.to_string()),
        ]);
        facts
    }
}

impl Resource for Key {
    const MESSAGE: &'static str = "aldgate.admin.v1.Key";
    const PLURAL: &'static str = "keys";
    const COLUMNS: &'static [&'static str] = &["NAME", "SERVERS", "STATE", "EXPIRES", "REVISION"];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            opens(self),
            key_state(self),
            expiry(self),
            self.revision.to_string(),
        ]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("display name", self.display_name.clone()),
            ("servers", opens(self)),
            ("state", key_state(self)),
            ("expires", expiry(self)),
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
            ("revision", self.revision.to_string()),
        ]
    }
}

impl Resource for Node {
    const MESSAGE: &'static str = "aldgate.admin.v1.Node";
    const PLURAL: &'static str = "nodes";
    const COLUMNS: &'static [&'static str] = &[
        "NAME",
        "POOL",
        "STATE",
        "APPLIED",
        "LAST SEEN",
        "VERSION",
        "REJECTS",
    ];

    fn cells(&self) -> Vec<String> {
        let rejects = self
            .rejects
            .iter()
            .map(|reject| format!("{} {}", reject.resource, reject.reason));
        vec![
            slug(&self.name),
            self.pool.clone(),
            node_state(self),
            self.applied_revision.to_string(),
            time(self.last_seen_time.as_ref()),
            self.version.clone(),
            rejects.collect::<Vec<_>>().join(", "),
        ]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("name", self.name.clone()),
            ("pool", self.pool.clone()),
            ("state", node_state(self)),
            ("applied revision", self.applied_revision.to_string()),
            ("connected", time(self.connect_time.as_ref())),
            ("last seen", time(self.last_seen_time.as_ref())),
            ("version", self.version.clone()),
        ];
        facts.extend(
            self.rejects
                .iter()
                .map(|reject| ("reject", reject_line(reject))),
        );
        facts
    }
}

impl Resource for Revision {
    const MESSAGE: &'static str = "aldgate.admin.v1.Revision";
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

impl Resource for Token {
    const MESSAGE: &'static str = "aldgate.admin.v1.Token";
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

impl Resource for WaitForRevisionResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.WaitForRevisionResponse";
    const PLURAL: &'static str = "revisions";
    const COLUMNS: &'static [&'static str] = &["REVISION", "NODES"];

    fn cells(&self) -> Vec<String> {
        let nodes = self.nodes.iter().map(receipt_line);
        vec![
            self.revision.to_string(),
            nodes.collect::<Vec<_>>().join(", "),
        ]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("revision", self.revision.to_string())];
        facts.extend(
            self.nodes
                .iter()
                .map(|receipt| ("node", receipt_line(receipt))),
        );
        facts
    }
}

/// A node and how far it is, in one line.
fn receipt_line(receipt: &NodeReceipt) -> String {
    let state = match receipt.state() {
        node_receipt::State::Unspecified => "unknown",
        node_receipt::State::Applied => "applied",
        node_receipt::State::Rejected => "rejected",
        node_receipt::State::Missing => "missing",
    };
    let rejects = receipt
        .rejects
        .iter()
        .map(|reject| format!("; {}", reject_line(reject)));
    let rejects: String = rejects.collect();
    format!(
        "{} {state} (runs revision {}){rejects}",
        slug(&receipt.node),
        receipt.applied_revision
    )
}

/// A reject in one line.
pub(crate) fn reject_line(reject: &Reject) -> String {
    let serves = match reject.serving_revision {
        0 => "nothing is served instead".to_owned(),
        older => format!("revision {older} of it serves on"),
    };
    format!(
        "{} at revision {}: {} ({}); {serves}",
        reject.resource, reject.revision, reject.detail, reject.reason
    )
}

fn credential_line(credential: &Credential) -> String {
    let scheme = match credential.scheme() {
        AuthScheme::Unspecified | AuthScheme::None => return "none".into(),
        AuthScheme::Bearer => "bearer",
        AuthScheme::ApiKey => "api_key",
    };
    let state = match credential.state() {
        credential::State::Unspecified => "unknown",
        credential::State::Absent => "absent",
        credential::State::Active => "active",
        credential::State::Detached => "DETACHED",
    };
    format!("{scheme} in {}, {state}", credential.header_name)
}

fn opens(key: &Key) -> String {
    if key.all_servers {
        return "all".into();
    }
    let slugs: Vec<_> = key.servers.iter().map(|name| slug(name)).collect();
    slugs.join(", ")
}

fn key_state(key: &Key) -> String {
    if key.disabled { "disabled" } else { "enabled" }.into()
}

fn expiry(key: &Key) -> String {
    key.expire_time
        .as_ref()
        .map_or_else(|| "never".into(), ToString::to_string)
}

/// Whether a node is in touch with a controller, in a word.
pub(crate) fn node_state(node: &Node) -> String {
    match node.state() {
        node::State::Unspecified => "unknown",
        node::State::Connected => "connected",
        node::State::Disconnected => "disconnected",
    }
    .into()
}

fn role(token: &Token) -> String {
    match token.role() {
        TokenRole::Unspecified => "unknown",
        TokenRole::Admin => "admin",
        TokenRole::Viewer => "viewer",
    }
    .into()
}

fn tool_list(json: &str) -> String {
    if json.is_empty() {
        String::new()
    } else {
        format!("{} bytes", json.len())
    }
}

/// The last segment, which is what people type.
pub(crate) fn slug(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

fn time(time: Option<&Timestamp>) -> String {
    time.map(ToString::to_string).unwrap_or_default()
}
