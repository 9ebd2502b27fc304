//! `aldgate client-config`: what people paste into an MCP client (S0-17 to S0-20).

use std::{collections::BTreeMap, path::PathBuf};

use ::token::ApiKey;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::{ArgGroup, Args};
use proto::{
    admin::v1::{GetServerRequest, GetStaticTokenRequest, Server, StaticToken, StaticTokenType},
    name::Slug,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::server_name;
use crate::{connect::Session, failure::Failure, input, output::Printer};

/// For which server, and with which credential.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("credential").required(true).args(["key_file", "static_token"]))]
pub(crate) struct ClientConfigArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// The server
    #[arg(long)]
    server: Slug,
    /// The file that holds the API key, or - for stdin; one line end at its end is cut
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A static token instead of an API key
    #[arg(long, value_name = "NAME", requires = "value_file")]
    static_token: Option<Slug>,
    /// The file that holds the static token's value or whole header value (for `basic` also `USER:PASSWORD`),
    /// or - for stdin; one line end at its end is cut
    #[arg(long, value_name = "FILE", requires = "static_token")]
    value_file: Option<PathBuf>,
}

pub(super) async fn run(
    args: ClientConfigArgs,
    session: &Session,
    printer: &Printer,
) -> Result<(), Failure> {
    let header = match (&args.static_token, &args.value_file, &args.key_file) {
        (Some(name), Some(path), _) => {
            let value = input::secret("--value-file", path)?;
            of_static(&static_token(&args, name, session).await?, &value)?
        }
        (_, _, Some(path)) => of_key(&input::secret("--key-file", path)?)?,
        _ => {
            return Err(Failure::Usage(
                "--key-file: name it, or a --static-token".into(),
            ));
        }
    };
    let name = server_name(&args.tenant, &args.server);
    let answer = session
        .servers()
        .get_server(GetServerRequest { name })
        .await?
        .into_inner();
    printer.paste(&ClientConfig::of(
        &answer.server.unwrap_or_default(),
        header,
    ))
}

async fn static_token(
    args: &ClientConfigArgs,
    name: &Slug,
    session: &Session,
) -> Result<StaticToken, Failure> {
    let name = format!("tenants/{}/staticTokens/{name}", args.tenant);
    let request = GetStaticTokenRequest { name };
    let answer = session.static_tokens().get_static_token(request).await?;
    let token = answer.into_inner().static_token.unwrap_or_default();
    if token.server != server_name(&args.tenant, &args.server) {
        return Err(Failure::Usage(format!(
            "--server: the static token opens {}, not this one",
            token.server
        )));
    }
    Ok(token)
}

/// The one header that the client sends.
struct Header {
    name: &'static str,
    value: String,
}

fn of_key(key: &SecretString) -> Result<Header, Failure> {
    let key = ApiKey::parse(key.expose_secret()).map_err(|_| {
        Failure::Usage("--key-file: holds no API key (mcp_sk_…), or one with a typing error".into())
    })?;
    Ok(Header {
        name: "Authorization",
        value: format!("Bearer {}", key.expose()),
    })
}

/// The header of a static token's type (S0-10), whether the file holds the value or all of the header's.
fn of_static(token: &StaticToken, value: &SecretString) -> Result<Header, Failure> {
    let value = value.expose_secret();
    let after = |scheme: &str| {
        let (start, rest) = value.split_once(' ')?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let (name, value) = match token.r#type() {
        StaticTokenType::Bearer => {
            let value = after("Bearer").unwrap_or(value);
            ("Authorization", format!("Bearer {value}"))
        }
        StaticTokenType::ApiKey => ("Api-Key", value.to_owned()),
        StaticTokenType::XApiKey => ("X-API-Key", value.to_owned()),
        StaticTokenType::Basic => {
            // Base64 has no colon, and user and password stand around one.
            let encoded = match after("Basic").unwrap_or(value) {
                plain if plain.contains(':') => BASE64_STANDARD.encode(plain),
                encoded => encoded.to_owned(),
            };
            ("Authorization", format!("Basic {encoded}"))
        }
        StaticTokenType::Unspecified => {
            return Err(Failure::Usage(
                "--static-token: is of a type that this version does not know".into(),
            ));
        }
    };
    Ok(Header { name, value })
}

