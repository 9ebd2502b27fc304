//! Postgres. A [`Tx`] is one transaction, bound to whoever asked for it and to whose rows it may
//! touch: one tenant's or the installation's. Methods on a tenant's rows exist only on a tenant's
//! transaction; row-level security in the database is the second lock on the same door. What clients do
//! most is one statement, which is its own transaction: [`refresh::expected`].
//!
//! # Which lock comes first
//!
//! Two transactions that take the same locks in different orders wait for each other, and one of them
//! is given up. So whoever takes several takes them in this order:
//!
//! 1. the tenant, an identity provider; what is counted of guesses at a password;
//! 2. the turn to hold users (`Tx::come_first`); users, by uid; then what is theirs: identities, browser
//!    sessions;
//! 3. clients;
//! 4. grants, the newest first; then their codes and device codes;
//! 5. the row that counts revocations, and last the revision row.
//!
//! What must be known to find the first lock is read without one, and looked at again once it is held:
//! a refresh token leads to a grant, and the grant to the user who is locked before it. A foreign key is
//! a lock, too: a new grant holds its user and its client, and what is deleted takes along what hangs on
//! it. What is merely noted (when a client got its last token) waits for nobody: it is left out while
//! the row is locked. And because an order that nobody can see is broken one day, operators' changes
//! begin again when they are given up (`admin::again`).

use proto::id::TenantUid;
use runtime::clock::Clock;
use sqlx::{PgPool, Postgres, Transaction, postgres::types::PgInterval};
use time::OffsetDateTime;
use uuid::Uuid;

/// Records of who did what.
pub mod audit;

/// Authorization codes.
pub mod code;

/// The end of a config transaction: revision, change log, audit record, notification.
pub mod change;

/// Failed attempts of whatever can be guessed.
pub mod attempt;

/// How callers prove who they are.
pub mod authenticator;

/// Clients of authorization servers.
pub mod client;

/// Who is signed in to our pages.
pub mod browser_session;

/// What users agreed to.
pub mod consent;

/// Sealed values.
pub mod credential;

/// Device codes.
pub mod device;

/// Messages in `jsonb` columns.
pub mod document;

/// What users allowed clients.
pub mod grant;

/// In which history numbers count.
pub mod epoch;

/// The revision row.
pub mod head;

/// Connections for statements that stand alone.
mod line;

/// API keys.
pub mod key;

/// Who is who at an identity provider.
pub mod identity;

/// Where users sign in elsewhere.
pub mod identity_provider;

/// How many calls per time.
pub mod limit;

/// Requests on their way through login and consent.
pub mod login_transaction;

/// Gateway nodes as last seen.
pub mod node;

/// Whether a server is where a tenant is.
mod origin;

/// How authorization servers behave.
pub mod oauth;

/// Tenants' policies.
pub mod policy;

/// What is revoked.
pub mod revocation;

/// Committed revisions.
pub mod revision;

/// Registered MCP servers.
pub mod server;

/// What making a session needs to know.
pub mod session;

/// Refresh tokens.
pub mod refresh;

/// What authorization servers sign with.
pub mod signing_key;

/// Tokens that an operator pasted or had made.
pub mod static_token;

/// What has expired.
pub mod sweep;

/// Tenants and their origins.
pub mod tenant;

/// Tenants' wrapped data keys.
pub mod tenant_key;

/// Tokens of the admin API.
pub mod token;

/// The people of a tenant.
pub mod user;

pub use audit::Author;
use line::Lines;

