//! MCP requests as clients send them, and one tenant with one demo server behind a cluster.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    cluster::Cluster,
    demo::Demo,
    gateway::Gateway,
    http::{Request, Response},
    seed::Seed,
};

/// The newest revision of the protocol.
pub(crate) const MODERN: &str = "2026-07-28";

/// A `tools/call` of the stateless era.
pub(crate) fn tool_call(path: &str, tool: &str, arguments: &Value) -> Request {
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    Request::post(path, message.to_string())
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
}

/// A message of the eras with a handshake, without a session.
pub(crate) fn legacy(path: &str, method: &str, params: &Value) -> Request {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    Request::post(path, message.to_string())
}

/// `initialize` of the newest revision that has it.
pub(crate) fn initialize(path: &str) -> Request {
    let client = json!({"name": "test", "version": "1"});
    legacy(
        path,
        "initialize",
        &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}),
    )
}

/// The text that a tool answered.
pub(crate) fn text_of(answer: &Response) -> Result<String> {
    ensure!(
        answer.status.is_success(),
        "{}: {}",
        answer.status,
        answer.text()
    );
    let json = answer.json()?;
    let text = json["result"]["content"][0]["text"].as_str();
    Ok(text
        .with_context(|| format!("no text in {json}"))?
        .to_owned())
}

/// Tenant `acme` (host `acme.test`) with server `files`, which is the demo server.
pub(crate) struct Acme {
    pub(crate) cluster: Cluster,
    pub(crate) demo: Demo,
    pub(crate) key: String,
}

impl Acme {
    pub(crate) const HOST: &'static str = "acme.test";
    pub(crate) const PATH: &'static str = "/mcp/files";

    /// On a new cluster of so many gateways; the server wants `credential`.
    pub(crate) async fn start(gateways: usize, credential: &str) -> Result<Self> {
        Self::on(
            Cluster::builder().gateways(gateways).start().await?,
            credential,
        )
        .await
    }

    /// On this cluster.
    pub(crate) async fn on(cluster: Cluster, credential: &str) -> Result<Self> {
        Self::at(cluster, credential, Self::HOST).await
    }

    /// On this cluster, under an origin that programs can resolve.
    pub(crate) async fn at(cluster: Cluster, credential: &str, host: &str) -> Result<Self> {
        let demo = Demo::start(&cluster.logs(), "demo", credential, 0).await?;
        let seed = Seed {
            tenant: "acme",
            host,
            aliases: &[],
            server: "files",
            url: &demo.url(),
            credential_file: Some(demo.credential_file()),
        };
        let key = seed
            .plant(cluster.cli(), cluster.scratch().path())
            .await?
            .api_key;
        Ok(Self { cluster, demo, key })
    }

    /// Sends a request as the client with the key.
    pub(crate) async fn send(&self, gateway: &Gateway, request: Request) -> Result<Response> {
        request
            .host(Self::HOST)
            .bearer(&self.key)
            .send(gateway.address())
            .await
    }

    /// Calls `echo` and expects the text back.
    pub(crate) async fn echo(&self, gateway: &Gateway, text: &str) -> Result<()> {
        let request = tool_call(Self::PATH, "echo", &json!({"text": text}));
        let answer = text_of(&self.send(gateway, request).await?)?;
        ensure!(answer == text, "echo answered {answer}");
        Ok(())
    }

    /// A file with a secret, for `--auth-credential-file`.
    pub(crate) fn secret_file(&self, name: &str, secret: &str) -> Result<String> {
        let path = self.cluster.scratch().path().join(name);
        tests::scratch::write_private(&path, secret)?;
        Ok(path.to_str().context("a path in UTF-8")?.to_owned())
    }
}
