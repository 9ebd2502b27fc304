//! A refresh in one round trip. Whoever asks says what they take the tenant, its keys and the client
//! for, from when they last looked; the database does all of it if that is still so, and nothing
//! otherwise.

use std::time::Duration;

use proto::id::{ClientUid, GrantUid, TenantUid, UserUid};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::{
    Store, StoreError,
    client::Version,
    head::to_column,
    interval,
    user::{HOLDING, RightsRow, UserRights},
};

/// What must be so.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Whose authorization server it is.
    pub tenant: TenantUid,
    /// The revision that last changed the tenant, and when that was.
    pub tenant_version: (u64, OffsetDateTime),
    /// The newest of its keys, by id and version.
    pub tenant_key: (Uuid, u32),
    /// What it signs with, by kid.
    pub signing_key: String,
    /// Whose grant it is.
    pub client: ClientUid,
    /// That client has not changed since.
    pub client_version: Version,
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    /// The hash of the token that was presented.
    pub presented: &'a [u8; 32],
    /// The hash of the one that takes its place.
    pub successor: &'a [u8; 32],
    /// Must be among the resources of the grant, letter by letter.
    pub resources: &'a [String],
    /// How long the grant may lie idle from now on.
    pub idle: Duration,
}

/// The grant whose token was rotated, and the rights of its user.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The grant.
    pub grant: GrantUid,
    /// Its user.
    pub user: UserUid,
    /// All its resources.
    pub resources: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it ends at the latest.
    pub expires_at: OffsetDateTime,
    /// What its user may do.
    pub rights: UserRights,
    /// What [`super::super::Tx::moment`] said when all this was so.
    pub moment: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct Row {
    grant_id: Uuid,
    user_id: Uuid,
    resources: Vec<String>,
    scopes: Vec<String>,
    expires_at: OffsetDateTime,
    #[sqlx(flatten)]
    rights: RightsRow,
    moment: OffsetDateTime,
}

impl Store {
    /// Rotates a refresh token; `None` if it is not the current one of a live grant of this client, if
    /// something is not as expected, or if no connection is to be had: then nothing has changed, or
    /// nobody knows. Whoever presents the token once more, step by step, is told. The time is the one
    /// that rows are dated with.
    pub async fn rotate_as_expected(
        &self,
        expected: &Expected,
        rotation: Rotation<'_>,
        time: OffsetDateTime,
    ) -> Result<Option<Rotated>, StoreError> {
        let Some(mut line) = self.lines.take().await else {
            return Ok(None);
        };
        let (revision, updated_at) = expected.tenant_version;
        let (key, version) = expected.tenant_key;
        let row: Result<Option<Row>, sqlx::Error> = sqlx::query_as(
            "SELECT * FROM rotate_as_expected(
                 $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(HOLDING)
        .bind(expected.tenant.uuid())
        .bind(to_column(revision))
        .bind(updated_at)
        .bind(key)
        .bind(i32::try_from(version).unwrap_or(i32::MAX))
        .bind(&expected.signing_key)
        .bind(expected.client.uuid())
        .bind(to_column(expected.client_version.etag))
        .bind(expected.client_version.updated_at)
        .bind(rotation.presented.as_slice())
        .bind(rotation.successor.as_slice())
        .bind(rotation.resources)
        .bind(time)
        .bind(interval(rotation.idle))
        .fetch_optional(&mut line.sql)
        .await;
        match row {
            Ok(row) => {
                line.keep();
                Ok(row.map(Rotated::from))
            }
            Err(error @ sqlx::Error::Database(_)) => Err(error.into()),
            Err(_) => {
                self.lines.close();
                Ok(None)
            }
        }
    }
}

impl From<Row> for Rotated {
    fn from(row: Row) -> Self {
        Self {
            grant: GrantUid::from_uuid(row.grant_id),
            user: UserUid::from_uuid(row.user_id),
            resources: row.resources,
            scopes: row.scopes,
            expires_at: row.expires_at,
            rights: row.rights.into(),
            moment: row.moment,
        }
    }
}