/// The database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement failed.
    #[error("the database refused a statement")]
    Sql(#[source] sqlx::Error),
    /// Something with the same unique value is there already.
    #[error("{constraint} refused a duplicate")]
    Duplicate {
        /// The constraint that says so.
        constraint: String,
    },
    /// Two transactions waited for each other and this one was given up.
    #[error("the transaction was given up for another one")]
    Collision(#[source] sqlx::Error),
    /// A row that had to be there was not, or was there twice.
    #[error("{table}: {found} rows changed instead of {wanted}")]
    RowCount {
        /// Where.
        table: &'static str,
        /// How many rows the statement had to change.
        wanted: u64,
        /// How many it changed.
        found: u64,
    },
    /// A row holds what we never write.
    #[error("{table}: column {column} of row {row} is inconsistent")]
    Inconsistent {
        /// Where.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Which row.
        row: Uuid,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(refusal) = error.as_database_error() else {
            return Self::Sql(error);
        };
        if refusal.is_unique_violation() {
            return Self::Duplicate {
                constraint: refusal.constraint().unwrap_or_default().to_owned(),
            };
        }
        match refusal.code().as_deref() {
            Some("40001" | "40P01") => Self::Collision(error),
            _ => Self::Sql(error),
        }
    }
}

/// The pool of the admin API's role, and the clock that dates its rows.
#[derive(Clone)]
pub struct Store {
    pool: PgPool,
    lines: Lines,
    clock: Clock,
}

/// Whose rows a transaction may touch.
pub trait Scope {
    /// The tenant, unless it is the whole installation.
    fn tenant(&self) -> Option<TenantUid>;
}

/// The whole installation.
#[derive(Debug, Clone, Copy)]
pub struct Platform;

/// One tenant.
#[derive(Debug, Clone)]
pub struct OneTenant {
    /// The tenant as this transaction found it.
    pub tenant: tenant::Tenant,
    /// The settings of its authorization server, as stored.
    oauth: Option<serde_json::Value>,
}

/// One transaction. Dropped without a commit, it changes nothing.
pub struct Tx<S> {
    sql: Transaction<'static, Postgres>,
    scope: S,
    author: Author,
    time: OffsetDateTime,
    touched: Vec<change::Touched>,
    revoked: Vec<revocation::Revoked>,
}

impl Scope for Platform {
    fn tenant(&self) -> Option<TenantUid> {
        None
    }
}

impl Scope for OneTenant {
    fn tenant(&self) -> Option<TenantUid> {
        Some(self.tenant.uid)
    }
}

impl Store {
    /// A store on this pool, whose connections have the role `aldgate_app`.
    pub fn new(pool: PgPool, clock: Clock) -> Self {
        Self {
            lines: Lines::beside(&pool),
            pool,
            clock,
        }
    }

    /// The time that rows are dated with.
    pub fn now(&self) -> OffsetDateTime {
        microseconds(self.clock.now())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// A transaction on the installation's rows and, for lists and creation, on all tenants'.
    pub async fn platform(&self, author: Author) -> Result<Tx<Platform>, StoreError> {
        let sql = self.pool.begin_with(AS_PLATFORM).await?;
        Ok(self.bind(sql, Platform, author))
    }

    /// A transaction on the rows of the tenant with this slug; `None` when there is no such tenant
    /// or when the caller is confined to another one.
    pub async fn tenant(
        &self,
        author: Author,
        reach: Reach,
        slug: &proto::name::Slug,
    ) -> Result<Option<Tx<OneTenant>>, StoreError> {
        self.enter(author, reach, Sought::Slug(slug)).await
    }

    /// A transaction on the rows of the tenant with this uid; `None` when there is none.
    pub async fn tenant_of(
        &self,
        author: Author,
        tenant: TenantUid,
    ) -> Result<Option<Tx<OneTenant>>, StoreError> {
        self.enter(author, Reach::Tenant(tenant), Sought::Uid(tenant))
            .await
    }

    /// A transaction on the rows of the tenant with this address; `None` when there is none.
    pub async fn tenant_at(
        &self,
        author: Author,
        place: &Place,
    ) -> Result<Option<Tx<OneTenant>>, StoreError> {
        let sought = match place {
            Place::Tenant(slug) => Sought::Slug(slug),
            Place::Origin(origin) => Sought::Origin(origin),
        };
        self.enter(author, Reach::Platform, sought).await
    }

    async fn enter(
        &self,
        author: Author,
        reach: Reach,
        sought: Sought<'_>,
    ) -> Result<Option<Tx<OneTenant>>, StoreError> {
        let mut sql = match reach {
            Reach::Platform => self.pool.begin_with(AS_PLATFORM).await?,
            Reach::Tenant(tenant) => {
                let mut sql = self.pool.begin().await?;
                set_scope(&mut sql, Some(tenant)).await?;
                sql
            }
        };
        let found = tenant::enter(&mut sql, sought).await?;
        Ok(found.map(|scope| self.bind(sql, scope, author)))
    }

    fn bind<S>(&self, sql: Transaction<'static, Postgres>, scope: S, author: Author) -> Tx<S> {
        Tx {
            sql,
            scope,
            author,
            time: microseconds(self.clock.now()),
            touched: Vec::new(),
            revoked: Vec::new(),
        }
    }
}

/// Where a tenant was found by a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At one of its origins.
    Origin(String),
    /// In the path layout.
    Tenant(proto::name::Slug),
}

/// By what a tenant is looked for.
#[derive(Debug, Clone, Copy)]
enum Sought<'a> {
    Slug(&'a proto::name::Slug),
    Origin(&'a str),
    Uid(TenantUid),
}

/// Which tenants a caller may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them, and the installation itself.
    Platform,
    /// This one.
    Tenant(TenantUid),
}

impl<S> Tx<S> {
    /// Says who is acting, where that is found out inside the transaction.
    pub fn act_as(&mut self, actor: String) {
        self.author.actor = actor;
    }

    /// Says what is done, where that is found out inside the transaction.
    pub fn turn_to(&mut self, action: &str) {
        action.clone_into(&mut self.author.action);
    }

    /// The moment that rows written by this transaction carry: when it began, by this controller's
    /// clock.
    pub fn time(&self) -> OffsetDateTime {
        self.time
    }

    /// What time it is, by the database's clock. It is one for all controllers, so of two transactions
    /// of which one waited for the other, the second to ask is told the later time. What a revocation
    /// may have to cut off is dated with it ([`revocation::Until::Now`]).
    pub async fn moment(&mut self) -> Result<OffsetDateTime, StoreError> {
        Ok(sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut *self.sql)
            .await?)
    }
}

