//! What every command shares: the options for connection and output, and how their values are read.
//! Each verb's own arguments are in its file under `cmd/`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, ValueEnum};

use crate::cmd::Command;

/// Operates an Aldgate installation through its gRPC admin API.
#[derive(Debug, Parser)]
#[command(name = "aldgate", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// How to print what was asked for
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,
    /// The admin API, for example `https://127.0.0.1:9443`
    #[arg(long, global = true, env = "ALDGATE_ENDPOINT", value_name = "URL", help_heading = CONNECTION)]
    pub(crate) endpoint: Option<String>,
    /// The CA that signed the admin API's certificate (PEM)
    #[arg(long, global = true, env = "ALDGATE_CA_FILE", value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) ca_file: Option<PathBuf>,
    /// The file that holds the admin token; also `ALDGATE_TOKEN_FILE`, or the token itself in `ALDGATE_TOKEN`
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) token_file: Option<PathBuf>,
    /// How long one call may take
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "10s", help_heading = CONNECTION)]
    pub(crate) deadline: Duration,
}

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// Canonical proto JSON
    Json,
    /// The same as YAML
    Yaml,
}

/// Options of every command that changes config.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Return only when the change is live on every node
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait at most, up to 5m
    #[arg(long, value_name = "TIME", value_parser = wait_timeout, default_value = "30s")]
    pub(crate) wait_timeout: Duration,
}

/// Options of every `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Stop after this many
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

/// A time such as `250ms`, `10s`, `5m`, `24h` or `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let number = number.parse::<u64>().ok();
    let total = number
        .zip(millis)
        .and_then(|(number, millis)| number.checked_mul(millis));
    total
        .filter(|&total| total > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "write a whole number and a unit, for example 250ms, 10s or 5m".to_owned())
}

/// A [`duration`] that the controller is willing to wait.
pub(crate) fn wait_timeout(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    (time <= Duration::from_mins(5))
        .then_some(time)
        .ok_or_else(|| "5m is the longest".to_owned())
}

const CONNECTION: &str = "Connection";

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed; `acl check`: denied; `doctor`: a step failed
  2  the command line is wrong; the message names the flag to mend
  3  cancelled, or --wait timed out (the change is made all the same)
  4  the admin token is missing, unknown or may not do this
  5  conflict: it exists already, or was changed by somebody else (--etag)
  6  the controller cannot be reached or does not answer

Data goes to stdout, messages to stderr.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_whole_numbers_with_a_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)));
        }
        for bad in [
            "",
            "10",
            "s",
            "1.5s",
            "-1s",
            "10 s",
            "0s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(wait_timeout("5m").is_ok() && wait_timeout("301s").is_err());
    }

    /// The lines of the issue, as they are written there.
    #[test]
    fn the_documented_lines_are_understood() {
        for line in [
            "aldgate tenant create acme --host acme.test:8080",
            "aldgate server create files --tenant acme --url http://127.0.0.1:9101/mcp --auth-scheme bearer --auth-credential-file F",
            "aldgate server set-credential files --tenant acme --auth-scheme api_key --auth-header-name X-Api-Key --auth-credential-file -",
            "aldgate server update files --tenant acme --url http://127.0.0.1:9102/mcp",
            "aldgate key create ci --tenant acme --server files --lifespan 7d -o json",
            "aldgate client-config --tenant acme --server files --key-file F",
            "aldgate wait --revision 17 --timeout 10s",
            "aldgate status",
            "aldgate -o yaml node list",
            "aldgate revision get head",
            "aldgate token create --role viewer --tenant acme",
            "aldgate server create files --tenant acme --file server.yaml --no-primary-key",
            "aldgate server update files --tenant acme --egress-mode passthrough --authenticators-file F",
            "aldgate tenant authenticators set acme --file F",
            "aldgate key create ci --tenant acme --server files --scope files:read --lifespan 7d",
            "aldgate key update ci --tenant acme --all-scopes",
            "aldgate key rotate ci --tenant acme --overlap 24h",
            "aldgate static-token create alice --tenant acme --server files --type bearer --generate --lifespan 30d --role dev --passthrough",
            "aldgate static-token create bob --tenant acme --server files --type basic --user bob --password-file F --lifespan 7d",
            "aldgate client-config --tenant acme --server files --static-token alice --value-file F",
            "aldgate acl set --tenant acme --file policy.yaml",
            "aldgate acl check --tenant acme --server files --role dev --all-tools --access read --file trial.yaml",
            "aldgate acl classify --tenant acme --server files --tools-file F",
            "aldgate limits set --limit tenant=100/s --limit principal=10/s:20",
            "aldgate limits reset --tenant acme",
            "aldgate client create ci --tenant acme --grant-type client_credentials --role dev",
            "aldgate client update claude-3f2a --tenant acme --trust blocked",
            "aldgate client rotate-secret ci --tenant acme",
            "aldgate user create ada --tenant acme --login ada@acme.com --role dev --generate",
            "aldgate user set-password ada --tenant acme --password-file -",
            "aldgate idp create corp --tenant acme --issuer https://id.acme.com --client-id aldgate --client-secret-file F",
            "aldgate grant list --tenant acme --user ada",
            "aldgate signing-key rotate --tenant acme --now --wait",
            "aldgate revoke user ada --tenant acme --wait 10s",
            "aldgate revoke token --tenant acme --value-file - --wait",
            "aldgate tenant oauth set acme --logo-file F --colour #336699 --always-ask true",
            "aldgate tenant oauth get acme",
            "aldgate login --tenant-url https://acme.example.com --device",
            "aldgate doctor connector --as mcp-remote https://acme.example.com/mcp/files --login ada --password-file -",
        ] {
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn a_credential_is_no_argument() {
        let line = "aldgate server set-credential files --tenant acme --auth-scheme bearer --auth-credential secret";
        assert!(Cli::try_parse_from(line.split(' ')).is_err());
    }
}
