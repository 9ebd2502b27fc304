//! When one source of keys is fetched. Time is a parameter, so that a day passes at once in tests.

use std::time::Duration;

use tokio::time::Instant;

/// One source's state.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The last attempt began then.
    attempted: Option<Instant>,
    running: bool,
    failures: u32,
    /// To be fetched from then on.
    due: Instant,
    /// What there is counts until then; `None` when there is nothing.
    stale: Option<Instant>,
}

/// The answer to who wants the keys fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Do it; the source counts as being fetched from now on.
    Start,
    /// Somebody does.
    Running,
    /// Not now.
    TooSoon,
}

impl Schedule {
    /// Never fetched, and due.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            attempted: None,
            running: false,
            failures: 0,
            due: now,
            stale: None,
        }
    }

    /// Whether what there is has to be fetched anew.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.running && self.due <= now
    }

    /// Whether what there is has become too old to count.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.stale.is_some_and(|stale| stale <= now)
    }

    /// Asks because it is time.
    pub(super) fn ask_due(&mut self, now: Instant) -> Asked {
        if self.due <= now {
            self.ask_unknown(now)
        } else {
            Asked::TooSoon
        }
    }

    /// Asks because a token names a key that is not there.
    pub(super) fn ask_unknown(&mut self, now: Instant) -> Asked {
        if self.running {
            return Asked::Running;
        }
        if self.attempted.is_some_and(|last| now < last + GAP) {
            return Asked::TooSoon;
        }
        self.running = true;
        self.attempted = Some(now);
        Asked::Start
    }

    /// The fetch that was to start will not.
    pub(super) fn give_up(&mut self) {
        self.running = false;
        self.attempted = None;
    }

    /// Moves everything into the past.
    #[cfg(test)]
    pub(super) fn pass(&mut self, time: Duration) {
        self.due -= time;
        for instant in self.attempted.iter_mut().chain(&mut self.stale) {
            *instant -= time;
        }
    }

    /// The issuer has answered; its keys are fresh so long, if it says so.
    pub(super) fn fetched(&mut self, now: Instant, max_age: Option<Duration>) {
        self.running = false;
        self.failures = 0;
        self.due = now + max_age.unwrap_or(FRESH).clamp(FRESH_MIN, FRESH_MAX);
        self.stale = Some(self.due + STALE);
    }

    /// The issuer has not. The longer that lasts, the rarer it is asked.
    pub(super) fn failed(&mut self, now: Instant) {
        self.running = false;
        let pause = GAP * 2_u32.saturating_pow(self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        self.due = now + pause.min(FRESH);
    }
}

/// At least this lies between two attempts, whoever asks.
const GAP: Duration = Duration::from_secs(30);
/// How long keys are fresh when the issuer does not say.
const FRESH: Duration = Duration::from_mins(15);
/// And what it can say at least and at most.
const FRESH_MIN: Duration = Duration::from_mins(1);
const FRESH_MAX: Duration = Duration::from_hours(24);
/// How long keys are used beyond that when the issuer does not answer.
const STALE: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    /// TK-06: a thousand unknown keys in ten seconds are one fetch.
    #[test]
    fn whoever_asks_there_are_thirty_seconds_between_attempts() {
        let (mut schedule, start) = schedule();
        assert_eq!(schedule.ask_due(start), Asked::Start);
        assert_eq!(schedule.ask_unknown(start), Asked::Running);
        schedule.fetched(start, None);
        for second in 0..30 {
            let now = start + Duration::from_secs(second);
            assert_eq!(schedule.ask_unknown(now), Asked::TooSoon);
        }
        let later = start + GAP;
        assert_eq!(schedule.ask_unknown(later), Asked::Start);
        schedule.failed(later);
        assert_eq!(schedule.ask_unknown(later + GAP / 2), Asked::TooSoon);
        assert_eq!(schedule.ask_unknown(later + GAP), Asked::Start);
    }

    /// S3-12: 15 minutes, or what the issuer says within bounds.
    #[test]
    fn keys_are_fresh_as_long_as_the_issuer_says_within_bounds() {
        for (said, held) in [
            (None, Duration::from_mins(15)),
            (Some(Duration::ZERO), Duration::from_mins(1)),
            (Some(Duration::from_mins(5)), Duration::from_mins(5)),
            (Some(Duration::MAX), Duration::from_hours(24)),
        ] {
            let (mut schedule, start) = schedule();
            assert_eq!(schedule.ask_due(start), Asked::Start);
            schedule.fetched(start, said);
            assert!(!schedule.is_due(start + held - Duration::from_secs(1)));
            assert!(schedule.is_due(start + held), "{said:?}");
        }
    }

    #[test]
    fn an_outage_keeps_the_keys_for_a_day_beyond_their_time() {
        let (mut schedule, start) = schedule();
        schedule.ask_due(start);
        schedule.fetched(start, None);
        let end = start + FRESH + STALE;
        let (mut now, mut attempts) = (start + FRESH, 0);
        while now < end {
            assert!(!schedule.is_stale(now));
            if schedule.ask_due(now) == Asked::Start {
                schedule.failed(now);
                attempts += 1;
            }
            now += Duration::from_secs(5);
        }
        assert!(schedule.is_stale(end));
        assert!((90..=110).contains(&attempts), "{attempts}");
        assert!(schedule.ask_unknown(end + FRESH) == Asked::Start);
        schedule.fetched(end + FRESH, None);
        assert!(!schedule.is_stale(end + FRESH));
    }

    fn schedule() -> (Schedule, Instant) {
        let now = Instant::now();
        (Schedule::new(now), now)
    }
}
