//! Whether the node knows what is revoked. Each feed that confirms this gives a lease of 10 s from the
//! moment it speaks of; one lease is enough. Time is monotonic and the caller's, so that tests decide.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A way that revocations come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// The config stream.
    Stream,
    /// The stream in Redis.
    Redis,
}

/// What the feeds' word is worth at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// A feed's lease runs.
    Fresh,
    /// The last lease ran out, and not longer ago than is allowed.
    Grace,
    /// It ran out longer ago, or there was none.
    Stale,
}

/// Milliseconds since `start`; 0 means never.
#[derive(Debug)]
pub(super) struct Freshness {
    start: Instant,
    /// When the last lease of all ends.
    until: AtomicU64,
    /// When each feed's ends.
    feeds: [AtomicU64; 2],
}

impl Feed {
    /// For metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Redis => "redis",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Stream => 0,
            Self::Redis => 1,
        }
    }
}

impl Freshness {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            until: AtomicU64::new(0),
            feeds: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// A feed confirmed that nothing was missing at this moment.
    pub(super) fn confirm(&self, feed: Feed, at: Instant) {
        let until = self.millis(at + LEASE);
        self.until.fetch_max(until, Ordering::Release);
        self.feeds[feed.index()].fetch_max(until, Ordering::Release);
    }

    pub(super) fn confirmed(&self, now: Instant, grace: Duration) -> Confirmation {
        let (now, until) = (self.millis(now), self.until.load(Ordering::Acquire));
        let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        if now <= until {
            Confirmation::Fresh
        } else if until > 0 && now <= until.saturating_add(grace) {
            Confirmation::Grace
        } else {
            Confirmation::Stale
        }
    }

    /// Whether this feed's lease runs.
    pub(super) fn is_fresh(&self, feed: Feed, now: Instant) -> bool {
        self.millis(now) <= self.feeds[feed.index()].load(Ordering::Acquire)
    }

    /// At least 1, so that 0 can mean never.
    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }
}

/// How long a feed's word holds (design.md §10).
const LEASE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_mins(10);

    /// Design §10: one fresh feed suffices; both stale, serve for the grace, then no more.
    #[test]
    fn either_feed_keeps_the_node_fresh_and_the_grace_begins_when_both_are_stale() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let freshness = Freshness::new(start);
        freshness.confirm(Feed::Stream, at(0));
        freshness.confirm(Feed::Redis, at(7));
        assert_eq!(freshness.confirmed(at(10), GRACE), Confirmation::Fresh);
        assert!(!freshness.is_fresh(Feed::Stream, at(11)));
        assert!(freshness.is_fresh(Feed::Redis, at(17)));
        assert_eq!(freshness.confirmed(at(17), GRACE), Confirmation::Fresh);
        assert_eq!(freshness.confirmed(at(18), GRACE), Confirmation::Grace);
        assert_eq!(freshness.confirmed(at(617), GRACE), Confirmation::Grace);
        assert_eq!(freshness.confirmed(at(618), GRACE), Confirmation::Stale);
        let short = Duration::from_secs(10);
        assert_eq!(freshness.confirmed(at(27), short), Confirmation::Grace);
        assert_eq!(freshness.confirmed(at(28), short), Confirmation::Stale);
        freshness.confirm(Feed::Stream, at(700));
        assert_eq!(freshness.confirmed(at(700), GRACE), Confirmation::Fresh);
    }

    #[test]
    fn a_node_that_was_never_told_has_no_grace() {
        let start = Instant::now();
        let freshness = Freshness::new(start);
        assert_eq!(freshness.confirmed(start, GRACE), Confirmation::Stale);
        freshness.confirm(Feed::Redis, start);
        assert_eq!(freshness.confirmed(start, GRACE), Confirmation::Fresh);
    }

    #[test]
    fn an_older_word_takes_nothing_back() {
        let start = Instant::now();
        let freshness = Freshness::new(start);
        freshness.confirm(Feed::Redis, start + Duration::from_secs(5));
        freshness.confirm(Feed::Redis, start);
        assert!(freshness.is_fresh(Feed::Redis, start + Duration::from_secs(15)));
    }
}
