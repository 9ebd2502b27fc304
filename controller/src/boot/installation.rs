//! The installation's own rows: its identity, the check of the key-encryption key, and the epoch.

use std::time::SystemTime;

use seal::Kek;
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::BootError;
use crate::store::{self, StoreError, epoch};

#[derive(sqlx::FromRow)]
struct Canary {
    kek_id: String,
    sealed: Vec<u8>,
}

/// Whether the key at hand is the installation's.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// There is no installation yet.
    Nothing,
    /// There is, and the key is right.
    Installation(Uuid),
}

/// Refuses a key that is not the installation's. Reads only, and does so also before the tables are
/// there.
pub(super) async fn check(app: &PgPool, kek: &Kek) -> Result<(), BootError> {
    let tables: bool = sqlx::query_scalar("SELECT to_regclass('deployment') IS NOT NULL")
        .fetch_one(app)
        .await
        .map_err(StoreError::from)?;
    if tables {
        let mut sql = begin(app).await?;
        find(&mut sql, kek).await?;
    }
    Ok(())
}

/// The installation's id, after making its rows if this is the first boot, and after moving to a
/// new epoch if the database is another one than before.
pub(super) async fn establish(app: &PgPool, kek: &Kek, now: SystemTime) -> Result<Uuid, BootError> {
    let cluster = epoch::cluster(app).await?;
    if cluster.is_none() {
        tracing::warn!(
            "the database does not tell its system identifier; a failover, or a restore of another one, cannot be noticed by it"
        );
    }
    let mut sql = begin(app).await?;
    // Others that boot at the same time wait here.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *sql)
        .await
        .map_err(StoreError::from)?;
    let deployment = match find(&mut sql, kek).await? {
        Found::Installation(deployment) => deployment,
        Found::Nothing => {
            let deployment = Uuid::new_v4();
            insert(&mut sql, kek, deployment).await?;
            deployment
        }
    };
    epoch::keep(&mut sql, cluster, now).await?;
    sql.commit().await.map_err(StoreError::from)?;
    Ok(deployment)
}

async fn begin(app: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut sql = app.begin().await?;
    store::set_scope(&mut sql, None).await?;
    Ok(sql)
}

async fn find(sql: &mut Transaction<'static, Postgres>, kek: &Kek) -> Result<Found, BootError> {
    let deployment: Option<Uuid> = sqlx::query_scalar("SELECT id FROM deployment")
        .fetch_optional(&mut **sql)
        .await
        .map_err(StoreError::from)?;
    let canaries: Vec<Canary> =
        sqlx::query_as("SELECT kek_id, sealed FROM kek_canaries ORDER BY created_at, kek_id")
            .fetch_all(&mut **sql)
            .await
            .map_err(StoreError::from)?;
    judge(kek, deployment, &canaries)
}

fn judge(kek: &Kek, deployment: Option<Uuid>, canaries: &[Canary]) -> Result<Found, BootError> {
    let Some(deployment) = deployment else {
        return if canaries.is_empty() {
            Ok(Found::Nothing)
        } else {
            Err(BootError::NoCanary)
        };
    };
    if canaries.is_empty() {
        return Err(BootError::NoCanary);
    }
    let Some(own) = canaries.iter().find(|canary| canary.kek_id == kek.id()) else {
        let stored: Vec<&str> = canaries
            .iter()
            .map(|canary| canary.kek_id.as_str())
            .collect();
        return Err(BootError::WrongKek {
            ours: kek.id().to_owned(),
            stored: stored.join(", "),
        });
    };
    kek.check_canary(deployment, &own.sealed)
        .map_err(|_| BootError::NoCanary)?;
    Ok(Found::Installation(deployment))
}

async fn insert(
    sql: &mut Transaction<'static, Postgres>,
    kek: &Kek,
    deployment: Uuid,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO deployment (id) VALUES ($1)")
        .bind(deployment)
        .execute(&mut **sql)
        .await?;
    sqlx::query("INSERT INTO kek_canaries (kek_id, sealed) VALUES ($1, $2)")
        .bind(kek.id())
        .bind(kek.canary(deployment))
        .execute(&mut **sql)
        .await?;
    Ok(())
}

/// "aldgate" in ASCII; no other lock of ours is a single number.
const LOCK: i64 = 0x61_6c64_6761_7465;

#[cfg(test)]
mod tests {
    use super::*;

    /// F-47, and the first boot.
    #[test]
    fn only_the_key_that_made_an_installation_opens_it() {
        let (kek, other) = (Kek::of(&[7; 32]), Kek::of(&[8; 32]));
        let here = Uuid::from_u128(1);
        let canary = |kek: &Kek, deployment| Canary {
            kek_id: kek.id().to_owned(),
            sealed: kek.canary(deployment),
        };
        assert_eq!(judge(&kek, None, &[]).unwrap(), Found::Nothing);
        assert_eq!(
            judge(&kek, Some(here), &[canary(&kek, here)]).unwrap(),
            Found::Installation(here)
        );
        assert!(matches!(
            judge(&other, Some(here), &[canary(&kek, here)]),
            Err(BootError::WrongKek { .. })
        ));
        let elsewhere = canary(&kek, Uuid::from_u128(2));
        let forged = Canary {
            kek_id: other.id().to_owned(),
            ..canary(&kek, here)
        };
        for refused in [
            judge(&kek, Some(here), &[elsewhere]),
            judge(&other, Some(here), &[forged]),
            judge(&kek, Some(here), &[]),
            judge(&kek, None, &[canary(&kek, here)]),
        ] {
            assert!(matches!(refused, Err(BootError::NoCanary)));
        }
    }
}
