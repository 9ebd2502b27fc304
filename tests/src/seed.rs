//! What a new cluster is given so that a client can call something: one tenant, one server with its
//! credential, one key. Everything is done with `aldgate`, as an operator would.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{cli::Cli, person::Person, scratch::write_private};

/// What to make.
#[derive(Debug, Clone)]
pub struct Seed<'a> {
    /// The tenant's slug.
    pub tenant: &'a str,
    /// Its canonical host.
    pub host: &'a str,
    /// Further hosts.
    pub aliases: &'a [String],
    /// The server's slug.
    pub server: &'a str,
    /// The server's endpoint.
    pub url: &'a str,
    /// The file with the bearer credential it wants, if it wants one.
    pub credential_file: Option<&'a Path>,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Seeded {
    /// What clients present.
    pub api_key: String,
    /// The `mcpServers` object that clients are configured with.
    pub client_config: String,
}

#[derive(Deserialize)]
struct CreatedKey {
    key: String,
}

/// A user who can sign in with a password and do everything at the tenant's servers.
pub async fn invite(cli: &Cli, secrets: &Path, tenant: &str, person: &Person) -> Result<()> {
    let password = secrets.join(format!("{tenant}.password"));
    write_private(&password, &person.password)?;
    let policy = secrets.join(format!("{tenant}.policy.yaml"));
    write_private(&policy, POLICY)?;
    let path = |path: &Path| Ok::<_, anyhow::Error>(path.to_str().context("UTF-8")?.to_owned());
    let (password, policy) = (path(&password)?, path(&policy)?);
    let who = [
        "--login",
        &person.login,
        "--role",
        "member",
        "--admin-role",
        "admin",
    ];
    let create = ["user", "create", "demo", "--tenant", tenant];
    let secret = ["--password-file", &password];
    cli.ok(&[&create[..], &who, &secret].concat()).await?;
    let set = [
        "acl", "set", "--tenant", tenant, "--file", &policy, "--wait",
    ];
    cli.ok(&set).await?;
    Ok(())
}

const POLICY: &str = r#"roles:
  member:
    - server: "*"
      access: "*"
"#;

impl Seed<'_> {
    /// Makes it and returns once it is live on every node. The key is kept in a file in `secrets`.
    pub async fn plant(&self, cli: &Cli, secrets: &Path) -> Result<Seeded> {
        let (tenant, server) = (self.tenant, self.server);
        let mut create = vec!["tenant", "create", tenant, "--host", self.host];
        for alias in self.aliases {
            create.extend(["--alias-host", alias]);
        }
        cli.ok(&create).await?;

        let mut create = vec!["server", "create", server, "--tenant", tenant];
        create.extend(["--url", self.url]);
        if let Some(file) = self.credential_file {
            let file = file.to_str().context("a path in UTF-8")?;
            create.extend(["--auth-scheme", "bearer", "--auth-credential-file", file]);
        }
        cli.ok(&create).await?;

        let key_args = [
            "key", "create", server, "--tenant", tenant, "--server", server,
        ];
        let created: CreatedKey = cli
            .json(&[&key_args[..], &["--lifespan", "permanent", "--wait"]].concat())
            .await?;
        let key_file = secrets.join(format!("{tenant}-{server}.key"));
        write_private(&key_file, &created.key)?;
        let key_file = key_file.to_str().context("a path in UTF-8")?;
        let config = ["client-config", "--tenant", tenant, "--server", server];
        let client_config = cli
            .ok(&[&config[..], &["--key-file", key_file]].concat())
            .await?;
        Ok(Seeded {
            api_key: created.key,
            client_config,
        })
    }
}
