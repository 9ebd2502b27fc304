//! Removing what has expired, a few rows at a time.

use super::{Platform, StoreError, Tx};

/// What gathers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dust {
    /// Authorization codes: kept for a day, so that a second use is noticed.
    Codes,
    /// Logins that were not finished.
    Logins,
    /// Sessions of browsers.
    Sessions,
    /// Device codes: kept for an hour, so that a client is told.
    Devices,
    /// Client assertions: kept for a minute, for clocks that differ.
    Assertions,
    /// Attempts at guessing.
    Attempts,
    /// Grants that nobody took up, after a day, and others a month after their end.
    Grants,
    /// Clients that registered themselves, or have a document, and were never allowed anything: after
    /// a month.
    Clients,
    /// Signing keys, a year after they have gone.
    SigningKeys,
}

impl Dust {
    /// All of it.
    pub const ALL: [Self; 9] = [
        Self::Codes,
        Self::Logins,
        Self::Sessions,
        Self::Devices,
        Self::Assertions,
        Self::Attempts,
        Self::Grants,
        Self::Clients,
        Self::SigningKeys,
    ];

    fn statement(self) -> &'static str {
        match self {
            Self::Codes => {
                "DELETE FROM authorization_codes WHERE ctid IN (
                     SELECT ctid FROM authorization_codes WHERE created_at < $1 - interval '24 hours'
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Logins => {
                "DELETE FROM login_transactions WHERE ctid IN (
                     SELECT ctid FROM login_transactions WHERE expires_at < $1
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Sessions => {
                "DELETE FROM browser_sessions WHERE ctid IN (
                     SELECT ctid FROM browser_sessions
                     WHERE expires_at < $1 OR last_seen_at < $1 - interval '12 hours'
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Devices => {
                "DELETE FROM device_codes WHERE ctid IN (
                     SELECT ctid FROM device_codes WHERE expires_at < $1 - interval '1 hour'
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Assertions => {
                "DELETE FROM client_assertions WHERE ctid IN (
                     SELECT ctid FROM client_assertions WHERE expires_at < $1 - interval '1 minute'
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Attempts => {
                "DELETE FROM attempts WHERE ctid IN (
                     SELECT ctid FROM attempts
                     WHERE updated_at < $1 - CASE WHEN failures = 0 THEN interval '90 days'
                                                  ELSE interval '1 day' END
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Grants => {
                "DELETE FROM grants WHERE ctid IN (
                     SELECT ctid FROM grants
                     WHERE least(revoked_at, idle_expires_at, expires_at) < $1 - interval '1 day'
                       AND least(revoked_at, idle_expires_at, expires_at)
                           < $1 - CASE WHEN last_used_at IS NULL THEN interval '1 day'
                                       ELSE interval '30 days' END
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Clients => {
                "DELETE FROM oauth_clients WHERE ctid IN (
                     SELECT ctid FROM oauth_clients client
                     WHERE granted_at IS NULL AND registration <> 'manual' AND trust = 'ask'
                       AND updated_at < $1 - interval '30 days'
                       AND NOT EXISTS (
                           SELECT FROM device_codes
                           WHERE tenant_id = client.tenant_id AND client_uid = client.client_uid)
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::SigningKeys => {
                "DELETE FROM signing_keys WHERE ctid IN (
                     SELECT ctid FROM signing_keys WHERE gone_at < $1 - interval '1 year'
                     LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
        }
    }
}

impl Tx<Platform> {
    /// Removes some of it; how many rows.
    pub async fn sweep(&mut self, dust: Dust, limit: i64) -> Result<u64, StoreError> {
        let done = sqlx::query(dust.statement())
            .bind(self.time)
            .bind(limit)
            .execute(&mut *self.sql)
            .await?;
        Ok(done.rows_affected())
    }
}
