//! Authorization codes: hashes of them, each for one grant, consumed once and kept for a while so that
//! a second use is noticed.

use proto::id::GrantUid;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, changed};

/// A code as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// What it is for.
    pub grant: GrantUid,
    /// Where it was sent, as the client wrote it or, where it wrote none, the only one registered.
    pub redirect_uri: String,
    /// Whether the client wrote it.
    pub redirect_given: bool,
    /// The S256 challenge (RFC 7636).
    pub code_challenge: String,
    /// How often it was presented with something else wrong.
    pub attempts: u32,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// When it was exchanged.
    pub consumed_at: Option<OffsetDateTime>,
}

#[derive(sqlx::FromRow)]
struct Row {
    grant_id: Uuid,
    redirect_uri: String,
    redirect_given: bool,
    code_challenge: String,
    attempts: i32,
    expires_at: OffsetDateTime,
    consumed_at: Option<OffsetDateTime>,
}

impl From<Row> for Code {
    fn from(row: Row) -> Self {
        Self {
            grant: GrantUid::from_uuid(row.grant_id),
            redirect_uri: row.redirect_uri,
            redirect_given: row.redirect_given,
            code_challenge: row.code_challenge,
            attempts: row.attempts.unsigned_abs(),
            expires_at: row.expires_at,
            consumed_at: row.consumed_at,
        }
    }
}

impl Tx<OneTenant> {
    /// Stores a new code under its hash.
    pub async fn insert_code(&mut self, sha256: &[u8; 32], code: &Code) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO authorization_codes (
                 tenant_id, code_sha256, grant_id, redirect_uri, redirect_given, code_challenge,
                 created_at, expires_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .bind(code.grant.uuid())
        .bind(&code.redirect_uri)
        .bind(code.redirect_given)
        .bind(&code.code_challenge)
        .bind(self.time)
        .bind(code.expires_at)
        .execute(&mut *self.sql)
        .await?;
        changed("authorization_codes", 1, done.rows_affected())
    }

    /// What the code with this hash is for.
    pub async fn grant_of_code(
        &mut self,
        sha256: &[u8; 32],
    ) -> Result<Option<GrantUid>, StoreError> {
        let grant: Option<Uuid> = sqlx::query_scalar(
            "SELECT grant_id FROM authorization_codes WHERE tenant_id = $1 AND code_sha256 = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(grant.map(GrantUid::from_uuid))
    }

    /// The code with this hash, kept from others until this transaction ends.
    pub async fn lock_code(&mut self, sha256: &[u8; 32]) -> Result<Option<Code>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT grant_id, redirect_uri, redirect_given, code_challenge, attempts, expires_at,
                    consumed_at
             FROM authorization_codes
             WHERE tenant_id = $1 AND code_sha256 = $2
             FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Code::from))
    }

    /// Notes that a code was presented with something else wrong.
    pub async fn count_code_attempt(&mut self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE authorization_codes
             SET attempts = attempts + 1
             WHERE tenant_id = $1 AND code_sha256 = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .execute(&mut *self.sql)
        .await?;
        changed("authorization_codes", 1, done.rows_affected())
    }

    /// Consumes a code; whether this was the first time.
    pub async fn consume_code(&mut self, sha256: &[u8; 32]) -> Result<bool, StoreError> {
        let grant: Option<Uuid> = sqlx::query_scalar(
            "UPDATE authorization_codes
             SET consumed_at = $3
             WHERE tenant_id = $1 AND code_sha256 = $2 AND consumed_at IS NULL
             RETURNING grant_id",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .bind(self.time)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(grant.is_some())
    }
}
