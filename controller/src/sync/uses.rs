//! Which grants are in use, as nodes say: whoever refreshed last got the answer, so the refresh token
//! before that is soon good for nothing (`oauth::token`). It is gathered for a moment and noted tenant
//! by tenant. Nothing here is promised: what does not fit, or does not come, is told by a grant's next
//! token.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    error::Error,
    time::Duration,
};

use proto::{
    id::{GrantUid, TenantUid},
    sync::v1,
};
use time::OffsetDateTime;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::store::{Author, Store, StoreError};

/// Hears nodes. Clones tell the same keeper.
#[derive(Clone)]
pub struct Uses(mpsc::Sender<v1::GrantUses>);

/// Brings into the database what nodes say.
pub struct Keeper {
    store: Store,
    queue: mpsc::Receiver<v1::GrantUses>,
    due: Due,
}

/// When the newest token that was presented was issued, by grant.
type Grants = HashMap<GrantUid, OffsetDateTime>;

/// What is not in the database yet, and how many that are.
#[derive(Default)]
struct Due {
    tenants: BTreeMap<TenantUid, Grants>,
    grants: usize,
}

#[derive(Debug, thiserror::Error)]
enum NoteError {
    #[error("the store refused them")]
    Store(#[from] StoreError),
    #[error("noting them took longer than {} s", DEADLINE.as_secs())]
    Deadline,
}

impl Uses {
    /// A way to a keeper, and the keeper.
    pub fn new(store: Store) -> (Self, Keeper) {
        let (sender, queue) = mpsc::channel(REPORTS);
        let keeper = Keeper {
            store,
            queue,
            due: Due::default(),
        };
        (Self(sender), keeper)
    }

    /// A node says so. It never waits.
    pub(super) fn hear(&self, said: v1::GrantUses) {
        let grants = said.uses.len();
        if self.0.try_send(said).is_err() {
            dropped(grants);
        }
    }
}

impl Keeper {
    /// Notes what nodes say until `soft` is cancelled, and what there is then. A database that cannot
    /// be written to is tried again.
    pub async fn keep(mut self, soft: CancellationToken) {
        let mut broken = false;
        while soft.run_until_cancelled(self.gather()).await.is_some() {
            match self.note().await {
                Ok(()) => broken = false,
                Err(error) => {
                    if !std::mem::replace(&mut broken, true) {
                        let error = &error as &dyn Error;
                        tracing::warn!(error, "which grants are in use cannot be noted");
                    }
                }
            }
        }
        self.take_all();
        // Whoever stops says no more of it: it is told by the grants' next tokens.
        let _ = self.note().await;
    }

    /// Waits until there is something, and a moment more for what comes with it. Cancelled, it loses
    /// nothing.
    async fn gather(&mut self) {
        if self.due.tenants.is_empty() {
            match self.queue.recv().await {
                Some(said) => self.due.take(said, self.store.now()),
                None => return std::future::pending().await,
            }
        }
        sleep(GATHER).await;
        self.take_all();
    }

    fn take_all(&mut self) {
        while let Ok(said) = self.queue.try_recv() {
            self.due.take(said, self.store.now());
        }
    }

    async fn note(&mut self) -> Result<(), NoteError> {
        let due = std::mem::take(&mut self.due);
        let mut outcome = Ok(());
        for (tenant, grants) in due.tenants {
            if outcome.is_err() {
                self.due.add(tenant, grants);
                continue;
            }
            match timeout(DEADLINE, note_of(&self.store, tenant, &grants)).await {
                Ok(Ok(busy)) => {
                    let again = grants.into_iter().filter(|(grant, _)| busy.contains(grant));
                    self.due.add(tenant, again);
                }
                Ok(Err(error)) => {
                    outcome = Err(error.into());
                    self.due.add(tenant, grants);
                }
                Err(_) => {
                    outcome = Err(NoteError::Deadline);
                    self.due.add(tenant, grants);
                }
            }
        }
        outcome
    }
}

/// Those that somebody else is changing at this moment.
async fn note_of(
    store: &Store,
    tenant: TenantUid,
    grants: &Grants,
) -> Result<Vec<GrantUid>, StoreError> {
    let author = Author::task("grants.note_use");
    let Some(mut tx) = store.tenant_of(author, tenant).await? else {
        return Ok(Vec::new());
    };
    let used: Vec<_> = grants.iter().map(|(grant, at)| (*grant, *at)).collect();
    let busy = tx.note_access_used(&used).await?;
    tx.commit_unrecorded().await?;
    Ok(busy)
}

impl Due {
    fn take(&mut self, said: v1::GrantUses, now: OffsetDateTime) {
        let mut bad = said.uses.len().saturating_sub(AT_ONCE);
        for used in said.uses.into_iter().take(AT_ONCE) {
            match read(&used, now) {
                Some((tenant, grant, issued)) => self.add(tenant, [(grant, issued)]),
                None => bad += 1,
            }
        }
        dropped(bad);
    }

