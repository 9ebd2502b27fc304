//! The arithmetic of token buckets: levels in whole units, and the central bucket with its leases.
//!
//! `lease.lua` does the same in Redis; `gateway/vectors/lease.json` holds both to the same answers.
//! Nothing here reads a clock. The unit is chosen so that refilling never rounds: a limit of `tokens`
//! per `per_ms` has `per_ms` units to the token and gains `tokens` units a millisecond. No number gets
//! beyond 2^53, which Lua counts with.

use std::collections::{BTreeMap, BTreeSet};

use super::rate::Limit;

/// How fast a bucket fills and how deep it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Units in a token.
    token: u64,
    /// Units a millisecond.
    rate: u64,
    /// Units in a full bucket.
    full: u64,
}

impl Pace {
    /// Of the whole limit.
    pub fn whole(limit: &Limit) -> Self {
        let token = u64::from(limit.per_ms);
        Self {
            token,
            rate: u64::from(limit.tokens),
            full: u64::from(limit.burst) * token,
        }
    }

    /// Of this part of the limit, in thousandths. The bucket holds at least one token, or nobody would
    /// ever get one.
    pub fn share(limit: &Limit, permille: u32) -> Self {
        let whole = Self::whole(limit);
        let permille = u64::from(permille);
        let token = whole.token * 1_000;
        Self {
            token,
            rate: whole.rate * permille,
            full: (u64::from(limit.burst) * permille / 1_000).max(1) * token,
        }
    }

    /// How long it takes to gain this many units, rounded up, in milliseconds.
    fn time_for(&self, units: u64) -> u64 {
        units.div_ceil(self.rate)
    }
}

/// How much is in a bucket, as of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    units: u64,
    at: u64,
}

impl Level {
    /// A full bucket.
    pub fn full(pace: Pace, now: u64) -> Self {
        Self {
            units: pace.full,
            at: now,
        }
    }

    /// Lets the time up to `now` flow in, up to `cap` units. A clock that went back adds nothing.
    fn refill(&mut self, pace: Pace, cap: u64, now: u64) {
        let passed = now.saturating_sub(self.at);
        let room = cap.saturating_sub(self.units);
        if passed >= pace.time_for(room) {
            self.units = cap;
        } else {
            self.units += passed * pace.rate;
        }
        self.at = now;
    }

    /// Takes one token, or says in how many milliseconds there will be one.
    pub fn take(&mut self, pace: Pace, now: u64) -> Result<(), u64> {
        self.refill(pace, pace.full, now);
        match self.units.checked_sub(pace.token) {
            Some(rest) => {
                self.units = rest;
                Ok(())
            }
            None => Err(pace.time_for(pace.token - self.units)),
        }
    }

    /// Puts a token back that was taken and not used.
    pub fn put_back(&mut self, pace: Pace) {
        self.units = (self.units + pace.token).min(pace.full);
    }

    /// The same number of whole tokens in a bucket of another unit; what is not whole is lost.
    pub fn convert(&mut self, from: Pace, to: Pace) {
        if from.token != to.token {
            self.units = self.units / from.token * to.token;
        }
        self.units = self.units.min(to.full);
    }

    /// Whether time has filled the bucket.
    pub fn is_full(&self, pace: Pace, now: u64) -> bool {
        let mut level = *self;
        level.refill(pace, pace.full, now);
        level.units == pace.full
    }
}

/// One key's bucket as Redis keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    limit: Limit,
    level: Level,
    /// By holder and number: what the node may spend, and until when.
    leases: BTreeMap<(String, u64), Granted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Granted {
    tokens: u32,
    expires: u64,
}

/// What a node wants of a key's bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The limit as the node's config has it.
    pub limit: Limit,
    /// The leases that end with this, each with the tokens that nobody spent.
    pub closes: Vec<(u64, u32)>,
    /// The number of the lease to be opened.
    pub opens: u64,
    /// How many tokens are needed at once; 0 opens nothing.
    pub need: u32,
}

/// What the node gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Tokens in the lease that was opened; 0 if none was.
    pub granted: u32,
    /// If nothing was granted: when asking again may help, in milliseconds.
    pub wait_ms: u64,
}

