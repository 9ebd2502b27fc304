//! What is revoked, and whether this node can know. Controllers number revocations without gaps; they
//! come over the config stream and, independently, over a stream in Redis. Both only ever add to one
//! set, so they may overtake each other, and either alone keeps the node fresh (design.md §10).
//!
//! Requests ask two questions, and neither waits for anybody: is this refused, and do we know enough
//! to say so?

/// What is revoked.
mod set;

/// Up to where everything is known.
mod position;

/// Since when each feed has confirmed nothing.
mod freshness;

/// The feed over Redis.
mod redis;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use metrics::{Counter, counter, gauge};
use proto::{
    id::{GrantUid, KeyUid, TenantUid},
    revocation::ShortHash,
    sync::v1::{Heartbeat, Revocation, RevocationBatch, RevocationKind},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    freshness::Freshness,
    position::{Covered, Position},
    set::{Revoked, Set},
};
pub use self::{
    freshness::{Confirmation, Feed},
    redis::follow,
};

/// The node's knowledge of revocations. Clones share it.
#[derive(Clone)]
pub struct Revocations(Arc<Inner>);

struct Inner {
    set: Set,
    position: Mutex<Position>,
    /// Where it was at the last heartbeat.
    before: Mutex<Position>,
    /// Whether the last heartbeat named fewer.
    behind: AtomicBool,
    freshness: Freshness,
    /// Rung when something was revoked: open streams are looked at.
    news: watch::Sender<()>,
    /// How often something was added.
    generation: AtomicU64,
    refused: Counter,
}

/// What is known of a credential, for [`Revocations::refuses`]. What does not apply is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The `jti` of an access token, or the id of a session token.
    pub token: Option<Uuid>,
    /// The grant that it was issued for.
    pub grant: Option<GrantUid>,
    /// The API key, or the one behind a session token.
    pub key: Option<KeyUid>,
    /// The user: an access token's `sub`.
    pub user: Option<&'a str>,
    /// The client: an access token's `client_id`.
    pub client: Option<&'a str>,
    /// The kid of the key that signed it.
    pub signing_key: Option<&'a str>,
    /// When it was issued. Without it, what is revoked up to a time does not concern it.
    pub issued: Option<SystemTime>,
}

/// A revocation that cannot be understood: what it revokes would go on working unnoticed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("revocation {sequence} cannot be understood")]
pub struct Unreadable {
    /// Its number.
    pub sequence: u64,
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Revocations");
        shown
            .field("held", &self.0.set.len())
            .finish_non_exhaustive()
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new()
    }
}

