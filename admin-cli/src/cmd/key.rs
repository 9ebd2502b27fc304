//! `aldgate key`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use proto::{
    admin::v1::{
        CreateKeyRequest, CreateKeyResponse, DeleteKeyRequest, GetKeyRequest, Key, KeyLifespan,
        ListKeysRequest, UpdateKeyRequest,
    },
    name::Slug,
};
use serde::Serialize;

use super::{mask, server_name, tenant_name};
use crate::{
    args::{ListArgs, WaitArgs},
    connect::Session,
    failure::Failure,
    live::wait_if_asked,
    output::Printer,
    page::gather,
};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a key; it is shown this once
    Create(CreateArgs),
    /// Show one key, without its secret
    Get(KeyArgs),
    /// List a tenant's keys
    List {
        /// The tenant
        #[arg(long)]
        tenant: Slug,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change a key; only the fields that are given
    Update(UpdateArgs),
    /// Delete a key
    Delete(DeleteArgs),
}

/// Which key.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The key
    name: Slug,
    /// The tenant that owns it
    #[arg(long)]
    tenant: Slug,
}

/// What a new key is like.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("opens").required(true).args(["servers", "all_servers"]))]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    opens: OpensArgs,
    /// How long it lives
    #[arg(long, value_enum)]
    lifespan: Lifespan,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What to change of a key.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    opens: OpensArgs,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Refuse it from now on
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Accept it again
    #[arg(long)]
    enable: bool,
    /// Change it only if this is still its etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What a key opens.
#[derive(Debug, Args)]
struct OpensArgs {
    /// A server that it opens; repeatable
    #[arg(long = "server", value_name = "SERVER", conflicts_with = "all_servers")]
    servers: Vec<Slug>,
    /// It opens every server of the tenant, those to come included
    #[arg(long)]
    all_servers: bool,
}

/// Which key to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Delete it only if this is still its etag
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// How long a key lives (S0-8).
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lifespan {
    /// Seven days
    #[value(name = "7d")]
    SevenDays,
    /// Fifteen days
    #[value(name = "15d")]
    FifteenDays,
    /// Thirty days
    #[value(name = "30d")]
    ThirtyDays,
    /// It never expires
    Permanent,
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut keys = session.keys();
    match verb {
        Verb::Create(args) => {
            let answer = keys.create_key(create_request(&args)).await?.into_inner();
            let created = Created::of(&answer);
            printer.facts(&created, &created.facts())?;
            printer.note("The key is shown this once; only its hash is kept.");
            wait_if_asked(
                &args.wait,
                session,
                printer,
                answer.revision,
                &tenant_name(&args.key.tenant),
            )
            .await
        }
        Verb::Get(args) => {
            let request = GetKeyRequest { name: args.name() };
            let answer = keys.get_key(request).await?.into_inner();
            printer.one(&answer.key.unwrap_or_default())
        }
        Verb::List { tenant, list } => {
            let all = gather(&list, async |page_size, page_token| {
                let request = ListKeysRequest {
                    parent: tenant_name(&tenant),
                    page_size,
                    page_token,
                };
                let page = keys.list_keys(request).await?.into_inner();
                Ok((page.keys, page.next_page_token))
            });
            printer.list(&all.await?)
        }
        Verb::Update(args) => {
            let answer = keys.update_key(update_request(&args)?).await?.into_inner();
            printer.one(&answer.key.unwrap_or_default())?;
            wait_if_asked(
                &args.wait,
                session,
                printer,
                answer.revision,
                &tenant_name(&args.key.tenant),
            )
            .await
        }
        Verb::Delete(args) => {
            let name = args.key.name();
            let request = DeleteKeyRequest {
                name: name.clone(),
                etag: args.etag.unwrap_or_default(),
            };
            let answer = keys.delete_key(request).await?.into_inner();
            printer.deleted(&name, answer.revision)?;
            wait_if_asked(
                &args.wait,
                session,
                printer,
                answer.revision,
                &tenant_name(&args.key.tenant),
            )
            .await
        }
    }
}

fn create_request(args: &CreateArgs) -> CreateKeyRequest {
    CreateKeyRequest {
        parent: tenant_name(&args.key.tenant),
        key_id: args.key.name.to_string(),
        key: Some(Key {
            display_name: args.display_name.clone().unwrap_or_default(),
            all_servers: args.opens.all_servers,
            servers: args.opens.names(&args.key.tenant),
            ..Key::default()
        }),
        lifespan: KeyLifespan::from(args.lifespan).into(),
    }
}

fn update_request(args: &UpdateArgs) -> Result<UpdateKeyRequest, Failure> {
    let opens = args.opens.all_servers || !args.opens.servers.is_empty();
    let update_mask = mask([
        ("display_name", args.display_name.is_some()),
        ("all_servers", opens),
        ("servers", opens),
        ("disabled", args.disable || args.enable),
    ])?;
    Ok(UpdateKeyRequest {
        key: Some(Key {
            name: args.key.name(),
            display_name: args.display_name.clone().unwrap_or_default(),
            all_servers: args.opens.all_servers,
            servers: args.opens.names(&args.key.tenant),
            disabled: args.disable,
            etag: args.etag.clone().unwrap_or_default(),
            ..Key::default()
        }),
        update_mask: Some(update_mask),
    })
}

impl KeyArgs {
    fn name(&self) -> String {
        format!("tenants/{}/keys/{}", self.tenant, self.name)
    }
}

impl OpensArgs {
    fn names(&self, tenant: &Slug) -> Vec<String> {
        self.servers
            .iter()
            .map(|server| server_name(tenant, server))
            .collect()
    }
}

impl From<Lifespan> for KeyLifespan {
    fn from(lifespan: Lifespan) -> Self {
        match lifespan {
            Lifespan::SevenDays => Self::SevenDays,
            Lifespan::FifteenDays => Self::FifteenDays,
            Lifespan::ThirtyDays => Self::ThirtyDays,
            Lifespan::Permanent => Self::Permanent,
        }
    }
}

/// A new key as scripts read it. The shape is part of the documentation, so it is written out here.
#[derive(Serialize)]
struct Created<'a> {
    key: &'a str,
    name: String,
    /// `null` for a permanent key.
    expire_time: Option<String>,
    /// Text, as canonical proto JSON has all 64-bit numbers.
    revision: String,
}

impl<'a> Created<'a> {
    fn of(answer: &'a CreateKeyResponse) -> Self {
        let key = answer.key.clone().unwrap_or_default();
        Self {
            key: &answer.secret,
            name: key.name,
            expire_time: key.expire_time.map(|time| time.to_string()),
            revision: answer.revision.to_string(),
        }
    }

    fn facts(&self) -> [(&'static str, String); 4] {
        [
            ("key", self.key.to_owned()),
            ("name", self.name.clone()),
            (
                "expires",
                self.expire_time.clone().unwrap_or_else(|| "never".into()),
            ),
            ("revision", self.revision.clone()),
        ]
    }
}

#[cfg(test)]
mod tests;