    fn add(
        &mut self,
        tenant: TenantUid,
        used: impl IntoIterator<Item = (GrantUid, OffsetDateTime)>,
    ) {
        for (grant, issued) in used {
            let room = self.grants < MOST;
            if !room && !self.tenants.contains_key(&tenant) {
                dropped(1);
                continue;
            }
            let grants = self.tenants.entry(tenant).or_default();
            match grants.entry(grant) {
                Entry::Occupied(mut newest) => {
                    let newest = newest.get_mut();
                    *newest = issued.max(*newest);
                }
                Entry::Vacant(place) if room => {
                    place.insert(issued);
                    self.grants += 1;
                }
                Entry::Vacant(_) => dropped(1),
            }
        }
    }
}

/// None of what is no id, and of tokens that nobody can have yet.
fn read(used: &v1::GrantUse, now: OffsetDateTime) -> Option<(TenantUid, GrantUid, OffsetDateTime)> {
    let issued = used.issue_time?;
    let nanos = i128::from(issued.seconds) * 1_000_000_000 + i128::from(issued.nanos);
    let issued = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    let sane = OffsetDateTime::UNIX_EPOCH..=now + SKEW;
    sane.contains(&issued).then_some(())?;
    let tenant = used.tenant_uid.parse().ok()?;
    Some((tenant, used.grant_uid.parse().ok()?, issued))
}

fn dropped(grants: usize) {
    if grants > 0 {
        let grants = u64::try_from(grants).unwrap_or(u64::MAX);
        metrics::counter!("aldgate_grant_uses_dropped_total").increment(grants);
    }
}

/// How many reports wait at most.
const REPORTS: usize = 64;
/// How many grants a report names at most.
const AT_ONCE: usize = 4096;
/// How many grants wait for the database at most.
const MOST: usize = 1 << 16;
/// How long is waited for more, and between attempts.
const GATHER: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(5);
/// Clocks of controllers may differ by this.
const SKEW: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// What a node says is an id, and of a moment that was, or it is nothing.
    #[test]
    fn what_cannot_be_so_is_left_out() {
        let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
        let good = used(1, 1_790_000_000);
        assert!(read(&good, now).is_some());
        assert!(read(&used(1, 1_790_000_300), now).is_some());
        for bad in [
            v1::GrantUse {
                tenant_uid: "acme".to_owned(),
                ..good.clone()
            },
            v1::GrantUse {
                grant_uid: String::new(),
                ..good.clone()
            },
            v1::GrantUse {
                issue_time: None,
                ..good
            },
            used(1, 1_790_000_301),
            used(1, -1),
            used(1, i64::MAX),
        ] {
            assert!(read(&bad, now).is_none(), "{bad:?}");
        }
    }

    /// One message is bounded, and so is all that waits; the newest token counts.
    #[test]
    fn what_waits_for_the_database_is_bounded() {
        let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
        let mut due = Due::default();
        let report = |from: u128, many: usize| v1::GrantUses {
            uses: (from..).take(many).map(|id| used(id, 5)).collect(),
        };
        due.take(report(0, AT_ONCE + 1), now);
        assert_eq!(due.grants, AT_ONCE);
        due.take(report(0, AT_ONCE), now);
        assert_eq!(due.grants, AT_ONCE);
        for round in 1..=MOST / AT_ONCE {
            due.take(report((round * AT_ONCE) as u128, AT_ONCE), now);
        }
        let mut newer = report(0, 1);
        newer.uses[0] = used(0, 9);
        due.take(newer, now);
        assert_eq!(due.grants, MOST);
        let (_, grants) = due.tenants.first_key_value().unwrap();
        let newest = grants[&GrantUid::from_uuid(Uuid::from_u128(0))];
        assert_eq!(newest.unix_timestamp(), 9);
    }

    fn used(grant: u128, seconds: i64) -> v1::GrantUse {
        v1::GrantUse {
            tenant_uid: Uuid::from_u128(1).to_string(),
            grant_uid: Uuid::from_u128(grant).to_string(),
            issue_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        }
    }
}
