//! Follows the database: woken by `NOTIFY`, with a poll as the net, it reads what was committed and
//! publishes the next `State`. It decides nothing about config and never writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use proto::name::StreamName;
use sqlx::{PgConnection, PgPool};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    compile,
    history::{Change, History, MAX_REVISIONS},
    rows::{self, ChangeRow, Which},
    state::{Cursor, Entry, State, States, TenantSealed},
};
use crate::{
    epoch::{Doubts, Seen},
    notification::{POLL, listen},
};

/// The one reader of config in a controller.
pub struct Feed {
    pool: PgPool,
    states: watch::Sender<Option<Arc<State>>>,
    doubts: Doubts,
    /// Whether the database was found to have gone back.
    back: AtomicBool,
    wake: Notify,
}

/// The database could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("a statement failed")]
    Sql(#[from] sqlx::Error),
    #[error("reading took longer than {} s", READ_DEADLINE.as_secs())]
    Deadline,
}

/// What a look at the revision row means for the state that is held.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// Nothing new.
    Nothing,
    /// These revisions are new.
    Changes,
    /// Nothing is held yet, or what is held belongs to another epoch.
    Everything,
    /// The head went back: inside an epoch, or to an older one.
    Backwards,
}

impl Feed {
    /// A feed on this pool, whose connections have the role `aldgate_feed`; it needs two of them.
    pub fn new(pool: PgPool, doubts: Doubts) -> (Self, States) {
        let (states, receiver) = watch::channel(None);
        let feed = Self {
            pool,
            states,
            doubts,
            back: AtomicBool::new(false),
            wake: Notify::new(),
        };
        (feed, receiver)
    }

    /// Publishes states until `soft` is cancelled. A database that does not answer leaves the newest
    /// state as it is.
    pub async fn run(self, soft: CancellationToken) {
        tokio::select! {
            () = soft.cancelled() => {}
            () = listen(&self.pool, "config", &self.wake, &self.doubts) => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&self) {
        let mut broken = false;
        loop {
            match self.look().await {
                Ok(()) => {
                    if std::mem::take(&mut broken) {
                        tracing::info!("config can be read again");
                    }
                }
                Err(error) => {
                    metrics::counter!("aldgate_config_read_failures_total").increment(1);
                    if !std::mem::replace(&mut broken, true) {
                        tracing::warn!(error = &error as &dyn Error, "config cannot be read");
                    }
                }
            }
            // A notification or the poll, whichever comes first.
            let _ = timeout(POLL, self.wake.notified()).await;
        }
    }

    async fn look(&self) -> Result<(), ReadError> {
        let last = self.states.borrow().clone();
        let read = timeout(READ_DEADLINE, self.read(last.as_deref()));
        let Some(state) = read.await.map_err(|_| ReadError::Deadline)?? else {
            return Ok(());
        };
        let Cursor { epoch, revision } = state.cursor();
        tracing::debug!(epoch, revision, "config has a new revision");
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("aldgate_config_head_revision").set(revision as f64);
        self.states.send_replace(Some(Arc::new(state)));
        Ok(())
    }

    /// The next state, from one snapshot of the database; `None` when nothing is new.
    async fn read(&self, last: Option<&State>) -> Result<Option<State>, sqlx::Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut tx = self.pool.begin_with(begin).await?;
        let Some(head) = rows::head(&mut tx).await? else {
            return Ok(None);
        };
        let news = news(last.map(State::cursor), head);
        let was_back = self.back.swap(news == News::Backwards, Ordering::AcqRel);
        let state = match (news, last) {
            (News::Nothing, _) => None,
            (News::Changes, Some(last)) => Some(advance(&mut tx, last, head).await?),
            (News::Changes | News::Everything, _) => Some(everything(&mut tx, head).await?),
            (News::Backwards, _) => {
                if !was_back {
                    alarm(last, head, "the head went back; config stays as it is");
                }
                let seen = last.map(State::cursor).unwrap_or_default();
                self.doubts.raise(Seen {
                    epoch: seen.epoch,
                    revision: seen.revision,
                    revocation: 0,
                });
                None
            }
        };
        tx.commit().await?;
        Ok(state)
    }
}

fn news(last: Option<Cursor>, head: Cursor) -> News {
    match last {
        Some(last) if last == head => News::Nothing,
        Some(last) if last.epoch > head.epoch => News::Backwards,
        Some(last) if last.epoch < head.epoch => News::Everything,
        Some(last) if last.revision > head.revision => News::Backwards,
        Some(_) => News::Changes,
        None => News::Everything,
    }
}

/// Reads what changed after `last`.
async fn advance(sql: &mut PgConnection, last: &State, head: Cursor) -> Result<State, sqlx::Error> {
    let changes = grouped(&rows::changes_after(sql, last.cursor()).await?);
    if !is_dense(&changes, last.cursor().revision, head.revision) {
        alarm(
            Some(last),
            head,
            "the change log has a hole; everything is read again",
        );
        return everything(sql, head).await;
    }
    let names: BTreeSet<_> = changes
        .iter()
        .flat_map(|c| c.names.iter().copied())
        .collect();
    let names: Vec<_> = names.into_iter().collect();
    let entries = entries(sql, Which::These(&names)).await?;
    Ok(last.advance(changes, entries))
}

