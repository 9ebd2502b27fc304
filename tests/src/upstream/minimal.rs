//! The least MCP server there can be: both eras, one tool. Sessions are given out and believed.

use serde_json::{Value, json};

use super::{Recorded, Reply};

/// The id of every session it opens.
pub const SESSION: &str = "upstream-session-of-the-scripted-server";

/// Answers as a correct server would.
pub fn answer(request: &Recorded) -> Reply {
    match request.method().as_str() {
        "POST" => {}
        "GET" | "DELETE" => return plain(405),
        _ => return plain(404),
    }
    let Ok(message) = request.json() else {
        return Reply::json(
            400,
            &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "not JSON"}}),
        );
    };
    let Some(id) = message.get("id") else {
        return plain(202);
    };
    let modern = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].is_string();
    let Some(mut result) = result(&message) else {
        let error = json!({"code": -32601, "message": "Method not found"});
        let status = if modern { 404 } else { 200 };
        return Reply::json(status, &json!({"jsonrpc": "2.0", "id": id, "error": error}));
    };
    if modern {
        result["resultType"] = json!("complete");
    }
    let reply = Reply::json(200, &json!({"jsonrpc": "2.0", "id": id, "result": result}));
    if message["method"] == "initialize" {
        reply.header("Mcp-Session-Id", SESSION)
    } else {
        reply
    }
}

fn result(message: &Value) -> Option<Value> {
    let info = json!({"name": "scripted", "version": "1"});
    let capabilities = json!({"tools": {}});
    let params = &message["params"];
    Some(match message["method"].as_str()? {
        "initialize" => json!({
            "protocolVersion": params["protocolVersion"],
            "capabilities": capabilities,
            "serverInfo": info,
        }),
        "server/discover" => json!({
            "supportedVersions": ["2026-07-28"],
            "capabilities": capabilities,
            "_meta": {"io.modelcontextprotocol/serverInfo": info},
            "ttlMs": 0,
            "cacheScope": "private",
        }),
        "ping" => json!({}),
        "tools/list" => json!({
            "tools": [{
                "name": "echo",
                "description": "Returns the text it was given",
                "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
            }],
            "ttlMs": 0,
            "cacheScope": "private",
        }),
        "tools/call" => json!({
            "content": [{"type": "text", "text": params["arguments"]["text"]}],
        }),
        _ => return None,
    })
}

fn plain(status: u16) -> Reply {
    Reply::Whole {
        status,
        headers: Vec::new(),
        body: bytes::Bytes::new(),
    }
}
