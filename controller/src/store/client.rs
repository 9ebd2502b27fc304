//! Clients of a tenant's authorization server: registered by operators, by themselves, or known by a
//! document of theirs that somebody allowed in. Secrets are here as hashes.

use proto::id::ClientUid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{OneTenant, StoreError, Tx, head::from_column};

/// What operators do with them.
mod operator;

/// A client as stored, without the hash of its secret.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its identity.
    pub uid: ClientUid,
    /// The last segment of its name.
    pub slug: String,
    /// What it calls itself towards the authorization server.
    pub client_id: String,
    /// How it came to be known.
    pub registration: Registration,
    /// What people call it.
    pub display_name: String,
    /// What it said of itself, or what was said of it.
    pub metadata: Metadata,
    /// The roles of tokens that it gets for itself.
    pub roles: Vec<String>,
    /// What the tenant thinks of it.
    pub trust: Trust,
    /// When it first got a grant.
    pub granted_at: Option<OffsetDateTime>,
    /// When it last got a token.
    pub last_used_at: Option<OffsetDateTime>,
    /// Grows with every change.
    pub etag: u64,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// Tells one state of a client's row from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Grows with every change by an operator.
    pub etag: u64,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

impl Client {
    /// The state that it is in.
    pub fn version(&self) -> Version {
        Version {
            etag: self.etag,
            updated_at: self.updated_at,
        }
    }
}

/// How a client came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// An operator registered it.
    Manual,
    /// It registered itself.
    Dynamic,
    /// Its id is the address of its metadata document.
    Document,
}

/// What a tenant thinks of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Users are asked for consent.
    Ask,
    /// Users are not asked.
    Trusted,
    /// Refused everywhere.
    Blocked,
}

/// How a client proves who it is at the token endpoint (RFC 7591 §2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// It does not.
    #[default]
    None,
    /// A secret in `Authorization: Basic`.
    ClientSecretBasic,
    /// A secret in the form.
    ClientSecretPost,
    /// An assertion signed with a key of its own (RFC 7523).
    PrivateKeyJwt,
}

/// What endpoints need to know of a client, in the words of RFC 7591.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Where its users are sent back to.
    pub redirect_uris: Vec<String>,
    /// What it may ask for tokens with.
    pub grant_types: Vec<String>,
    /// How it proves who it is.
    pub token_endpoint_auth_method: AuthMethod,
    /// Other ways that are good too, for example where it did not say which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_auth_methods: Vec<AuthMethod>,
    /// Its public keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// What program it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// Which version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    client_uid: Uuid,
    slug: String,
    client_id: String,
    registration: String,
    display_name: String,
    metadata: Value,
    roles: Vec<String>,
    trust: String,
    granted_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
    etag: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl Registration {
    fn column(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Dynamic => "dynamic",
            Self::Document => "document",
        }
    }

    pub(super) fn of_column(text: &str) -> Option<Self> {
        let all = [Self::Manual, Self::Dynamic, Self::Document];
        all.into_iter().find(|one| one.column() == text)
    }
}

impl Trust {
    fn column(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Trusted => "trusted",
            Self::Blocked => "blocked",
        }
    }

    fn of_column(text: &str) -> Option<Self> {
        let all = [Self::Ask, Self::Trusted, Self::Blocked];
        all.into_iter().find(|one| one.column() == text)
    }
}

impl AuthMethod {
    /// As RFC 7591 spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of this name.
    pub fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|method| method.as_str() == name)
    }

    /// Whether it takes a secret that we know the hash of.
    pub fn has_secret(self) -> bool {
        match self {
            Self::ClientSecretBasic | Self::ClientSecretPost => true,
            Self::None | Self::PrivateKeyJwt => false,
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::None,
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
    ];
}

impl Metadata {
    fn column(&self) -> Value {
        serde_json::to_value(self).expect("strings and lists")
    }
}

