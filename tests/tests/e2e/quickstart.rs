//! Must-hold 1: `./dev up` ends in a working cluster and a client configuration that works as
//! printed, tells scripts where everything is, listens on loopback only and leaves nothing behind.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tests::{
    cli::Cli,
    dev::{Stack, Wanted, talk::welcome},
    http::Request,
    process::beside_us,
    state::State,
};

use crate::calls::{text_of, tool_call};

#[tokio::test]
async fn the_stack_comes_up_and_its_client_configuration_works_as_printed() {
    let stack = start().await.unwrap();
    let config: Value = serde_json::from_str(&stack.seeded.client_config).unwrap();
    let servers = config["mcpServers"].as_object().unwrap();
    let (name, server) = servers.iter().next().unwrap();
    assert!(name.starts_with("mcp-"), "S0-18: {name}");
    assert_eq!(servers.len(), 1);

    let url = url::Url::parse(server["url"].as_str().unwrap()).unwrap();
    assert_eq!(url.as_str(), stack.state.mcp_url);
    let headers = server["headers"].as_object().unwrap();
    assert_eq!(headers.len(), 1, "S0-20");
    let host = format!("localhost:{}", url.port().unwrap());
    let call = tool_call(url.path(), "hello", &serde_json::json!({}))
        .host(&host)
        .header("authorization", headers["Authorization"].as_str().unwrap());
    for gateway in &stack.cluster.gateways {
        let answer = call.send(gateway.address()).await.unwrap();
        assert_eq!(text_of(&answer).unwrap(), "Hello from behind the gate.");
    }
    assert!(welcome(&stack).contains(&stack.seeded.client_config));
}

#[tokio::test]
async fn the_printed_curl_line_works_as_printed() {
    let stack = start().await.unwrap();
    let welcome = welcome(&stack);
    let from = welcome.find("curl").unwrap();
    let length = welcome[from..].find("\n\n").unwrap();
    let line = &welcome[from..from + length];
    let output = tokio::process::Command::new("sh")
        .args(["-c", line])
        .output()
        .await
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(
        answer.contains("Hello from behind the gate."),
        "{line}\n{answer}"
    );
}

/// Design §15: the fields of `.dev/state.json`.
#[tokio::test]
async fn scripts_find_everything_in_the_state_file() {
    let stack = start().await.unwrap();
    let path = stack.cluster.scratch().path().join("state.json");
    stack.state.write(&path).unwrap();
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut fields: Vec<_> = state
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    let mut wanted = [
        "bin",
        "gateways",
        "issuer",
        "mcp_url",
        "api_key",
        "admin",
        "ca",
        "admin_token",
        "tenant",
        "server",
        "user",
        "ops",
        "pids",
        "env",
    ];
    wanted.sort_unstable();
    assert_eq!(fields, wanted);

    let State { bin, env, .. } = stack.state.clone();
    let cli = Cli {
        program: bin,
        env: env.into_iter().collect(),
    };
    let listed: Value = cli
        .json(&["server", "list", "--tenant", "demo"])
        .await
        .unwrap();
    assert!(
        listed.to_string().contains("tenants/demo/servers/demo"),
        "{listed}"
    );
    for ops in stack
        .state
        .ops
        .gateways
        .iter()
        .chain([&stack.state.ops.controller])
    {
        let address = ops.strip_prefix("http://").unwrap().parse().unwrap();
        let answer = Request::get("/readyz").send(address).await.unwrap();
        assert!(answer.status.is_success(), "{ops}");
    }
}

#[tokio::test]
async fn nothing_listens_beyond_loopback() {
    let stack = start().await.unwrap();
    let pids = &stack.state.pids;
    let all = [pids.postgres, pids.redis, pids.controller, pids.demo];
    let mut doors = 0;
    for pid in all.iter().chain(&pids.gateways) {
        for address in listening(*pid).unwrap() {
            assert!(
                address.ip().is_loopback(),
                "process {pid} listens on {address}"
            );
            doors += 1;
        }
    }
    assert!(
        doors >= 7,
        "each gateway, the controller and the demo server listen: {doors}"
    );
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_setting_that_changes_it() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = tokio::process::Command::new(beside_us("aldgate-dev").unwrap())
        .args(["up", "--ports", &format!("{port},{}", free_port().unwrap())])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains(&port.to_string()) && said.contains("--ports"),
        "{said}"
    );
}

async fn start() -> Result<Stack> {
    let wanted = Wanted {
        ports: vec![free_port()?, free_port()?],
        admin_port: 0,
        demo_port: 0,
        log: "info".to_owned(),
    };
    Stack::start(&wanted).await
}

/// A port that was free a moment ago: the stack's own ports are fixed, so they must be known before.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

/// The TCP addresses that a process listens on, as the kernel tells.
fn listening(pid: u32) -> Result<Vec<SocketAddr>> {
    let proc = Path::new("/proc").join(pid.to_string());
    let links = std::fs::read_dir(proc.join("fd"))?.flatten();
    let sockets: Vec<_> = links
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            let name = link.to_str()?.strip_prefix("socket:[")?;
            Some(name.strip_suffix(']')?.to_owned())
        })
        .collect();
    let mut found = Vec::new();
    for table in ["net/tcp", "net/tcp6"] {
        let table = std::fs::read_to_string(proc.join(table)).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if fields[3] == LISTEN && sockets.iter().any(|inode| inode == fields[9]) {
                found.push(address(fields[1])?);
            }
        }
    }
    Ok(found)
}

/// `0100007F:1F90`: the kernel writes addresses as words in the machine's byte order.
fn address(field: &str) -> Result<SocketAddr> {
    let (ip, port) = field.split_once(':').context("an address and a port")?;
    let port = u16::from_str_radix(port, 16)?;
    let mut bytes = Vec::new();
    for word in 0..ip.len() / 8 {
        let word = u32::from_str_radix(&ip[word * 8..word * 8 + 8], 16)?;
        bytes.extend(word.to_ne_bytes());
    }
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Ok((four, port).into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes.as_slice())?;
    Ok((sixteen, port).into())
}

const LISTEN: &str = "0A";
