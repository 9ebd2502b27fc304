//! Servers and the credential that is presented to them.

use proto::admin::v1::{AuthScheme, Credential, EgressMode, Server, credential};

use super::{Resource, Shown, access, slug, time};

impl Shown for Server {
    const MESSAGE: &'static str = "aldgate.admin.v1.Server";

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
            (
                "authenticators",
                self.authenticators
                    .as_ref()
                    .map_or_else(|| "as the tenant says".into(), access::kinds),
            ),
            ("egress mode", egress_mode(self)),
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

impl Resource for Server {
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

fn tool_list(json: &str) -> String {
    if json.is_empty() {
        String::new()
    } else {
        format!("{} bytes", json.len())
    }
}

fn egress_mode(server: &Server) -> String {
    match server.egress_mode() {
        EgressMode::Unspecified | EgressMode::Shared => "shared",
        EgressMode::Passthrough => "passthrough",
        EgressMode::None => "none",
    }
    .into()
}
