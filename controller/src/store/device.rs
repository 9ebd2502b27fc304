//! Device codes (RFC 8628): hashes of what a client polls with and of what its user types.

use proto::id::{ClientUid, GrantUid};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, changed};

/// A device code as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Who polls.
    pub client: ClientUid,
    /// The MCP URLs asked for.
    pub resources: Vec<String>,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// What the user did.
    pub state: State,
    /// How long the client waits between polls, in seconds.
    pub interval_secs: u32,
    /// When it last polled.
    pub polled_at: Option<OffsetDateTime>,
    /// From where it was asked for.
    pub peer: String,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// How far a device code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has typed it yet.
    Pending,
    /// The user allowed it, and this grant waits to be fetched.
    Approved(GrantUid),
    /// The user refused.
    Denied,
    /// The tokens were fetched.
    Consumed,
}

/// The client behind a user code, for the user to recognise.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The device code.
    pub device: Device,
    /// What its client calls itself towards us.
    pub client_id: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    device_sha256: Vec<u8>,
    client_uid: Uuid,
    resources: Vec<String>,
    scopes: Vec<String>,
    state: String,
    grant_id: Option<Uuid>,
    interval_secs: i32,
    polled_at: Option<OffsetDateTime>,
    peer: String,
    expires_at: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct AskingRow {
    #[sqlx(flatten)]
    device: Row,
    client_id: String,
}

impl From<Row> for Device {
    fn from(row: Row) -> Self {
        let state = match (row.state.as_str(), row.grant_id) {
            ("pending", _) => State::Pending,
            ("approved", Some(grant)) => State::Approved(GrantUid::from_uuid(grant)),
            ("consumed", _) => State::Consumed,
            // What we never write is not allowed.
            _ => State::Denied,
        };
        Self {
            client: ClientUid::from_uuid(row.client_uid),
            resources: row.resources,
            scopes: row.scopes,
            state,
            interval_secs: row.interval_secs.unsigned_abs(),
            polled_at: row.polled_at,
            peer: row.peer,
            expires_at: row.expires_at,
        }
    }
}

impl Tx<OneTenant> {
    /// Stores a new device code under its hashes.
    pub async fn insert_device(
        &mut self,
        sha256: &[u8; 32],
        user_code_sha256: &[u8; 32],
        device: &Device,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO device_codes (
                 tenant_id, device_sha256, user_code_sha256, client_uid, resources, scopes,
                 interval_secs, peer, created_at, expires_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .bind(user_code_sha256.as_slice())
        .bind(device.client.uuid())
        .bind(&device.resources)
        .bind(&device.scopes)
        .bind(device.interval_secs.cast_signed())
        .bind(&device.peer)
        .bind(self.time)
        .bind(device.expires_at)
        .execute(&mut *self.sql)
        .await?;
        changed("device_codes", 1, done.rows_affected())
    }

    /// How many device codes there are that have not ended: in all, and those asked for from here.
    pub async fn count_devices(&mut self, peer: &str) -> Result<(i64, i64), StoreError> {
        Ok(sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE peer = $2)
             FROM device_codes
             WHERE tenant_id = $1 AND expires_at > $3",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(peer)
        .bind(self.time)
        .fetch_one(&mut *self.sql)
        .await?)
    }

    /// The grant that waits to be fetched with this device code.
    pub async fn grant_of_device(
        &mut self,
        sha256: &[u8; 32],
    ) -> Result<Option<GrantUid>, StoreError> {
        let grant: Option<Uuid> = sqlx::query_scalar(
            "SELECT grant_id FROM device_codes
             WHERE tenant_id = $1 AND device_sha256 = $2 AND state = 'approved'
               AND grant_id IS NOT NULL",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(grant.map(GrantUid::from_uuid))
    }

    /// The device code with this hash, kept from others until this transaction ends.
    pub async fn lock_device(&mut self, sha256: &[u8; 32]) -> Result<Option<Device>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT device_sha256, client_uid, resources, scopes, state, grant_id, interval_secs,
                    polled_at, peer, expires_at
             FROM device_codes
             WHERE tenant_id = $1 AND device_sha256 = $2
             FOR UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(Device::from))
    }

    /// The device code whose user code has this hash, while it can be answered; kept from others until
    /// this transaction ends. Its own hash comes first.
    pub async fn lock_asking(
        &mut self,
        user_code_sha256: &[u8; 32],
    ) -> Result<Option<(Vec<u8>, Asking)>, StoreError> {
        let row: Option<AskingRow> = sqlx::query_as(
            "SELECT d.device_sha256, d.client_uid, d.resources, d.scopes, d.state, d.grant_id,
                    d.interval_secs, d.polled_at, d.peer, d.expires_at,
                    c.client_id
             FROM device_codes d
             JOIN oauth_clients c USING (tenant_id, client_uid)
             WHERE d.tenant_id = $1
               AND d.user_code_sha256 = $2
               AND d.state = 'pending'
               AND d.expires_at > $3
             FOR UPDATE OF d",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(user_code_sha256.as_slice())
        .bind(self.time)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(|mut row| {
            let sha256 = std::mem::take(&mut row.device.device_sha256);
            let asking = Asking {
                device: row.device.into(),
                client_id: row.client_id,
            };
            (sha256, asking)
        }))
    }

    /// Writes how far a device code is.
    pub async fn set_device_state(
        &mut self,
        sha256: &[u8],
        state: State,
    ) -> Result<(), StoreError> {
        let (text, grant) = match state {
            State::Pending => ("pending", None),
            State::Approved(grant) => ("approved", Some(grant.uuid())),
            State::Denied => ("denied", None),
            State::Consumed => ("consumed", None),
        };
        let done = sqlx::query(
            "UPDATE device_codes
             SET state = $3, grant_id = coalesce($4, grant_id)
             WHERE tenant_id = $1 AND device_sha256 = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256)
        .bind(text)
        .bind(grant)
        .execute(&mut *self.sql)
        .await?;
        changed("device_codes", 1, done.rows_affected())
    }

    /// Notes a poll, and how long the client waits before the next one.
    pub async fn poll_device(
        &mut self,
        sha256: &[u8; 32],
        interval_secs: u32,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE device_codes
             SET polled_at = $3, interval_secs = $4
             WHERE tenant_id = $1 AND device_sha256 = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .bind(self.time)
        .bind(interval_secs.cast_signed())
        .execute(&mut *self.sql)
        .await?;
        changed("device_codes", 1, done.rows_affected())
    }
}
