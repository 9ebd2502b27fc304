//! What other hosts publish and we read again and again: kept for as long as they say, within bounds,
//! and longer while they do not answer. One fetch at a time for each address; few for each host,
//! tenant and network, and few who wait for one; a failure is not repeated for a while. So nobody can
//! have us call anybody more than a little, or have many wait for long.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use egress::{
    DialError, Dialer, Endpoint, Refusal,
    fetch::{self, Limits},
};
use http::StatusCode;
use proto::id::TenantUid;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    auth::{
        Visit,
        room::{Room, Seat, Size},
    },
    oauth::attempts,
    store::{OneTenant, Tx},
};

/// What was fetched, by address.
pub(crate) struct Shelf<T> {
    most: usize,
    limits: Limits,
    state: Mutex<State<T>>,
    /// Who waits for somebody else's fetch.
    waiting: Room,
}

/// On whose behalf something is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    /// The tenant that was called.
    pub(crate) tenant: TenantUid,
    /// The network that it was called from.
    pub(crate) network: String,
}

/// Why there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It cannot be had: no such name, nobody there, no TLS, another status, type or size. Nothing is
    /// said of which: that would tell what is where. The log does.
    Unreachable,
    /// It was had, and says something that it must not.
    Unfit(&'static str),
}

struct State<T> {
    entries: HashMap<String, Entry<T>>,
    busy: HashMap<Party, usize>,
}

struct Entry<T> {
    good: Option<Good<T>>,
    failed: Option<(Instant, Missing)>,
    flight: Option<watch::Receiver<()>>,
    used: Instant,
}

struct Good<T> {
    value: Arc<T>,
    fetched: Instant,
    fresh_until: Instant,
}

/// For whom fetches are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Party {
    Everybody,
    Tenant(TenantUid),
    Network(String),
    Host(String),
}

/// What to do about an address.
enum Look<'a, T> {
    Here(Arc<T>),
    Missing(Missing),
    Wait(watch::Receiver<()>, Seat),
    Fetch(Flight<'a, T>),
}

/// A fetch on its way. However it ends, others need not wait any longer.
struct Flight<'a, T> {
    shelf: &'a Shelf<T>,
    url: String,
    parties: [Party; 4],
    /// Dropped last: whoever waits looks again.
    _over: watch::Sender<()>,
}

impl Asker {
    /// Whoever made this request.
    pub(crate) fn of(tx: &Tx<OneTenant>, visit: &Visit) -> Self {
        Self {
            tenant: tx.tenant().uid,
            network: attempts::network(visit.peer.ip()),
        }
    }
}

impl<T> Shelf<T> {
    /// An empty one for so many things, each fetched within these limits.
    pub(super) fn new(most: usize, limits: Limits) -> Self {
        Self {
            most,
            limits,
            state: Mutex::new(State {
                entries: HashMap::new(),
                busy: HashMap::new(),
            }),
            waiting: Room::new(WAITING),
        }
    }

