//! The headers that calls with a static token carry: names and switches in the open, values sealed.

use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::{OneTenant, StaticToken, StoreError, Tx, changed, to_column};

/// The headers of a token, without their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// The names, each with its switch.
    pub names: Vec<Name>,
    /// The only origin that the values may be sent to.
    pub origin: String,
    /// Grows by one each time they are set, and never goes back.
    pub generation: u64,
}

/// A header, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// Its name.
    pub name: String,
    /// Whether calls carry it.
    pub passthrough: bool,
}

impl Tx<OneTenant> {
    /// The sealed values of a locked token's headers.
    pub async fn sealed_headers(
        &mut self,
        token: &StaticToken,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed = sqlx::query_scalar(
            "SELECT headers_sealed
             FROM static_tokens
             WHERE tenant_id = $1 AND static_token_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(token.uid.uuid())
        .fetch_one(&mut *self.sql)
        .await?;
        Ok(sealed)
    }

    /// Stores a locked token's headers in place of those before; `None` when there are none.
    pub async fn put_headers(
        &mut self,
        token: &StaticToken,
        sealed: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE static_tokens
             SET headers = $3,
                 headers_origin = $4,
                 headers_generation = $5,
                 headers_sealed = $6
             WHERE tenant_id = $1 AND static_token_id = $2 AND headers_generation < $5",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(token.uid.uuid())
        .bind(Json(&token.headers.names))
        .bind(&token.headers.origin)
        .bind(to_column(token.headers.generation))
        .bind(sealed)
        .execute(&mut *self.sql)
        .await?;
        changed("static_tokens", 1, done.rows_affected())
    }
}
