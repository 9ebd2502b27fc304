//! What a node admits on its own while Redis gives no answer: a part of each limit, so that the limit
//! holds roughly over all nodes. The bucket keeps filling while Redis answers, which makes the bound
//! the same however often Redis comes and goes.

use std::{
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use super::{
    bucket::{Level, Pace},
    rate::Limit,
};

/// How much of each limit a node may admit on its own, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part(u32);

/// Not a part.
#[derive(Debug, thiserror::Error)]
#[error("it must be more than 0 and at most 1, such as 0.5")]
pub struct PartError;

impl Part {
    /// So many thousandths, 1 to 1,000.
    pub const fn of_permille(permille: u32) -> Option<Self> {
        match permille {
            1..=1_000 => Some(Self(permille)),
            _ => None,
        }
    }

    /// In thousandths.
    pub fn permille(self) -> u32 {
        self.0
    }
}

impl FromStr for Part {
    type Err = PartError;

    /// Reads a decimal fraction with at most three digits after the point.
    fn from_str(text: &str) -> Result<Self, PartError> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() != 1 || rest.len() > 3 || !digits(whole) || !digits(rest) {
            return Err(PartError);
        }
        let permille = format!("{whole}{rest:0<3}").parse();
        permille.ok().and_then(Self::of_permille).ok_or(PartError)
    }
}

/// One key's local bucket. It starts full.
#[derive(Debug, Default)]
pub(super) struct Share(Mutex<Option<(Limit, Level)>>);

impl Share {
    /// Takes a token of `part` of the limit, or says how many milliseconds to wait.
    pub(super) fn take(&self, limit: &Limit, part: Part, now: u64) -> Result<(), u64> {
        let pace = Pace::share(limit, part.permille());
        self.with(|bucket| {
            let (last, level) = bucket.get_or_insert_with(|| (*limit, Level::full(pace, now)));
            if last != limit {
                level.convert(Pace::share(last, part.permille()), pace);
                *last = *limit;
            }
            level.take(pace, now)
        })
    }

    /// Puts a token back that was not used.
    pub(super) fn put_back(&self, part: Part) {
        self.with(|bucket| {
            if let Some((limit, level)) = bucket {
                level.put_back(Pace::share(limit, part.permille()));
            }
        });
    }

    /// Whether forgetting the bucket would give nobody a token more.
    pub(super) fn is_full(&self, part: Part, now: u64) -> bool {
        self.with(|bucket| {
            bucket.is_none_or(|(limit, level)| {
                level.is_full(Pace::share(&limit, part.permille()), now)
            })
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<(Limit, Level)>) -> T) -> T {
        // Nothing in here can be left half done by a panic.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        tokens: 10,
        per_ms: 1_000,
        burst: 20,
    };

    const HALF: Part = Part(500);

    #[test]
    fn a_part_is_more_than_nothing_and_at_most_everything() {
        for (text, permille) in [("1", 1_000), ("1.0", 1_000), ("0.5", 500), ("0.001", 1)] {
            assert_eq!(text.parse::<Part>().unwrap().permille(), permille);
        }
        for bad in ["0", "0.0", "1.001", "2", "", ".5", "-0.5", "0.0005", "1e-1"] {
            assert!(bad.parse::<Part>().is_err(), "{bad}");
        }
    }

    #[test]
    fn half_a_limit_is_half_its_burst_and_half_its_rate() {
        let share = Share::default();
        assert_eq!(taken(&share, HALF, 0), 10);
        assert_eq!(share.take(&LIMIT, HALF, 0), Err(200));
        assert_eq!(share.take(&LIMIT, HALF, 199), Err(1));
        assert_eq!(taken(&share, HALF, 1_000), 5);
        assert!(!share.is_full(HALF, 1_000));
        assert!(share.is_full(HALF, 3_000));
    }

    #[test]
    fn the_smallest_share_is_still_a_token_now_and_then() {
        let share = Share::default();
        assert_eq!(taken(&share, Part(1), 0), 1);
        assert_eq!(share.take(&LIMIT, Part(1), 0), Err(100_000));
        assert_eq!(taken(&share, Part(1), 100_000), 1);
    }

    #[test]
    fn another_limit_keeps_what_was_there() {
        let share = Share::default();
        assert_eq!(taken(&share, HALF, 0), 10);
        let faster = Limit {
            per_ms: 2_000,
            tokens: 100,
            burst: 1_000,
        };
        assert_eq!(share.take(&faster, HALF, 0), Err(40));
        share.put_back(HALF);
        assert_eq!(share.take(&faster, HALF, 0), Ok(()));
    }

    fn taken(share: &Share, part: Part, now: u64) -> usize {
        std::iter::from_fn(|| share.take(&LIMIT, part, now).ok()).count()
    }
}