impl Tx<OneTenant> {
    /// The tenant whose rows these are.
    pub fn tenant(&self) -> &tenant::Tenant {
        &self.scope.tenant
    }
}

/// Says whose rows a transaction sees: one tenant's, or all. Apart from this, [`AS_PLATFORM`] alone
/// widens that; [`tenant::enter`] narrows it, as `rotate_as_expected` in the database does.
pub(crate) async fn set_scope(
    sql: &mut Transaction<'static, Postgres>,
    tenant: Option<TenantUid>,
) -> Result<(), sqlx::Error> {
    let (tenant, platform) = match tenant {
        Some(tenant) => (tenant.to_string(), ""),
        None => (String::new(), "on"),
    };
    sqlx::query(
        "SELECT set_config('aldgate.tenant', $1, true),
                set_config('aldgate.platform', $2, true)",
    )
    .bind(tenant)
    .bind(platform)
    .execute(&mut **sql)
    .await?;
    Ok(())
}

/// Begins a transaction that sees all tenants, in one round trip.
const AS_PLATFORM: &str = "BEGIN;
     SELECT set_config('aldgate.tenant', '', true), set_config('aldgate.platform', 'on', true)";

pub(crate) fn changed(table: &'static str, wanted: u64, found: u64) -> Result<(), StoreError> {
    if wanted == found {
        return Ok(());
    }
    Err(StoreError::RowCount {
        table,
        wanted,
        found,
    })
}

/// As Postgres stores it, so that an answer equals what a later read returns.
fn microseconds(time: std::time::SystemTime) -> OffsetDateTime {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(time.nanosecond() / 1000 * 1000)
        .expect("less than a second")
}

/// As Postgres has it.
fn interval(time: std::time::Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(time.as_micros()).unwrap_or(i64::MAX),
    }
}