impl Revocations {
    /// Nothing is known and nothing confirmed yet.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            set: Set::default(),
            position: Mutex::default(),
            before: Mutex::default(),
            behind: AtomicBool::new(false),
            freshness: Freshness::new(Instant::now()),
            news: watch::Sender::new(()),
            generation: AtomicU64::new(0),
            refused: counter!("aldgate_revocation_refused_total"),
        }))
    }

    /// Whether a credential of the tenant's is revoked.
    pub fn refuses(&self, tenant: TenantUid, facts: &Facts<'_>) -> bool {
        let set = &self.0.set;
        if set.is_empty() {
            return false;
        }
        let named = |kind, id: &str| set.holds(tenant, kind, facts.issued, || ShortHash::of(id));
        let numbered = |kind, id: Uuid| {
            let mut text = Uuid::encode_buffer();
            named(kind, id.hyphenated().encode_lower(&mut text))
        };
        let refused = numbered(RevocationKind::Tenant, tenant.uuid())
            || (facts.token).is_some_and(|id| numbered(RevocationKind::Token, id))
            || (facts.grant).is_some_and(|id| numbered(RevocationKind::Grant, id.uuid()))
            || (facts.key).is_some_and(|id| numbered(RevocationKind::Key, id.uuid()))
            || (facts.user).is_some_and(|id| named(RevocationKind::User, id))
            || (facts.client).is_some_and(|id| named(RevocationKind::Client, id))
            || (facts.signing_key).is_some_and(|id| named(RevocationKind::SigningKey, id));
        if refused {
            self.0.refused.increment(1);
        }
        refused
    }

    /// Whether what is not refused may be let in: a feed said within its lease that nothing is
    /// missing, or did so at most `grace` before.
    pub fn confirmed(&self, now: Instant, grace: Duration) -> Confirmation {
        self.0.freshness.confirmed(now, grace)
    }

    /// Changes with everything that is added.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Rings when something was added.
    pub fn news(&self) -> watch::Receiver<()> {
        self.0.news.subscribe()
    }

    /// Up to where everything is known in this epoch of config.
    pub fn position(&self, epoch: u64) -> u64 {
        self.at().of(epoch)
    }

    /// Takes what a controller sent over the config stream: it follows what the controller sent before,
    /// or what we said we hold.
    pub fn hear(&self, batch: &RevocationBatch) -> Result<(), Unreadable> {
        self.add(&batch.revocations)?;
        self.cover(batch.epoch, 0, batch.head.max(batch.base.saturating_sub(1)));
        Ok(())
    }

    /// Takes a controller's word for how many revocations there are. One that names fewer than we had at
    /// the heartbeat before speaks of another history, and confirms nothing; that we have more than it
    /// names at this moment only means that Redis is quicker.
    pub fn beat(&self, beat: &Heartbeat, now: Instant) {
        let (epoch, head) = (beat.head.map_or(0, |head| head.epoch), beat.revocation_head);
        let position = *self.at();
        let before = std::mem::replace(&mut *self.before(), position);
        let behind = before.of(epoch) > head;
        if behind && !self.0.behind.swap(true, Ordering::AcqRel) {
            tracing::error!(
                epoch,
                head,
                held = before.of(epoch),
                "the controller knows of fewer revocations than this node; it confirms nothing"
            );
        }
        if !behind {
            self.0.behind.store(false, Ordering::Release);
            self.confirm(Feed::Stream, epoch, head, now);
        }
    }

    /// Everything up to `head` is what there was at `now`. It confirms only if we have that.
    fn confirm(&self, feed: Feed, epoch: u64, head: u64, now: Instant) {
        if self.at().reaches(epoch, head) {
            self.0.freshness.confirm(feed, now);
        }
    }

    /// Adds to the set; all or nothing, so that a position never claims what is not held.
    fn add(&self, revocations: &[Revocation]) -> Result<(), Unreadable> {
        let read: Result<Vec<_>, _> = revocations.iter().map(Revoked::read).collect();
        let read = read?;
        if !read.is_empty() {
            self.0.set.add(read);
            self.0.generation.fetch_add(1, Ordering::Release);
            self.0.news.send_replace(());
        }
        Ok(())
    }

    /// Everything of (`after`, `to`] was added, or has expired.
    fn cover(&self, epoch: u64, after: u64, to: u64) -> Covered {
        let mut position = self.at();
        let covered = position.cover(epoch, after, to);
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        gauge!("aldgate_revocation_position").set(position.sequence() as f64);
        covered
    }

    fn before(&self) -> std::sync::MutexGuard<'_, Position> {
        let before = &self.0.before;
        before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self) -> std::sync::MutexGuard<'_, Position> {
        self.0
            .position
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what has expired and shows how things stand, until told to stop.
    pub async fn keep(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SHOW);
        let mut rounds = 0_u32;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let now = Instant::now();
            for feed in [Feed::Stream, Feed::Redis] {
                let fresh = self.0.freshness.is_fresh(feed, now);
                gauge!("aldgate_revocation_feed_fresh", "feed" => feed.label())
                    .set(f64::from(u8::from(fresh)));
            }
            if rounds.is_multiple_of(PRUNE_ROUNDS) {
                self.0.set.prune(SystemTime::now());
            }
            rounds = rounds.wrapping_add(1);
            let held = u32::try_from(self.0.set.len()).unwrap_or(u32::MAX);
            gauge!("aldgate_revocations_held").set(f64::from(held));
        }
    }
}

const SHOW: Duration = Duration::from_secs(1);
/// Once a minute.
const PRUNE_ROUNDS: u32 = 60;

#[cfg(test)]
mod tests;
