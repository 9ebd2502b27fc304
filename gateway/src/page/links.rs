//! What opens or configures each well-known client, as its maker documents it. A name is a slug and a
//! URL that of an MCP endpoint, so nothing in them needs quotes in a shell or a file.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use url::form_urlencoded::byte_serialize;

/// Links and snippets for one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Links {
    /// Opens Claude's dialog for a connector, filled in.
    pub(super) claude: String,
    /// Has Cursor install it.
    pub(super) cursor: String,
    /// Has VS Code install it.
    pub(super) vs_code: String,
    /// For files of the usual form.
    pub(super) json: String,
    /// For clients that only start programs.
    pub(super) json_bridge: String,
}

impl Links {
    pub(super) fn new(name: &str, url: &str) -> Self {
        let config = STANDARD.encode(json!({"url": url}).to_string());
        let install = json!({"name": name, "type": "http", "url": url}).to_string();
        let file = json!({"mcpServers": {name: {"type": "http", "url": url}}});
        let args = ["-y", "mcp-remote", url];
        let bridge = json!({"mcpServers": {name: {"command": "npx", "args": args}}});
        Self {
            claude: format!(
                "https://claude.ai/customize/connectors?modal=add-custom-connector\
                 &connectorName={name}&connectorUrl={}",
                encoded(url)
            ),
            cursor: format!(
                "cursor://anysphere.cursor-deeplink/mcp/install?name={name}&config={}",
                encoded(&config)
            ),
            vs_code: format!("vscode:mcp/install?{}", encoded(&install)),
            json: format!("{file:#}"),
            json_bridge: format!("{bridge:#}"),
        }
    }
}

/// Percent-encoded. Neither a URL of ours nor our JSON has a space.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_those_that_makers_document() {
        let links = Links::new("files", "https://acme.test/mcp/files");
        assert_eq!(
            links.claude,
            "https://claude.ai/customize/connectors?modal=add-custom-connector\
             &connectorName=files&connectorUrl=https%3A%2F%2Facme.test%2Fmcp%2Ffiles"
        );
        assert_eq!(
            links.cursor,
            "cursor://anysphere.cursor-deeplink/mcp/install?name=files\
             &config=eyJ1cmwiOiJodHRwczovL2FjbWUudGVzdC9tY3AvZmlsZXMifQ%3D%3D"
        );
        let (scheme, install) = links.vs_code.split_once('?').unwrap();
        assert_eq!(scheme, "vscode:mcp/install");
        let read: String = url::form_urlencoded::parse(format!("x={install}").as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect();
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        let url = "https://acme.test/mcp/files";
        assert_eq!(read, json!({"name": "files", "type": "http", "url": url}));
    }
}
