//! `aldgate tenant oauth`: how a tenant's authorization server behaves and looks.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use proto::{
    access::v1::{DocumentPolicy, OauthSettings, RoleScope},
    admin::v1::{GetOauthSettingsRequest, SetOauthSettingsRequest, TenantOauthSettings},
    name::Slug,
};

use crate::{
    args::{WaitArgs, duration},
    connect::Session,
    failure::Failure,
    input,
    live::wait_if_asked,
    operator_file,
    output::Printer,
};

/// What to do with the settings of an authorization server.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print them, in the form that `set --file` reads
    Get {
        /// The tenant
        name: Slug,
    },
    /// Change those that are given; --file replaces all of them
    Set(Box<SetArgs>),
}

/// What to set.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The tenant
    name: Slug,
    /// All settings, from a file (or -) in YAML or JSON. `${NAME}` in its texts stands for a variable of
    /// the environment
    #[arg(long, value_name = "FILE", conflicts_with = "given")]
    file: Option<PathBuf>,
    #[command(flatten)]
    given: GivenArgs,
    /// Change them only if this is still the tenant's etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Single settings.
#[derive(Debug, Args)]
#[group(id = "given", multiple = true)]
struct GivenArgs {
    /// What its pages call the tenant; empty for the tenant's own display name
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// A PNG, JPEG or WebP image of at most 32 KiB for its pages
    #[arg(long, value_name = "FILE", conflicts_with = "clear_logo")]
    logo_file: Option<PathBuf>,
    /// Take the logo away
    #[arg(long)]
    clear_logo: bool,
    /// The colour of buttons, `#rrggbb`; empty for the default
    #[arg(long, value_name = "COLOUR")]
    colour: Option<String>,
    /// Where people find help, an `https:` or `mailto:` URL; empty for nowhere
    #[arg(long, value_name = "URL")]
    help_url: Option<String>,
    /// How long an access token lives, 5m to 24h, or `default`
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    access_token_lifetime: Option<Lifetime>,
    /// How long a connection lives unused, 1h to 365d, or `default`
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    idle_lifetime: Option<Lifetime>,
    /// How long a connection lives at most, 1h to 730d, or `default`
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    grant_lifetime: Option<Lifetime>,
    /// Whether clients may register themselves
    #[arg(long, value_name = "BOOL")]
    dynamic_registration: Option<bool>,
    /// Which clients may bring a metadata document
    #[arg(long, value_enum)]
    client_documents: Option<Documents>,
    /// Whether anybody signs in with a password kept here
    #[arg(long, value_name = "BOOL")]
    passwords: Option<bool>,
    /// Whether consent is asked for every time
    #[arg(long, value_name = "BOOL")]
    always_ask: Option<bool>,
    /// A scope without which tokens do not carry these roles, `NAME=ROLE,ROLE=WHAT IT ALLOWS`, in place of
    /// all there are; repeatable
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope, conflicts_with = "clear_scopes")]
    scopes: Vec<RoleScope>,
    /// Take all scopes away but ours
    #[arg(long)]
    clear_scopes: bool,
    /// How long a node goes on that can confirm no revocation, 10s to 10m, or `default`
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    revocation_grace: Option<Lifetime>,
}

/// A time; `None` for the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lifetime(Option<Duration>);

/// Which clients may bring a metadata document.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Documents {
    /// Any whose document can be had
    Any,
    /// Well-known clients only
    Known,
    /// None
    Off,
}

pub(crate) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Get { name } => {
            let whole = get(&name, session).await?;
            printer.written(&whole, whole.settings.as_ref())?;
            printer.note(&format!("issuer: {}", whole.issuer));
            Ok(())
        }
        Verb::Set(args) => set(&args, session, printer).await,
    }
}

async fn get(tenant: &Slug, session: &Session) -> Result<TenantOauthSettings, Failure> {
    let request = GetOauthSettingsRequest {
        name: settings_name(tenant),
    };
    let answer = session.oauth().get_oauth_settings(request).await?;
    Ok(answer.into_inner().oauth_settings.unwrap_or_default())
}

