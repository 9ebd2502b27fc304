//! `aldgate revoke`: what was issued must not count any more, and who already knows.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use proto::{
    admin::v1::{RevokeRequest, RevokeResponse, TokenInput, revoke_request::Target},
    name::Slug,
};
use secrecy::ExposeSecret as _;
use tonic::Request;

use super::tenant_name;
use crate::{
    args::duration,
    connect::Session,
    failure::Failure,
    input,
    output::{Printer, slug},
};

/// What to revoke.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// One access token, refresh token or session token
    Token {
        /// The file that holds the token, or - for stdin; one line end at its end is cut
        #[arg(long, value_name = "FILE")]
        value_file: PathBuf,
        #[command(flatten)]
        how: HowArgs,
    },
    /// A connection of a user's: its tokens are refused, and the client must be allowed anew
    Grant(NamedArgs),
    /// An API key, for good, with the sessions made from it
    Key(NamedArgs),
    /// Everything issued to a user until now; they may sign in again
    User(NamedArgs),
    /// Everything issued to a client until now; it may ask again
    Client(NamedArgs),
    /// Everything that the tenant's authorization server and backends issued until now
    Everything(HowArgs),
    /// Everything that a signing key signed; another takes over at once
    SigningKey(NamedArgs),
}

/// Something that has a name.
#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    /// Which, as `list` names it
    name: Slug,
    #[command(flatten)]
    how: HowArgs,
}

/// Whose, and how long to wait.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    /// The tenant
    #[arg(long)]
    tenant: Slug,
    /// Return only when every node refuses it, within this time at most, up to 60s; 10s, if no time is given
    #[arg(long, value_name = "TIME", value_parser = wait_time, num_args = 0..=1, default_missing_value = "10s")]
    wait: Option<Duration>,
}

pub(super) async fn run(what: What, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let (request, wait) = request(what)?;
    let mut request = Request::new(request);
    if let Some(wait) = wait {
        // The controller ends the wait; this only catches a controller that does not.
        request.set_timeout(wait + GRACE);
    }
    let answer = session.revocations().revoke(request).await?.into_inner();
    printer.one(&answer)?;
    match wait {
        Some(_) => confirmed(&answer, printer),
        None => Ok(()),
    }
}

fn request(what: What) -> Result<(RevokeRequest, Option<Duration>), Failure> {
    let named = |kind: &str, args: NamedArgs| {
        let name = format!("tenants/{}/{kind}/{}", args.how.tenant, args.name);
        (name, args.how)
    };
    let (target, how) = match what {
        What::Token { value_file, how } => {
            let token = input::secret("--value-file", &value_file)?;
            let value = token.expose_secret().to_owned();
            (Target::Token(TokenInput { value }), how)
        }
        What::Grant(args) => {
            let (name, how) = named("grants", args);
            (Target::Grant(name), how)
        }
        What::Key(args) => {
            let (name, how) = named("keys", args);
            (Target::Key(name), how)
        }
        What::User(args) => {
            let (name, how) = named("users", args);
            (Target::User(name), how)
        }
        What::Client(args) => {
            let (name, how) = named("clients", args);
            (Target::Client(name), how)
        }
        What::Everything(how) => (Target::Everything(true), how),
        What::SigningKey(args) => {
            let (name, how) = named("signingKeys", args);
            (Target::SigningKey(name), how)
        }
    };
    let request = RevokeRequest {
        parent: tenant_name(&how.tenant),
        wait: how.wait.and_then(|wait| wait.try_into().ok()),
        target: Some(target),
    };
    Ok((request, how.wait))
}

/// Whether every node refuses it by now.
fn confirmed(answer: &RevokeResponse, printer: &Printer) -> Result<(), Failure> {
    let pending = answer.nodes.iter().filter(|receipt| !receipt.confirmed);
    let pending: Vec<_> = pending.map(|receipt| slug(&receipt.node)).collect();
    if !pending.is_empty() {
        return Err(Failure::Unconfirmed {
            revocation: answer.revocation,
            nodes: pending.join(", "),
        });
    }
    match answer.nodes.len() {
        0 => printer.note("it is committed; no node is connected that would have to know"),
        1 => printer.note("it is in force on 1 node"),
        count => printer.note(&format!("it is in force on {count} nodes")),
    }
    Ok(())
}

/// A time that the controller is willing to wait.
fn wait_time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    (time <= Duration::from_mins(1))
        .then_some(time)
        .ok_or_else(|| "60s is the longest".to_owned())
}

const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser as _;
    use proto::admin::v1::RevocationReceipt;

    use super::*;
    use crate::{
        args::{Cli, Format},
        cmd::{Command, tests::command},
    };

    #[test]
    fn each_target_has_its_place_in_the_request() {
        let name = "0190b7c2-6f00-7abc-8def-0123456789ab";
        for (what, target) in [
            (
                format!("grant {name}"),
                Target::Grant(format!("tenants/acme/grants/{name}")),
            ),
            ("key ci".into(), Target::Key("tenants/acme/keys/ci".into())),
            (
                "user ada".into(),
                Target::User("tenants/acme/users/ada".into()),
            ),
            (
                "client ci".into(),
                Target::Client("tenants/acme/clients/ci".into()),
            ),
            ("everything".into(), Target::Everything(true)),
            (
                "signing-key k1".into(),
                Target::SigningKey("tenants/acme/signingKeys/k1".into()),
            ),
        ] {
            let (request, wait) = of(&format!("aldgate revoke {what} --tenant acme"));
            assert_eq!(request.target, Some(target));
            assert_eq!((request.parent.as_str(), wait), ("tenants/acme", None));
        }
    }

    #[test]
    fn a_token_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "aldr_x\n").unwrap();
        let line = format!(
            "aldgate revoke token --tenant acme --value-file {}",
            path.display()
        );
        let value = "aldr_x".to_owned();
        assert_eq!(
            of(&line).0.target,
            Some(Target::Token(TokenInput { value }))
        );
        assert!(
            Cli::try_parse_from("aldgate revoke token aldr_x --tenant acme".split(' ')).is_err()
        );
    }

    #[test]
    fn a_wait_has_a_time_of_its_own_or_ten_seconds() {
        let wait = |line: &str| of(line).1;
        let base = "aldgate revoke everything --tenant acme";
        assert_eq!(wait(base), None);
        assert_eq!(
            wait(&format!("{base} --wait")),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            wait(&format!("{base} --wait 3s")),
            Some(Duration::from_secs(3))
        );
        let long = format!("{base} --wait 2m");
        assert!(Cli::try_parse_from(long.split(' ')).is_err());
    }

    #[test]
    fn a_node_that_does_not_know_yet_is_a_failure() {
        let receipt = |confirmed| RevocationReceipt {
            node: "nodes/gw-1".into(),
            confirmed,
            position: 6,
        };
        let answer = |nodes| RevokeResponse {
            revocation: 7,
            in_redis: false,
            nodes,
        };
        let printer = Printer::new(Format::Json);
        assert!(confirmed(&answer(vec![receipt(true)]), &printer).is_ok());
        let failure =
            confirmed(&answer(vec![receipt(true), receipt(false)]), &printer).unwrap_err();
        assert_eq!(u8::from(failure.exit_code()), 1);
        assert_eq!(
            failure.to_string(),
            "revocation 7 is made, but not confirmed by gw-1"
        );
    }

    fn of(line: &str) -> (RevokeRequest, Option<Duration>) {
        match command(line) {
            Command::Revoke(what) => request(what).unwrap(),
            other => panic!("not a revoke: {other:?}"),
        }
    }
}