/// The document that MCP clients read.
#[derive(Serialize)]
struct ClientConfig {
    #[serde(rename = "mcpServers")]
    servers: BTreeMap<String, Entry>,
}

/// Our own credential alone: what is presented to the server stays hidden, custom headers included (S0-20).
#[derive(Serialize)]
struct Entry {
    r#type: &'static str,
    url: String,
    headers: BTreeMap<&'static str, String>,
}

impl ClientConfig {
    fn of(server: &Server, header: Header) -> Self {
        let id: String = server.uid.chars().take(8).collect();
        let entry = Entry {
            r#type: "http",
            url: server.mcp_url.clone(),
            headers: BTreeMap::from([(header.name, header.value)]),
        };
        Self {
            servers: BTreeMap::from([(format!("mcp-{id}"), entry)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use proto::admin::v1::CustomHeader;

    use super::*;
    use crate::args::Cli;

    /// S0-17, S0-18, S0-19, S0-20.
    #[test]
    fn the_entry_is_ready_to_paste() {
        let key = "mcp_sk_000000000000000000000000000000002KVQtC".into();
        insta::assert_json_snapshot!(ClientConfig::of(&server(), of_key(&key).unwrap()), @r#"
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

    /// S0-10, S0-12.
    #[test]
    fn each_type_of_static_token_has_its_header() {
        use StaticTokenType::{ApiKey, Basic, Bearer, XApiKey};
        for (kind, held, name, value) in [
            (Bearer, "v", "Authorization", "Bearer v"),
            (Bearer, "Bearer v", "Authorization", "Bearer v"),
            (ApiKey, "v", "Api-Key", "v"),
            (XApiKey, "Bearer v", "X-API-Key", "Bearer v"),
            (Basic, "ann:p:w", "Authorization", "Basic YW5uOnA6dw=="),
            (Basic, "YW5uOnA6dw==", "Authorization", "Basic YW5uOnA6dw=="),
            (
                Basic,
                "Basic YW5uOnA6dw==",
                "Authorization",
                "Basic YW5uOnA6dw==",
            ),
        ] {
            let header = of_static(&token(kind), &held.into()).unwrap();
            assert_eq!(
                (header.name, header.value.as_str()),
                (name, value),
                "{held}"
            );
        }
    }

    /// S0-16, S0-20.
    #[test]
    fn custom_headers_never_appear() {
        let header = of_static(&token(StaticTokenType::ApiKey), &"v".into()).unwrap();
        let shown = serde_json::to_string(&ClientConfig::of(&server(), header)).unwrap();
        assert!(
            shown.contains("Api-Key") && !shown.contains("X-Hidden"),
            "{shown}"
        );
    }

    #[test]
    fn the_credential_is_either_a_key_or_a_static_token() {
        let base = "aldgate client-config --tenant acme --server files";
        for (rest, good) in [
            (" --key-file f", true),
            (" --static-token ci --value-file f", true),
            ("", false),
            (" --static-token ci", false),
            (" --value-file f", false),
            (" --key-file f --static-token ci --value-file f", false),
        ] {
            let line = format!("{base}{rest}");
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), good, "{line}");
        }
    }

    fn server() -> Server {
        Server {
            uid: "3d7f2c1a-95be-4c55-9a27-8f4f2f0c1b11".into(),
            mcp_url: "https://acme.example.com/mcp/files".into(),
            ..Server::default()
        }
    }

    fn token(kind: StaticTokenType) -> StaticToken {
        StaticToken {
            r#type: kind.into(),
            headers: vec![CustomHeader {
                name: "X-Hidden".into(),
                ..CustomHeader::default()
            }],
            ..StaticToken::default()
        }
    }
}