    /// What is at this address, read by `read`.
    pub(super) async fn get(
        &self,
        dialer: &Dialer,
        endpoint: &Endpoint,
        asker: &Asker,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<Arc<T>, Missing> {
        self.get_younger(dialer, endpoint, asker, LONGEST, read)
            .await
    }

    /// The same, fetched again if that was longer ago.
    pub(super) async fn get_younger(
        &self,
        dialer: &Dialer,
        endpoint: &Endpoint,
        asker: &Asker,
        age: Duration,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<Arc<T>, Missing> {
        let mut look = self.look(endpoint, asker, age);
        if let Look::Wait(mut over, _seat) = look {
            // It ends by itself; how, shows when we look again.
            drop(timeout(self.limits.time, over.changed()).await);
            look = self.look(endpoint, asker, age);
        }
        match look {
            Look::Here(value) => Ok(value),
            Look::Missing(missing) => Err(missing),
            Look::Wait(..) => Err(Missing::Unreachable),
            Look::Fetch(flight) => {
                let outcome = self.fetch(dialer, endpoint, read).await;
                flight.land(outcome)
            }
        }
    }

    /// Whether this is what there is for an address, and fresh.
    pub(super) fn has(&self, url: &str, value: &Arc<T>) -> bool {
        let now = Instant::now();
        let mut state = self.locked();
        let Some(entry) = state.entries.get_mut(url) else {
            return false;
        };
        entry.used = now;
        let good = entry.good.as_ref().filter(|good| now < good.fresh_until);
        good.is_some_and(|good| Arc::ptr_eq(&good.value, value))
    }

    fn look(&self, endpoint: &Endpoint, asker: &Asker, age: Duration) -> Look<'_, T> {
        let (url, now) = (endpoint.to_string(), Instant::now());
        let mut state = self.locked();
        if let Some(entry) = state.entries.get_mut(&url) {
            entry.used = now;
            let fresh = |good: &&Good<T>| now < good.fresh_until && now - good.fetched < age;
            if let Some(good) = entry.good.as_ref().filter(fresh) {
                return Look::Here(Arc::clone(&good.value));
            }
            if let Some(flight) = &entry.flight {
                let seat = self
                    .waiting
                    .enter(&asker.tenant.to_string(), &asker.network);
                return match (seat, entry.stale(now)) {
                    (Some(seat), _) => Look::Wait(flight.clone(), seat),
                    (None, Some(kept)) => Look::Here(kept),
                    (None, None) => Look::Missing(Missing::Unreachable),
                };
            }
            if let Some((at, missing)) = entry.failed
                && now - at < AGAIN
            {
                return entry.stale(now).map_or(Look::Missing(missing), Look::Here);
            }
        }
        let parties = [
            Party::Everybody,
            Party::Tenant(asker.tenant),
            Party::Network(asker.network.clone()),
            Party::Host(endpoint.origin.host().to_string()),
        ];
        if parties.iter().any(|party| state.is_full(party)) {
            let entry = state.entries.get(&url);
            let kept = entry.and_then(|entry| entry.stale(now));
            return kept.map_or(Look::Missing(Missing::Unreachable), Look::Here);
        }
        for party in &parties {
            *state.busy.entry(party.clone()).or_default() += 1;
        }
        let (over, flight) = watch::channel(());
        state.entry(&url, self.most, now).flight = Some(flight);
        Look::Fetch(Flight {
            shelf: self,
            url,
            parties,
            _over: over,
        })
    }

    async fn fetch(
        &self,
        dialer: &Dialer,
        endpoint: &Endpoint,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<(T, Duration), Missing> {
        let reply = match fetch::get(dialer, endpoint, ACCEPT, self.limits).await {
            Ok(reply) => reply,
            Err(fetch::FetchError::Dial(DialError::Forbidden(Refusal::NotPublic))) => {
                tracing::info!(
                    origin = %endpoint.origin,
                    "nothing was fetched: the address is neither public nor in ALDGATE_DOCUMENT_NETWORKS"
                );
                return Err(Missing::Unreachable);
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::info!(origin = %endpoint.origin, error, "nothing could be fetched");
                return Err(Missing::Unreachable);
            }
        };
        let (status, json) = (reply.status(), fetch::is_json(reply.headers()));
        if status != StatusCode::OK || !json {
            tracing::info!(origin = %endpoint.origin, %status, json, "nothing could be fetched");
            return Err(Missing::Unreachable);
        }
        let fresh = fetch::max_age(reply.headers()).unwrap_or_default();
        let value = read(reply.body()).map_err(Missing::Unfit)?;
        Ok((value, fresh.clamp(SHORTEST, LONGEST)))
    }

    fn locked(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn is_full(&self, party: &Party) -> bool {
        let most = match party {
            Party::Everybody => 64,
            Party::Tenant(_) => 16,
            Party::Network(_) | Party::Host(_) => 4,
        };
        self.busy.get(party).is_some_and(|busy| *busy >= most)
    }

    /// The entry of this address. Where there is no room, what was of no use goes first, and then
    /// what was not used for longest.
    fn entry(&mut self, url: &str, most: usize, now: Instant) -> &mut Entry<T> {
        if !self.entries.contains_key(url) && self.entries.len() >= most {
            let resting = self
                .entries
                .iter()
                .filter(|(_, entry)| entry.flight.is_none());
            let worst = resting.min_by_key(|(_, entry)| (entry.good.is_some(), entry.used));
            if let Some(worst) = worst.map(|(url, _)| url.clone()) {
                self.entries.remove(&worst);
            }
        }
        self.entries.entry(url.to_owned()).or_insert_with(|| Entry {
            good: None,
            failed: None,
            flight: None,
            used: now,
        })
    }
}

impl<T> Entry<T> {
    /// What was good once, and is better than nothing.
    fn stale(&self, now: Instant) -> Option<Arc<T>> {
        let good = self.good.as_ref()?;
        (now - good.fetched < STALE).then(|| Arc::clone(&good.value))
    }
}

impl<T> Flight<'_, T> {
    fn land(self, outcome: Result<(T, Duration), Missing>) -> Result<Arc<T>, Missing> {
        let now = Instant::now();
        let mut state = self.shelf.locked();
        let entry = state.entry(&self.url, self.shelf.most, now);
        let landed = match outcome {
            Ok((value, fresh)) => {
                let value = Arc::new(value);
                entry.failed = None;
                entry.good = Some(Good {
                    value: Arc::clone(&value),
                    fetched: now,
                    fresh_until: now + fresh,
                });
                Ok(value)
            }
            Err(missing) => {
                entry.failed = Some((now, missing));
                entry.stale(now).ok_or(missing)
            }
        };
        drop(state);
        landed
    }
}

impl<T> Drop for Flight<'_, T> {
    fn drop(&mut self) {
        let mut state = self.shelf.locked();
        if let Some(entry) = state.entries.get_mut(&self.url) {
            entry.flight = None;
        }
        for party in &self.parties {
            if let Some(busy) = state.busy.get_mut(party) {
                *busy -= 1;
                if *busy == 0 {
                    state.busy.remove(party);
                }
            }
        }
    }
}

const ACCEPT: &str = "application/json, application/jwk-set+json";
/// However short a host says that its answer is good.
const SHORTEST: Duration = Duration::from_mins(5);
/// However long.
const LONGEST: Duration = Duration::from_hours(24);
/// How long something is used whose host does not confirm it.
const STALE: Duration = Duration::from_hours(24 * 7);
/// Of the requests that there may be at once, most never wait here, whoever has hosts that do not
/// answer.
pub(crate) const WAITING: Size = Size {
    all: 64,
    tenant: 48,
    network: 24,
};
/// When a failure is tried again.
const AGAIN: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests;
