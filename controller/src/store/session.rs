//! What making a session needs to know: the API key that asks for it, and the servers that it opens.
//! Sessions themselves are not stored.

use proto::id::{KeyUid, ServerUid};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx};

/// An API key as its secret found it.
#[derive(Debug, Clone)]
pub struct MintingKey {
    /// Its identity.
    pub uid: KeyUid,
    /// The last segment of its name.
    pub slug: String,
    /// What it may do; none means everything.
    pub scopes: Vec<String>,
    /// When it stops working.
    pub expires_at: Option<OffsetDateTime>,
    all_servers: bool,
    disabled: bool,
    /// Until when the secret that found it works, if that was replaced.
    /// Until when the presented secret works, if it was replaced.
    pub secret_until: Option<OffsetDateTime>,
}

/// Whether a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Good,
    /// It was switched off.
    Disabled,
    /// Its time is over, or that of the secret that was presented.
    Expired,
}

#[derive(sqlx::FromRow)]
struct Row {
    key_id: Uuid,
    slug: String,
    all_servers: bool,
    scopes: Vec<String>,
    disabled: bool,
    expires_at: Option<OffsetDateTime>,
    secret_until: Option<OffsetDateTime>,
}

impl MintingKey {
    /// Whether it counts at this moment.
    pub fn standing(&self, now: OffsetDateTime) -> Standing {
        let over = |end: Option<OffsetDateTime>| end.is_some_and(|end| end <= now);
        if self.disabled {
            Standing::Disabled
        } else if over(self.expires_at) || over(self.secret_until) {
            Standing::Expired
        } else {
            Standing::Good
        }
    }
}

impl Tx<OneTenant> {
    /// The key whose secret, or the one before, has this hash.
    pub async fn minting_key(
        &mut self,
        sha256: &[u8; 32],
    ) -> Result<Option<MintingKey>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT key_id, slug, all_servers, scopes, disabled, expires_at,
                    CASE WHEN sha256 <> $2 THEN previous_expires_at END AS secret_until
             FROM api_keys
             WHERE tenant_id = $1 AND (sha256 = $2 OR previous_sha256 = $2)
             ORDER BY sha256 = $2 DESC
             LIMIT 1",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(sha256.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(row.map(|row| MintingKey {
            uid: KeyUid::from_uuid(row.key_id),
            slug: row.slug,
            scopes: row.scopes,
            expires_at: row.expires_at,
            all_servers: row.all_servers,
            disabled: row.disabled,
            secret_until: row.secret_until,
        }))
    }

    /// Those of these servers that the key opens.
    pub async fn servers_opened(
        &mut self,
        key: &MintingKey,
        slugs: &[String],
    ) -> Result<Vec<(String, ServerUid)>, StoreError> {
        let rows: Vec<(String, Uuid)> = sqlx::query_as(
            "SELECT s.slug, s.server_id
             FROM servers s
             WHERE s.tenant_id = $1
               AND s.slug = ANY ($2)
               AND ($3 OR EXISTS (
                       SELECT FROM api_key_servers x
                       WHERE x.tenant_id = $1 AND x.key_id = $4 AND x.server_id = s.server_id
                   ))",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(slugs)
        .bind(key.all_servers)
        .bind(key.uid.uuid())
        .fetch_all(&mut *self.sql)
        .await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(slug, id)| (slug, ServerUid::from_uuid(id)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_key_counts_until_its_end_and_a_replaced_secret_until_its_own() {
        let now = datetime!(2026-11-21 10:00 UTC);
        let (before, after) = (
            Some(datetime!(2026-11-21 10:00 UTC)),
            Some(datetime!(2026-11-21 10:01 UTC)),
        );
        for (disabled, expires_at, secret_until, standing) in [
            (false, None, None, Standing::Good),
            (false, after, after, Standing::Good),
            (false, before, None, Standing::Expired),
            (false, None, before, Standing::Expired),
            (true, None, None, Standing::Disabled),
            (true, before, None, Standing::Disabled),
        ] {
            let key = MintingKey {
                uid: KeyUid::from_uuid(Uuid::nil()),
                slug: "ci".to_owned(),
                scopes: Vec::new(),
                expires_at,
                all_servers: true,
                disabled,
                secret_until,
            };
            assert_eq!(key.standing(now), standing);
        }
    }
}
