//! From settings to a checked database. The key-encryption key is checked before anything is
//! written: a controller with a wrong key leaves everything as it was.

use runtime::clock::Clock;
use seal::{Kek, KekError};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    settings::Settings,
    store::{Store, StoreError},
    vault::Vault,
};

/// Pools and migrations.
mod database;

/// The first admin token.
mod first_token;

/// The installation's own rows: identity, key check, epoch.
mod installation;

/// What a controller has after booting.
pub struct Booted {
    /// As role `aldgate_app`.
    pub store: Store,
    /// As role `aldgate_feed`.
    pub feed: PgPool,
    /// The installation.
    pub deployment: Uuid,
    /// Opens what the installation stored.
    pub vault: Vault,
}

/// Why a controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The key file.
    #[error("ALDGATE_KEK_FILE cannot be used")]
    Kek(#[source] KekError),
    /// Not the key that the installation was made with.
    #[error(
        "ALDGATE_KEK_FILE holds key {ours}, but the installation was made with {stored}; nothing was written"
    )]
    WrongKek {
        /// The id of the key at hand.
        ours: String,
        /// The ids of the keys that the installation knows.
        stored: String,
    },
    /// An installation without a key check, or with a damaged one.
    #[error("the installation's key check cannot be read; nothing was written")]
    NoCanary,
    /// A database address.
    #[error("{name} is not an address of a Postgres database")]
    Address {
        /// The setting.
        name: &'static str,
        /// What is wrong with it.
        #[source]
        source: sqlx::Error,
    },
    /// No connection.
    #[error("the database at {name} cannot be reached")]
    Connect {
        /// The setting.
        name: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// Migrations.
    #[error("the migrations failed")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// No tables, and nobody to make them.
    #[error("the database is empty; set ALDGATE_DATABASE_OWNER_URL to run the migrations")]
    Empty,
    /// Anything else in the database.
    #[error("the installation's rows cannot be read or written")]
    Store(#[source] StoreError),
    /// The bootstrap token file.
    #[error("ALDGATE_BOOTSTRAP_TOKEN_FILE cannot be read")]
    TokenFile(#[source] std::io::Error),
    /// What the bootstrap token file holds.
    #[error("ALDGATE_BOOTSTRAP_TOKEN_FILE holds no admin token")]
    Token(#[source] token::Malformed),
}

impl From<StoreError> for BootError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Connects, checks, migrates, and makes the installation's rows at its first boot.
pub async fn boot(settings: &Settings, clock: &Clock) -> Result<Booted, BootError> {
    let kek = Kek::read(&settings.kek_file).map_err(BootError::Kek)?;
    let app = database::app(&settings.database).await?;
    installation::check(&app, &kek).await?;
    if let Some(owner) = &settings.database.owner {
        database::migrate(owner).await?;
    }
    let deployment = installation::establish(&app, &kek, clock.now()).await?;
    let store = Store::new(app, clock.clone());
    first_token::ensure(&store, settings.bootstrap_token_file.as_deref()).await?;
    let feed = database::feed(&settings.database).await?;
    tracing::info!(kek.id = kek.id(), "booted");
    Ok(Booted {
        store,
        feed,
        deployment,
        vault: Vault::new(kek, deployment),
    })
}