impl TryFrom<Row> for Client {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let inconsistent = |column| StoreError::Inconsistent {
            table: "oauth_clients",
            column,
            row: row.client_uid,
        };
        let registration =
            Registration::of_column(&row.registration).ok_or_else(|| inconsistent("registration"));
        let trust = Trust::of_column(&row.trust).ok_or_else(|| inconsistent("trust"));
        let metadata = serde_json::from_value(row.metadata).map_err(|_| StoreError::Inconsistent {
            table: "oauth_clients",
            column: "metadata",
            row: row.client_uid,
        });
        Ok(Self {
            uid: ClientUid::from_uuid(row.client_uid),
            slug: row.slug,
            client_id: row.client_id,
            registration: registration?,
            display_name: row.display_name,
            metadata: metadata?,
            roles: row.roles,
            trust: trust?,
            granted_at: row.granted_at,
            last_used_at: row.last_used_at,
            etag: from_column(row.etag),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl Tx<OneTenant> {
    /// The client that calls itself so.
    pub async fn client_by_id(&mut self, client_id: &str) -> Result<Option<Client>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT client_uid, slug, client_id, registration, display_name, metadata, roles, trust,
                    granted_at, last_used_at, etag, created_at, updated_at
             FROM oauth_clients
             WHERE tenant_id = $1 AND client_id = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client_id)
        .fetch_optional(&mut *self.sql)
        .await?;
        row.map(Client::try_from).transpose()
    }

    /// The client with this uid as it is now, which nobody changes or removes until this transaction ends:
    /// what it is given for itself must not miss a change, nor the cut that comes with one. One after the
    /// other: many who share a row can keep whoever wants it alone waiting for ever, and that is the
    /// operator who blocks the client.
    pub async fn hold_client(&mut self, client: ClientUid) -> Result<Option<Client>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT client_uid, slug, client_id, registration, display_name, metadata, roles, trust,
                    granted_at, last_used_at, etag, created_at, updated_at
             FROM oauth_clients
             WHERE tenant_id = $1 AND client_uid = $2
             FOR NO KEY UPDATE",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uuid())
        .fetch_optional(&mut *self.sql)
        .await?;
        row.map(Client::try_from).transpose()
    }

    /// Whether this is the hash of the client's secret. The comparison is the database's, of hashes.
    pub async fn is_client_secret(
        &mut self,
        client: ClientUid,
        sha256: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar(
            "SELECT EXISTS (
                 SELECT FROM oauth_clients
                 WHERE tenant_id = $1 AND client_uid = $2 AND secret_sha256 = $3
             )",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uuid())
        .bind(sha256.as_slice())
        .fetch_one(&mut *self.sql)
        .await?;
        Ok(found)
    }

    /// Stores a new client, unless one of this id is there, and says who it is.
    pub async fn insert_document_client(
        &mut self,
        client: &Client,
    ) -> Result<ClientUid, StoreError> {
        let uid: Uuid = sqlx::query_scalar(
            "INSERT INTO oauth_clients (
                 tenant_id, client_uid, slug, client_id, registration, display_name, metadata, trust,
                 created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
             ON CONFLICT (tenant_id, client_id) DO UPDATE
                 SET display_name = excluded.display_name, metadata = excluded.metadata
             RETURNING client_uid",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uid.uuid())
        .bind(&client.slug)
        .bind(&client.client_id)
        .bind(client.registration.column())
        .bind(&client.display_name)
        .bind(client.metadata.column())
        .bind(client.trust.column())
        .bind(self.time)
        .fetch_one(&mut *self.sql)
        .await?;
        Ok(ClientUid::from_uuid(uid))
    }

    /// The client that was registered alike.
    pub async fn find_registered(&mut self, hash: &[u8; 32]) -> Result<Option<Client>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT client_uid, slug, client_id, registration, display_name, metadata, roles, trust,
                    granted_at, last_used_at, etag, created_at, updated_at
             FROM oauth_clients
             WHERE tenant_id = $1 AND metadata_hash = $2",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(hash.as_slice())
        .fetch_optional(&mut *self.sql)
        .await?;
        row.map(Client::try_from).transpose()
    }

