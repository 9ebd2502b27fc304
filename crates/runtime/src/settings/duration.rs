//! Durations as people write them in settings.

use std::time::Duration;

/// The text is no duration we read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "not a duration; write a whole number and a unit (ms, s, m, h or d), for example 250ms, 3s or 24h"
)]
pub(super) struct InvalidDuration;

pub(super) fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or(InvalidDuration)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| InvalidDuration)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(InvalidDuration),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or(InvalidDuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, millis) in [
            ("250ms", 250),
            ("3s", 3_000),
            ("10m", 600_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "3",
            "s",
            "3 s",
            "-3s",
            "1.5s",
            "3S",
            "3s4s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse(text), Err(InvalidDuration), "{text}");
        }
    }
}
