//! Moments and times in plain words.

use std::time::Duration;

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A moment, for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) words: String,
    pub(super) exact: String,
}

impl Moment {
    /// By its date: `3 November 2026`.
    pub(super) fn date(of: OffsetDateTime) -> Self {
        let of = of.to_offset(UtcOffset::UTC);
        let words = format!("{} {} {}", of.day(), of.month(), of.year());
        Self::new(of, words)
    }

    /// By how long ago it was, and after a month by its date.
    pub(super) fn ago(of: OffsetDateTime, now: OffsetDateTime) -> Self {
        let minutes = (now - of).whole_minutes();
        let words = match minutes {
            ..=0 => "just now".to_owned(),
            1..60 => several(minutes, "minute") + " ago",
            60..1440 => several(minutes / 60, "hour") + " ago",
            1440..43_200 => several(minutes / 1440, "day") + " ago",
            _ => return Self::date(of),
        };
        Self::new(of, words)
    }

    fn new(of: OffsetDateTime, words: String) -> Self {
        let of = of.to_offset(UtcOffset::UTC).replace_nanosecond(0);
        let of = of.expect("zero nanoseconds are valid");
        let exact = of.format(&Rfc3339).unwrap_or_default();
        Self { words, exact }
    }
}

/// How long something lasts, roughly: `90 days`.
pub(super) fn length(of: Duration) -> String {
    let minutes = i64::try_from(of.as_secs().div_ceil(60)).unwrap_or(i64::MAX);
    match minutes {
        ..120 => several(minutes, "minute"),
        120..2880 => several(minutes / 60, "hour"),
        _ => several(minutes / 1440, "day"),
    }
}

/// How long to wait, never too short.
pub(super) fn wait(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    if seconds < 60 {
        several(seconds.max(1), "second")
    } else {
        several(
            seconds.div_euclid(60) + i64::from(seconds % 60 > 0),
            "minute",
        )
    }
}

fn several(number: i64, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn moments_read_like_people_say_them() {
        let now = datetime!(2026-11-21 12:00 UTC);
        for (then, words) in [
            (datetime!(2026-11-21 12:00:30 UTC), "just now"),
            (datetime!(2026-11-21 11:59 UTC), "1 minute ago"),
            (datetime!(2026-11-21 09:30 UTC), "2 hours ago"),
            (datetime!(2026-11-01 12:00 UTC), "20 days ago"),
            (datetime!(2026-01-02 23:30 -1), "3 January 2026"),
        ] {
            assert_eq!(Moment::ago(then, now).words, words);
        }
        let exact = Moment::date(datetime!(2026-01-02 23:30:01.5 -1)).exact;
        assert_eq!(exact, "2026-01-03T00:30:01Z");
    }

    #[test]
    fn times_are_rounded_to_what_matters() {
        for (seconds, words) in [
            (3600, "60 minutes"),
            (7200, "2 hours"),
            (90 * 86_400, "90 days"),
        ] {
            assert_eq!(length(Duration::from_secs(seconds)), words);
        }
        for (seconds, words) in [
            (0, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (61, "2 minutes"),
        ] {
            assert_eq!(wait(seconds), words);
        }
    }
}
