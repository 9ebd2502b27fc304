//! Dispatch: one file per noun or verb, each with its arguments, the request that they make, and what
//! is printed of the answer.

mod acl;
mod client;
mod client_config;
mod doctor;
mod grant;
mod idp;
mod key;
mod limits;
mod login;
mod node;
mod revision;
mod revoke;
mod server;
mod signing_key;
mod static_token;
mod status;
mod tenant;
mod token;
mod user;
mod wait;

use clap::Subcommand;
use proto::name::Slug;

use crate::{args::Cli, connect::Session, failure::Failure, output::Printer};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tenants: the customers of the installation, each with public origins of its own
    #[command(subcommand)]
    Tenant(tenant::Verb),
    /// Servers: the MCP servers that a tenant put behind its address
    #[command(subcommand)]
    Server(server::Verb),
    /// Keys: the API keys that clients present
    #[command(subcommand)]
    Key(key::Verb),
    /// Static tokens: credentials that clients present to one server, pasted or made here
    #[command(subcommand)]
    StaticToken(static_token::Verb),
    /// Access: the policy of a tenant, and what it says of a call
    #[command(subcommand)]
    Acl(acl::Verb),
    /// Limits: how many calls per time
    #[command(subcommand)]
    Limits(limits::Verb),
    /// Users: the people of a tenant who sign in to connect their clients
    #[command(subcommand)]
    User(user::Verb),
    /// Identity providers: where a tenant's users sign in
    #[command(subcommand)]
    Idp(idp::Verb),
    /// Clients: the programs that ask a tenant's authorization server for tokens
    #[command(subcommand)]
    Client(client::Verb),
    /// Grants: what users allowed clients
    #[command(subcommand)]
    Grant(grant::Verb),
    /// Signing keys: what a tenant's authorization server signs tokens with
    #[command(subcommand)]
    SigningKey(signing_key::Verb),
    /// Revoke what was issued, and say which nodes refuse it
    #[command(subcommand)]
    Revoke(revoke::What),
    /// Nodes: the gateway processes and the config that each runs
    #[command(subcommand)]
    Node(node::Verb),
    /// Revisions: every committed change is one
    #[command(subcommand)]
    Revision(revision::Verb),
    /// Tokens: what people and CI present to the admin API
    #[command(subcommand)]
    Token(token::Verb),
    /// Sign in as a user of a tenant; the commands that follow need no admin token
    Login(login::LoginArgs),
    /// Revoke and forget what `login` was given
    Logout,
    /// Find out what keeps a client from connecting
    #[command(subcommand)]
    Doctor(doctor::Patient),
    /// Print the `mcpServers` entry to paste into an MCP client
    ClientConfig(client_config::ClientConfigArgs),
    /// Wait until a revision is live on every node
    Wait(wait::WaitForArgs),
    /// Show the newest revision, and what each node runs and rejects
    Status,
}

/// Runs one command.
pub(crate) async fn run(cli: Cli, printer: &Printer) -> Result<(), Failure> {
    let command = match cli.command {
        Command::Login(args) => return login::login(&args, &cli.global, printer).await,
        Command::Logout => return login::logout(&cli.global, printer).await,
        Command::Doctor(patient) => return doctor::run(patient, printer).await,
        command => command,
    };
    let session = Session::open(&cli.global).await?;
    let result = run_in(command, &session, printer).await;
    result.map_err(|failure| failure.at(session.endpoint()))
}

/// Runs a command that speaks to the admin API.
async fn run_in(command: Command, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match command {
        // They bring a session about, or need none.
        Command::Login(_) | Command::Logout | Command::Doctor(_) => Ok(()),
        Command::Tenant(verb) => tenant::run(verb, session, printer).await,
        Command::Server(verb) => server::run(verb, session, printer).await,
        Command::Key(verb) => key::run(verb, session, printer).await,
        Command::StaticToken(verb) => static_token::run(verb, session, printer).await,
        Command::Acl(verb) => acl::run(verb, session, printer).await,
        Command::Limits(verb) => limits::run(verb, session, printer).await,
        Command::User(verb) => user::run(verb, session, printer).await,
        Command::Idp(verb) => idp::run(verb, session, printer).await,
        Command::Client(verb) => client::run(verb, session, printer).await,
        Command::Grant(verb) => grant::run(verb, session, printer).await,
        Command::SigningKey(verb) => signing_key::run(verb, session, printer).await,
        Command::Revoke(what) => revoke::run(what, session, printer).await,
        Command::Node(verb) => node::run(verb, session, printer).await,
        Command::Revision(verb) => revision::run(verb, session, printer).await,
        Command::Token(verb) => token::run(verb, session, printer).await,
        Command::ClientConfig(args) => client_config::run(args, session, printer).await,
        Command::Wait(args) => wait::run(args, session, printer).await,
        Command::Status => status::run(session, printer).await,
    }
}

/// `tenants/{tenant}`.
fn tenant_name(tenant: &Slug) -> String {
    format!("tenants/{tenant}")
}

/// `tenants/{tenant}/servers/{server}`.
fn server_name(tenant: &Slug, server: &Slug) -> String {
    format!("tenants/{tenant}/servers/{server}")
}

/// The mask of the fields that were given.
fn mask<const N: usize>(fields: [(&str, bool); N]) -> Result<prost_types::FieldMask, Failure> {
    let given = fields.into_iter().filter(|(_, given)| *given);
    let paths: Vec<_> = given.map(|(path, _)| path.to_owned()).collect();
    if paths.is_empty() {
        return Err(Failure::Usage(
            "give at least one field to change; --help lists them".into(),
        ));
    }
    Ok(prost_types::FieldMask { paths })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// Parses a line as `main` would.
    pub(super) fn command(line: &str) -> Command {
        Cli::try_parse_from(line.split(' ')).unwrap().command
    }

    #[test]
    fn a_mask_names_what_was_given_and_nothing_else() {
        assert_eq!(
            mask([("url", true), ("timeout", false)]).unwrap().paths,
            ["url"]
        );
        assert!(matches!(mask([("url", false)]), Err(Failure::Usage(_))));
    }
}