async fn set(args: &SetArgs, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let (settings, read_etag) = if let Some(file) = &args.file {
        (operator_file::read("--file", file, printer)?, None)
    } else {
        args.given.something()?;
        let stored = get(&args.name, session).await?;
        let settings = args.given.apply(stored.settings.unwrap_or_default())?;
        // What somebody else sets meanwhile is not to be undone.
        (settings, Some(stored.etag))
    };
    let etag = args.etag.clone().or(read_etag);
    let request = SetOauthSettingsRequest {
        oauth_settings: Some(TenantOauthSettings {
            name: settings_name(&args.name),
            settings: Some(settings),
            etag: etag.unwrap_or_default(),
            ..TenantOauthSettings::default()
        }),
    };
    let answer = session.oauth().set_oauth_settings(request).await?;
    let answer = answer.into_inner();
    let whole = answer.oauth_settings.unwrap_or_default();
    printer.written(&whole, whole.settings.as_ref())?;
    let tenant = format!("tenants/{}", args.name);
    wait_if_asked(&args.wait, session, printer, answer.revision, &tenant).await
}

impl GivenArgs {
    /// Nothing given is a mistake, as in every other change.
    fn something(&self) -> Result<(), Failure> {
        let given = self.display_name.is_some()
            || self.logo_file.is_some()
            || self.clear_logo
            || self.colour.is_some()
            || self.help_url.is_some()
            || self.access_token_lifetime.is_some()
            || self.idle_lifetime.is_some()
            || self.grant_lifetime.is_some()
            || self.dynamic_registration.is_some()
            || self.client_documents.is_some()
            || self.passwords.is_some()
            || self.always_ask.is_some()
            || !self.scopes.is_empty()
            || self.clear_scopes
            || self.revocation_grace.is_some();
        if given {
            return Ok(());
        }
        Err(Failure::Usage(
            "give at least one setting to change, or --file; --help lists them".into(),
        ))
    }

    /// What is stored, with what is given in its place.
    fn apply(&self, mut settings: OauthSettings) -> Result<OauthSettings, Failure> {
        let mut branding = settings.branding.take().unwrap_or_default();
        replace(&mut branding.display_name, self.display_name.as_ref());
        replace(&mut branding.colour, self.colour.as_ref());
        replace(&mut branding.help_url, self.help_url.as_ref());
        if self.clear_logo {
            branding.logo.clear();
        }
        if let Some(path) = &self.logo_file {
            branding.logo = input::bytes("--logo-file", path)?.into();
        }
        if branding != proto::access::v1::Branding::default() {
            settings.branding = Some(branding);
        }
        let lifetimes = [
            (
                &mut settings.access_token_lifetime,
                self.access_token_lifetime,
            ),
            (&mut settings.idle_lifetime, self.idle_lifetime),
            (&mut settings.grant_lifetime, self.grant_lifetime),
            (&mut settings.revocation_grace, self.revocation_grace),
        ];
        for (stored, given) in lifetimes {
            if let Some(Lifetime(time)) = given {
                *stored = time.and_then(|time| time.try_into().ok());
            }
        }
        let switches = [
            (
                &mut settings.no_dynamic_registration,
                self.dynamic_registration.map(|on| !on),
            ),
            (&mut settings.no_passwords, self.passwords.map(|on| !on)),
            (&mut settings.always_ask, self.always_ask),
        ];
        for (stored, given) in switches {
            *stored = given.unwrap_or(*stored);
        }
        if let Some(documents) = self.client_documents {
            settings.client_documents = DocumentPolicy::from(documents).into();
        }
        if self.clear_scopes || !self.scopes.is_empty() {
            settings.scopes.clone_from(&self.scopes);
        }
        Ok(settings)
    }
}

impl From<Documents> for DocumentPolicy {
    fn from(documents: Documents) -> Self {
        match documents {
            Documents::Any => Self::Any,
            Documents::Known => Self::Known,
            Documents::Off => Self::Off,
        }
    }
}

fn replace(stored: &mut String, given: Option<&String>) {
    if let Some(given) = given {
        stored.clone_from(given);
    }
}

fn settings_name(tenant: &Slug) -> String {
    format!("tenants/{tenant}/oauthSettings")
}

fn lifetime(text: &str) -> Result<Lifetime, String> {
    match text {
        "default" => Ok(Lifetime(None)),
        text => Ok(Lifetime(Some(duration(text)?))),
    }
}

/// `NAME=ROLE,ROLE=WHAT IT ALLOWS`. What is allowed in each is for the API to say.
fn scope(text: &str) -> Result<RoleScope, String> {
    let mut parts = text.splitn(3, '=');
    let (Some(name), Some(roles), Some(description)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(
            "write NAME=ROLE,ROLE=WHAT IT ALLOWS, for example 'deploy=ops=Deploy to production'"
                .into(),
        );
    };
    Ok(RoleScope {
        name: name.to_owned(),
        description: description.to_owned(),
        roles: roles.split(',').map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests;
