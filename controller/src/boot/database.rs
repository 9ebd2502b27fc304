//! Pools and migrations. Each role has a pool of its own; the owner's connection is closed as soon
//! as the migrations are done.

use std::{str::FromStr as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::BootError;
use crate::settings::Database;

/// The pool of the admin API.
pub(super) async fn app(database: &Database) -> Result<PgPool, BootError> {
    let options = options(APP, &database.app)?.options([
        ("statement_timeout", "5s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ]);
    pool(APP, options, APP_CONNECTIONS).await
}

/// The pool of the config stream: it reads everything at once, so its statements may take longer.
pub(super) async fn feed(database: &Database) -> Result<PgPool, BootError> {
    let options = options(FEED, &database.feed)?.options([
        ("statement_timeout", "60s"),
        ("default_transaction_read_only", "on"),
    ]);
    pool(FEED, options, FEED_CONNECTIONS).await
}

/// Brings the schema up to date, under a lock that other controllers wait for.
pub(super) async fn migrate(owner: &SecretString) -> Result<(), BootError> {
    let mut connection =
        options(OWNER, owner)?
            .connect()
            .await
            .map_err(|source| BootError::Connect {
                name: OWNER,
                source,
            })?;
    let mut migrator: Migrator = sqlx::migrate!("../migrations");
    // During a rolling upgrade the previous release starts on the newer schema too.
    migrator.set_ignore_missing(true);
    migrator
        .run_direct(None, &mut connection, false)
        .await
        .map_err(BootError::Migrate)?;
    // The migrations are done; a connection that does not close in order is closed all the same.
    drop(connection.close().await);
    Ok(())
}

fn options(name: &'static str, address: &SecretString) -> Result<PgConnectOptions, BootError> {
    let options = PgConnectOptions::from_str(address.expose_secret())
        .map_err(|source| BootError::Address { name, source })?;
    Ok(options
        .application_name("aldgate-controller")
        .disable_statement_logging())
}

async fn pool(
    name: &'static str,
    options: PgConnectOptions,
    connections: u32,
) -> Result<PgPool, BootError> {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        // Under load a round trip for each transaction would be dear, and no server goes away and
        // comes back within such a pause.
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > UNTESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map_err(|source| BootError::Connect { name, source })
}

const APP: &str = "ALDGATE_DATABASE_URL";
const FEED: &str = "ALDGATE_DATABASE_FEED_URL";
const OWNER: &str = "ALDGATE_DATABASE_OWNER_URL";
const APP_CONNECTIONS: u32 = 16;
const FEED_CONNECTIONS: u32 = 5;
const UNTESTED: Duration = Duration::from_millis(50);
const ACQUIRE: Duration = Duration::from_secs(2);