/// Reads every resource and the history.
async fn everything(sql: &mut PgConnection, head: Cursor) -> Result<State, sqlx::Error> {
    let log = rows::latest_changes(sql, head.epoch, MAX_REVISIONS).await?;
    let cut = log.len() == MAX_REVISIONS;
    let mut changes = grouped(&log);
    if cut {
        // The oldest revision may have lost some of its lines to the limit.
        changes.remove(0);
    }
    let entries = entries(sql, Which::All).await?;
    let history = History::ending_at(head.revision, changes);
    Ok(State::new(head, entries, history))
}

async fn entries(sql: &mut PgConnection, which: Which<'_>) -> Result<Vec<Entry>, sqlx::Error> {
    let mut sealed = BTreeMap::<_, TenantSealed>::new();
    for key in rows::tenant_keys(sql, which).await? {
        sealed.entry(key.tenant_id).or_default().keys.push(key);
    }
    for secret in rows::jwt_secrets(sql, which).await? {
        let sealed = sealed.entry(secret.tenant_id).or_default();
        sealed.jwt_secrets.push(secret);
    }
    let mut signing = BTreeMap::<_, Vec<_>>::new();
    for key in rows::signing_keys(sql, which).await? {
        signing.entry(key.tenant_id).or_default().push(key);
    }
    let mut headers = BTreeMap::<_, Vec<_>>::new();
    for row in rows::token_headers(sql, which).await? {
        let server = (row.tenant_id, row.server_id);
        headers.entry(server).or_default().push(row);
    }
    let tenants = rows::tenants(sql, which).await?;
    let servers = rows::servers(sql, which).await?;
    let keys = rows::keys(sql, which).await?;
    let policies = rows::policies(sql, which).await?;
    let defaults = rows::defaults(sql, which).await?;
    let static_tokens = rows::static_tokens(sql, which).await?;
    let tenants = tenants.into_iter().map(|row| {
        let sealed = sealed.remove(&row.tenant_id).unwrap_or_default();
        let signing = signing.remove(&row.tenant_id).unwrap_or_default();
        compile::tenant(row, sealed, signing)
    });
    let servers = servers.into_iter().map(|row| {
        let headers = headers.remove(&(row.tenant_id, row.server_id));
        compile::server(row, headers.unwrap_or_default())
    });
    Ok(tenants
        .chain(servers)
        .chain(keys.into_iter().map(compile::key))
        .chain(policies.into_iter().map(compile::policy))
        .chain(defaults.into_iter().map(compile::defaults))
        .chain(static_tokens.into_iter().map(compile::static_token))
        .collect())
}

/// The lines of the log, one change per revision.
fn grouped(lines: &[ChangeRow]) -> Vec<Change> {
    lines
        .chunk_by(|one, other| one.revision == other.revision)
        .map(|lines| Change {
            revision: lines[0].revision.cast_unsigned(),
            names: lines
                .iter()
                .filter_map(ChangeRow::name)
                .collect::<Arc<[StreamName]>>(),
        })
        .collect()
}

/// Whether the changes are exactly those of the revisions `(after, head]`.
fn is_dense(changes: &[Change], after: u64, head: u64) -> bool {
    let revisions = changes.iter().map(|change| change.revision);
    revisions.eq(after.saturating_add(1)..=head)
}

fn alarm(last: Option<&State>, head: Cursor, what: &'static str) {
    metrics::counter!("aldgate_config_alarms_total").increment(1);
    let last = last.map_or(0, |last| last.cursor().revision);
    tracing::error!(last, head = head.revision, epoch = head.epoch, "{what}");
}

const READ_DEADLINE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use proto::id::{ServerUid, TenantUid};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_head_says_how_much_to_read() {
        let at = |epoch, revision| Cursor { epoch, revision };
        assert_eq!(news(None, at(1, 0)), News::Everything);
        assert_eq!(news(Some(at(1, 4)), at(1, 4)), News::Nothing);
        assert_eq!(news(Some(at(1, 4)), at(1, 6)), News::Changes);
        assert_eq!(news(Some(at(1, 4)), at(1, 3)), News::Backwards);
        assert_eq!(news(Some(at(1, 4)), at(2, 3)), News::Everything);
        assert_eq!(news(Some(at(2, 4)), at(1, 9)), News::Backwards);
    }

    #[test]
    fn a_hole_in_the_log_is_noticed() {
        let revisions = |all: &[u64]| -> Vec<Change> {
            let change = |&revision| Change {
                revision,
                names: Arc::new([]),
            };
            all.iter().map(change).collect()
        };
        assert!(is_dense(&revisions(&[5, 6, 7]), 4, 7));
        assert!(!is_dense(&revisions(&[5, 7]), 4, 7));
        assert!(!is_dense(&revisions(&[6, 7]), 4, 7));
        assert!(!is_dense(&revisions(&[5, 6]), 4, 7));
        assert!(!is_dense(&revisions(&[]), 4, 5));
    }

    #[test]
    fn a_kind_from_the_future_is_counted_and_not_named() {
        let (tenant, server) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let line = |revision, kind: &str, resource_id| ChangeRow {
            revision,
            kind: kind.to_owned(),
            tenant_id: tenant,
            resource_id,
        };
        let changes = grouped(&[
            line(4, "tenant", tenant),
            line(4, "server", server),
            line(5, "role", Uuid::from_u128(3)),
        ]);
        let tenant = TenantUid::from_uuid(tenant);
        assert_eq!(
            changes,
            [
                Change {
                    revision: 4,
                    names: Arc::new([
                        StreamName::Tenant(tenant),
                        StreamName::Server(tenant, ServerUid::from_uuid(server)),
                    ]),
                },
                Change {
                    revision: 5,
                    names: Arc::new([]),
                },
            ]
        );
    }
}
