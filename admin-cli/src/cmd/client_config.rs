//! `aldgate client-config`: what people paste into an MCP client (S0-17 to S0-20).

use std::{collections::BTreeMap, path::PathBuf};

use ::token::ApiKey;
use clap::Args;
use proto::{
    admin::v1::{GetServerRequest, Server},
    name::Slug,
};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::server_name;
use crate::{connect::Session, failure::Failure, input, output::Printer};

/// For which server, and with which key.
#[derive(Debug, Args)]
pub(crate) struct ClientConfigArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// The server
    #[arg(long)]
    server: Slug,
    /// The file that holds the API key, or - for stdin; one line end at its end is cut
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
}

pub(super) async fn run(
    args: ClientConfigArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let key = input::secret("--key-file", &args.key_file)?;
    let key = ApiKey::parse(key.expose_secret()).map_err(|_| {
        Failure::Usage("--key-file: holds no API key (mcp_sk_…), or one with a typing error".into())
    })?;
    let name = server_name(&args.tenant, &args.server);
    let answer = session
        .servers()
        .get_server(GetServerRequest { name })
        .await?
        .into_inner();
    printer.paste(&ClientConfig::of(&answer.server.unwrap_or_default(), &key))
}

/// The document that MCP clients read.
#[derive(Serialize)]
struct ClientConfig {
    #[serde(rename = "mcpServers")]
    servers: BTreeMap<String, Entry>,
}

#[derive(Serialize)]
struct Entry {
    r#type: &'static str,
    url: String,
    headers: Headers,
}

/// Our own credential alone: what is presented to the server stays hidden (S0-20).
#[derive(Serialize)]
struct Headers {
    #[serde(rename = "Authorization")]
    authorization: String,
}

impl ClientConfig {
    fn of(server: &Server, key: &ApiKey) -> Self {
        let id: String = server.uid.chars().take(8).collect();
        let entry = Entry {
            r#type: "http",
            url: server.mcp_url.clone(),
            headers: Headers {
                authorization: format!("Bearer {}", key.expose()),
            },
        };
        Self {
            servers: BTreeMap::from([(format!("mcp-{id}"), entry)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S0-17, S0-18, S0-19, S0-20.
    #[test]
    fn the_entry_is_ready_to_paste() {
        let server = Server {
            uid: "3d7f2c1a-95be-4c55-9a27-8f4f2f0c1b11".into(),
            mcp_url: "https://acme.example.com/mcp/files".into(),
            ..Server::default()
        };
        let key = ApiKey::parse("mcp_sk_000000000000000000000000000000002KVQtC").unwrap();
        insta::assert_json_snapshot!(ClientConfig::of(&server, &key), @r#"
        {
          "mcpServers": {
            "mcp-3d7f2c1a": {
              "type": "http",
              "url": "https://acme.example.com/mcp/files",
              "headers": {
                "Authorization": "Bearer mcp_sk_000000000000000000000000000000002KVQtC"
              }
            }
          }
        }
        "#);
    }
}