    /// Counts a client as registered anew: it is forgotten later.
    pub async fn renew_registered(&mut self, client: ClientUid) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE oauth_clients SET updated_at = $3
             WHERE tenant_id = $1 AND client_uid = $2 AND granted_at IS NULL",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uuid())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Stores a client that registered itself, unless one was registered alike in this moment; the
    /// id that it has.
    pub async fn insert_registered(
        &mut self,
        client: &Client,
        hash: Option<&[u8; 32]>,
        secret: Option<&[u8; 32]>,
    ) -> Result<String, StoreError> {
        let client_id = sqlx::query_scalar(
            "INSERT INTO oauth_clients (
                 tenant_id, client_uid, slug, client_id, registration, display_name, metadata,
                 metadata_hash, secret_sha256, roles, trust, created_at, updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
             ON CONFLICT (tenant_id, metadata_hash) WHERE metadata_hash IS NOT NULL
                 DO UPDATE SET updated_at = excluded.updated_at
             RETURNING client_id",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uid.uuid())
        .bind(&client.slug)
        .bind(&client.client_id)
        .bind(client.registration.column())
        .bind(&client.display_name)
        .bind(client.metadata.column())
        .bind(hash.map(<[u8; 32]>::as_slice))
        .bind(secret.map(<[u8; 32]>::as_slice))
        .bind(&client.roles)
        .bind(client.trust.column())
        .bind(self.time)
        .fetch_one(&mut *self.sql)
        .await?;
        Ok(client_id)
    }

    /// How many clients no operator registered, trusts or blocks, and nobody ever allowed anything.
    pub async fn count_idle_clients(&mut self) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM oauth_clients
             WHERE tenant_id = $1 AND granted_at IS NULL AND registration <> 'manual'
               AND trust = 'ask'",
        )
        .bind(self.scope.tenant.uid.uuid())
        .fetch_one(&mut *self.sql)
        .await?;
        Ok(count)
    }

    /// Forgets the oldest of them, at most so many and none younger than [`IDLE_FOR`]; how many that
    /// were. One that is blocked stays, or it would be let in again.
    pub async fn forget_idle_clients(&mut self, most: i64) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM oauth_clients
             WHERE tenant_id = $1 AND client_uid IN (
                 SELECT client_uid FROM oauth_clients
                 WHERE tenant_id = $1 AND granted_at IS NULL AND registration <> 'manual'
                   AND updated_at < $2 AND trust = 'ask'
                 ORDER BY updated_at
                 LIMIT $3
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(self.time - IDLE_FOR)
        .bind(most)
        .execute(&mut *self.sql)
        .await?;
        Ok(done.rows_affected())
    }

    /// Uses up an assertion; `false` if it was used before. Those that expired a minute ago are forgotten: by
    /// the clock of another controller, they may be good yet.
    pub async fn spend_assertion(
        &mut self,
        sha256: &[u8; 32],
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let tenant = self.scope.tenant.uid.uuid();
        sqlx::query(
            "DELETE FROM client_assertions
             WHERE tenant_id = $1 AND expires_at < $2 - interval '1 minute'",
        )
        .bind(tenant)
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        let done = sqlx::query(
            "INSERT INTO client_assertions (tenant_id, sha256, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        )
        .bind(tenant)
        .bind(sha256.as_slice())
        .bind(expires_at)
        .execute(&mut *self.sql)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that a client has got a grant: it is never forgotten from now on.
    pub async fn note_granted(&mut self, client: ClientUid) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE oauth_clients SET granted_at = $3
             WHERE tenant_id = $1 AND client_uid = $2 AND granted_at IS NULL",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uuid())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Notes that a client has got a token, unless somebody has the client locked: who gets a token has
    /// locked its grant, and waits for nothing that comes before that. `rotate_as_expected` does it, too.
    pub async fn note_client_used(&mut self, client: ClientUid) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE oauth_clients SET last_used_at = $3
             WHERE tenant_id = $1 AND client_uid = (
                 SELECT client_uid FROM oauth_clients
                 WHERE tenant_id = $1 AND client_uid = $2
                 FOR NO KEY UPDATE SKIP LOCKED
             )",
        )
        .bind(self.scope.tenant.uid.uuid())
        .bind(client.uuid())
        .bind(self.time)
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }
}

/// How long a client stays that registered itself, whoever else comes: enough to sign in.
pub(crate) const IDLE_FOR: Duration = Duration::minutes(15);
