//! What a controller says about the stream in Redis, and whether that is worth anything: it was said in
//! this very process of Redis, and not too long ago by its clock.

use std::time::Duration;

use proto::revocation::field;

/// The fields of the marker, in the order in which they are read.
pub(super) const FIELDS: [&str; 6] = [
    field::EPOCH,
    field::BASE,
    field::LAST,
    field::TIME,
    field::RUN,
    field::BUILT,
];

/// The fields; the time as seconds and microseconds; what Redis says about itself.
pub(super) type Answer = (Vec<Option<String>>, (u64, u64), String);

/// What a controller says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) epoch: u64,
    /// Every revocation numbered lower has expired.
    pub(super) base: u64,
    /// The last entry.
    pub(super) last: u64,
    pub(super) making: Making,
    /// Whether it was said here and lately.
    pub(super) vouches: bool,
}

/// Which making of the stream it is, in which process of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Making {
    epoch: u64,
    built: String,
    run: String,
}

impl Marker {
    /// None where the marker is not whole.
    pub(super) fn read((fields, (seconds, micros), info): Answer) -> Option<Self> {
        let mut fields = fields.into_iter();
        let mut next = || fields.next().flatten();
        let mut number = || next()?.parse::<u64>().ok();
        let (epoch, base, last) = (number()?, number()?, number()?);
        let said_at = number().map(Duration::from_millis);
        let (said_in, built) = (next(), next().unwrap_or_default());
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:"))?;
        let now = Duration::from_secs(seconds) + Duration::from_micros(micros);
        let lately = said_at.is_some_and(|said| now.saturating_sub(said) <= UNATTENDED);
        Some(Self {
            epoch,
            base,
            last,
            vouches: lately && said_in.as_deref() == Some(run),
            making: Making {
                epoch,
                built,
                run: run.to_owned(),
            },
        })
    }
}

/// How long the feed counts while no controller looks after it (design.md §10).
const UNATTENDED: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    /// Design §10: the same run id, and for at most 24 h without a controller's marker.
    #[test]
    fn a_marker_vouches_in_the_process_it_was_said_in_and_for_a_day() {
        let marker = |time: &str, run: &str| {
            let fields = ["7", "3", "9", time, run, "1"];
            let fields = fields.map(|field| Some(field.to_owned())).to_vec();
            let info = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n".to_owned();
            Marker::read((fields, (90_000, 500_000), info)).unwrap()
        };
        let fresh = marker("90000000", "abc");
        assert_eq!((fresh.epoch, fresh.base, fresh.last), (7, 3, 9));
        assert!(fresh.vouches);
        assert!(marker("3600500", "abc").vouches);
        assert!(!marker("3600499", "abc").vouches);
        assert!(!marker("90000000", "before").vouches);
    }

    #[test]
    fn what_was_flushed_says_nothing() {
        let info = "run_id:abc\n".to_owned();
        assert_eq!(Marker::read((vec![None; 6], (1, 0), info)), None);
    }
}
