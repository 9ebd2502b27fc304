//! Writes the pieces of a JSON line straight into bytes.

use std::{
    io::Write as _,
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

/// `,"name":`
pub(super) fn field(line: &mut Vec<u8>, name: &'static str) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
}

/// `,"name":"value"`, escaped.
pub(super) fn text(line: &mut Vec<u8>, name: &'static str, value: &str) {
    field(line, name);
    line.push(b'"');
    escaped(line, value);
    line.push(b'"');
}

/// A decimal number.
pub(super) fn number(line: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).expect("a digit is below ten");
        value /= 10;
        if value == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

/// A decimal number with its sign.
pub(super) fn signed(line: &mut Vec<u8>, value: i64) {
    if value < 0 {
        line.push(b'-');
    }
    number(line, value.unsigned_abs());
}

/// Sixteen hexadecimal digits.
pub(super) fn hex(line: &mut Vec<u8>, value: u64) {
    for shift in (0..16).rev() {
        let digit = (value >> (shift * 4)) & 0xf;
        line.push(b"0123456789abcdef"[usize::try_from(digit).expect("a digit is below sixteen")]);
    }
}

/// RFC 3339 in UTC with microseconds.
pub(super) fn time(line: &mut Vec<u8>, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    padded(line, year, 4);
    for (mark, value) in [
        (b'-', month),
        (b'-', day),
        (b'T', second / 3600),
        (b':', second / 60 % 60),
        (b':', second % 60),
    ] {
        line.push(mark);
        padded(line, value, 2);
    }
    line.push(b'.');
    padded(line, since.subsec_micros().into(), 6);
    line.push(b'Z');
}

/// The first 128 bytes of a text, or a little less where a character would be cut.
pub(super) fn start(text: &str) -> &str {
    &text[..text.floor_char_boundary(128)]
}

/// The text of an IP address, without allocating.
pub(super) struct Address(pub(super) IpAddr);

/// Room for the longest address.
pub(super) struct AddressText {
    bytes: [u8; 46],
    length: usize,
}

impl Address {
    pub(super) fn text(&self) -> AddressText {
        let mut bytes = [0; 46];
        let mut rest = &mut bytes[..];
        write!(rest, "{}", self.0).expect("no address is longer");
        let length = 46 - rest.len();
        AddressText { bytes, length }
    }
}

impl AddressText {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("addresses are ASCII")
    }
}

fn escaped(line: &mut Vec<u8>, value: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7f;
    if value.bytes().all(plain) {
        line.extend_from_slice(value.as_bytes());
        return;
    }
    for byte in value.bytes() {
        if plain(byte) {
            line.push(byte);
        } else {
            line.extend_from_slice(b"\\u00");
            line.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
            line.push(b"0123456789abcdef"[usize::from(byte & 0xf)]);
        }
    }
}

fn padded(line: &mut Vec<u8>, value: u64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u64.pow(place) % 10;
        line.push(b'0' + u8::try_from(digit).expect("a digit is below ten"));
    }
}

/// Year, month and day of a count of days since 1970 (Howard Hinnant, "chrono-compatible low-level
/// date algorithms", `civil_from_days`, for days that are not negative).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    use super::*;

    #[test]
    fn numbers_and_addresses_are_written_in_full() {
        let mut line = Vec::new();
        number(&mut line, 0);
        number(&mut line, u64::MAX);
        signed(&mut line, -32_603);
        hex(&mut line, 0xab);
        assert_eq!(line, b"018446744073709551615-3260300000000000000ab");
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"
            .parse::<IpAddr>()
            .unwrap();
        assert_eq!(Address(longest).text().as_str(), longest.to_string());
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(start(&"é".repeat(100)).len(), 128);
        assert_eq!(start(&format!("a{}", "é".repeat(100))).len(), 127);
        assert_eq!(start("echo"), "echo");
    }

    proptest! {
        /// No text breaks out of its line or its field.
        #[test]
        fn any_text_stays_one_json_string(value in any::<String>()) {
            let mut line = b"{\"a\":1".to_vec();
            text(&mut line, "b", &value);
            line.push(b'}');
            prop_assert!(!line.contains(&b'\n'));
            let document = mcp::json::Document::parse(&line, &mcp::json::Limits::default());
            prop_assert!(document.is_ok());
        }

        #[test]
        fn times_are_rfc_3339(seconds in 0_u64..10_000_000_000, micros in 0_u32..1_000_000) {
            let moment = UNIX_EPOCH + Duration::new(seconds, micros * 1000);
            let mut line = Vec::new();
            time(&mut line, moment);
            let text = String::from_utf8(line).unwrap();
            let parsed = OffsetDateTime::parse(&text, &Rfc3339).unwrap();
            prop_assert_eq!(SystemTime::from(parsed), moment);
            prop_assert_eq!(text.len(), 27);
        }
    }
}