/// What one Redis holds: the buckets, and the moment from which its memory is complete.
#[derive(Debug, Clone, Default)]
pub struct Central {
    buckets: BTreeMap<String, Bucket>,
    boot: Option<u64>,
}

impl Central {
    /// A Redis whose memory is complete since `boot`, if it says so already.
    pub fn since(boot: Option<u64>) -> Self {
        Self {
            buckets: BTreeMap::new(),
            boot,
        }
    }

    /// Loses everything.
    pub fn flush(&mut self) {
        *self = Self::default();
    }

    /// Answers node `holder`. A lease lives for `life_ms`, counted from now.
    pub fn ask(&mut self, now: u64, key: &str, holder: &str, life_ms: u64, ask: &Ask) -> Answer {
        let boot = *self.boot.get_or_insert(now);
        let bucket = self
            .buckets
            .entry(key.to_owned())
            .or_insert_with(|| Bucket::missing(ask.limit, boot, now));
        bucket.change(ask.limit);
        bucket.leases.retain(|_, lease| lease.expires > now);
        let pace = Pace::whole(&ask.limit);
        bucket.level.refill(pace, bucket.room(), now);
        for (number, unused) in &ask.closes {
            bucket.close(holder, *number, *unused);
        }
        bucket.open(holder, now, life_ms, ask)
    }

    /// Whole tokens of a key that nobody holds.
    pub fn free(&self, key: &str) -> u64 {
        self.buckets.get(key).map_or(0, Bucket::free)
    }
}

impl Bucket {
    /// A key that Redis does not have is full only if it would have been remembered.
    fn missing(limit: Limit, boot: u64, now: u64) -> Self {
        let mut level = Level { units: 0, at: boot };
        let pace = Pace::whole(&limit);
        level.refill(pace, pace.full, now);
        Self {
            limit,
            level,
            leases: BTreeMap::new(),
        }
    }

    fn change(&mut self, limit: Limit) {
        if self.limit != limit {
            let (from, to) = (Pace::whole(&self.limit), Pace::whole(&limit));
            self.level.convert(from, to);
            self.limit = limit;
        }
    }

    /// Units that may be in the bucket beside what is out.
    fn room(&self) -> u64 {
        let tokens = self.leases.values().map(|lease| u64::from(lease.tokens));
        let out: u64 = tokens.sum();
        u64::from(self.limit.burst).saturating_sub(out) * u64::from(self.limit.per_ms)
    }

    fn free(&self) -> u64 {
        self.level.units / u64::from(self.limit.per_ms)
    }

    /// Ends a lease; one that is not there any more returns nothing.
    fn close(&mut self, holder: &str, number: u64, unused: u32) {
        if let Some(lease) = self.leases.remove(&(holder.to_owned(), number)) {
            let back = u64::from(unused.min(lease.tokens)) * u64::from(self.limit.per_ms);
            self.level.units = (self.level.units + back).min(self.room());
        }
    }

    fn open(&mut self, holder: &str, now: u64, life_ms: u64, ask: &Ask) -> Answer {
        let id = (holder.to_owned(), ask.opens);
        let nothing = |wait_ms| Answer {
            granted: 0,
            wait_ms,
        };
        if ask.need == 0 || self.leases.contains_key(&id) {
            return nothing(0);
        }
        let free = self.free();
        if free == 0 {
            return nothing(self.wait(now));
        }
        let mut holders: BTreeSet<&str> = self.leases.keys().map(|(name, _)| &**name).collect();
        holders.insert(holder);
        let fair = free / (2 * holders.len() as u64);
        let granted = free.min(fair.max(ask.need.into()));
        self.level.units -= granted * u64::from(self.limit.per_ms);
        let granted = u32::try_from(granted).expect("a bucket holds no more than its burst");
        let lease = Granted {
            tokens: granted,
            expires: now + life_ms,
        };
        self.leases.insert(id, lease);
        Answer {
            granted,
            wait_ms: 0,
        }
    }

    /// Until there is a token: time must bring it, or, if all are out, a lease must end.
    fn wait(&self, now: u64) -> u64 {
        let pace = Pace::whole(&self.limit);
        let first = self.leases.values().map(|lease| lease.expires).min();
        match first {
            Some(expires) if self.room() < pace.token => expires.saturating_sub(now),
            _ => pace.time_for(pace.token.saturating_sub(self.level.units)),
        }
    }
}
