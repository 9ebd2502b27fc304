//! Login transactions: a request on its way through login and consent, in the browser that began it.
//! How many there are is bounded, of a tenant and of each network that asks.

use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, changed};

/// A transaction as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LoginTransaction {
    /// Names it in our pages.
    #[sqlx(rename = "transaction_id")]
    pub id: Uuid,
    /// What was asked for, as JSON.
    pub request: Value,
    /// On the way to an identity provider: which, and the hashes of state and nonce.
    pub upstream: Option<Value>,
    /// What is kept from everybody meanwhile.
    pub upstream_sealed: Option<Vec<u8>>,
    /// When it began.
    pub created_at: OffsetDateTime,
}

/// A transaction that begins.
#[derive(Debug)]
pub struct NewLoginTransaction<'a> {
    /// The hash of the browser's cookie.
    pub browser: &'a [u8; 32],
    /// The network that the browser is in.
    pub network: &'a str,
    /// What was asked for.
    pub request: Value,
}

impl Tx<OneTenant> {
    /// Stores a transaction, and says what it is called. Of one network's, the oldest makes room; where
    /// the tenant has no more, the oldest of the network that has most do.
    pub async fn begin_login(&mut self, new: &NewLoginTransaction<'_>) -> Result<Uuid, StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        sqlx::query(
            "DELETE FROM login_transactions
             WHERE tenant_id = $1 AND transaction_id IN (
                 SELECT transaction_id
                 FROM login_transactions
                 WHERE tenant_id = $1 AND network = $2
                 ORDER BY created_at DESC
                 OFFSET $3
             )",
        )
        .bind(tenant)
        .bind(new.network)
        .bind(OF_A_NETWORK - 1)
        .execute(&mut *self.sql)
        .await?;
        self.make_room_for_login().await?;
        let id = Uuid::new_v4();
        let done = sqlx::query(
            "INSERT INTO login_transactions (
                 tenant_id, transaction_id, browser_sha256, network, request, created_at, expires_at
             )
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(tenant)
        .bind(id)
        .bind(new.browser.as_slice())
        .bind(new.network)
        .bind(&new.request)
        .bind(self.time)
        .bind(self.time + LIFE)
        .execute(&mut *self.sql)
        .await?;
        changed("login_transactions", 1, done.rows_affected())?;
        Ok(id)
    }

    /// Whoever fills a tenant from many networks drives out their own: the others have fewer each.
    async fn make_room_for_login(&mut self) -> Result<(), StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        let full: bool = sqlx::query_scalar(
            "SELECT count(*) >= $2
             FROM (SELECT FROM login_transactions WHERE tenant_id = $1 LIMIT $2) all_of_them",
        )
        .bind(tenant)
        .bind(OF_A_TENANT)
        .fetch_one(&mut *self.sql)
        .await?;
        if !full {
            return Ok(());
        }
        sqlx::query(
            "DELETE FROM login_transactions
             WHERE tenant_id = $1 AND transaction_id IN (
                 SELECT transaction_id
                 FROM login_transactions
                 WHERE tenant_id = $1 AND network = (
                     SELECT network
                     FROM login_transactions
                     WHERE tenant_id = $1
                     GROUP BY network
                     ORDER BY count(*) DESC, min(created_at)
                     LIMIT 1
                 )
                 ORDER BY created_at
                 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .bind(tenant)
        .bind(EVICTED_AT_ONCE)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// The transaction, if this browser began it and it is not over. Nobody ends it meanwhile.
    pub async fn lock_login(
        &mut self,
        id: Uuid,
        browser: &[u8; 32],
    ) -> Result<Option<LoginTransaction>, StoreError> {
        let row = sqlx::query_as(
            "SELECT transaction_id, request, upstream, upstream_sealed, created_at
             FROM login_transactions
             WHERE tenant_id = $1
               AND transaction_id = $2
               AND browser_sha256 = $3
               AND expires_at > $4
             FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(id)
        .bind(browser.as_slice())
        .bind(self.time)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row)
    }

    /// Notes that the transaction is on its way to an identity provider, or, with `None`, that it is
    /// back: what was noted counts once.
    pub async fn set_login_upstream(
        &mut self,
        id: Uuid,
        upstream: Option<(&Value, &[u8])>,
    ) -> Result<(), StoreError> {
        let (upstream, sealed) = upstream.unzip();
        let done = sqlx::query(
            "UPDATE login_transactions SET upstream = $3, upstream_sealed = $4
             WHERE tenant_id = $1 AND transaction_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(id)
        .bind(upstream)
        .bind(sealed)
        .execute(&mut *self.sql)
        .await?;
        changed("login_transactions", 1, done.rows_affected())
    }

    /// Ends a locked transaction.
    pub async fn end_login(&mut self, id: Uuid) -> Result<(), StoreError> {
        let done = sqlx::query(
            "DELETE FROM login_transactions WHERE tenant_id = $1 AND transaction_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(id)
        .execute(&mut *self.sql)
        .await?;
        changed("login_transactions", 1, done.rows_affected())
    }
}

const LIFE: Duration = Duration::minutes(30);
const OF_A_TENANT: i64 = 20_000;
const OF_A_NETWORK: i64 = 500;
/// To find the network that has most is work; it is not done for every login.
const EVICTED_AT_ONCE: i64 = 50;
