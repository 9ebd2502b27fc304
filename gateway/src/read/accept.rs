//! The `Accept` header. The specification wants both types in it; like the public server packages'
//! clients we are lenient with wildcards, and refuse only who can read neither.

use http::{HeaderValue, header::GetAll};

/// Which kinds of reply a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepts {
    /// `application/json`.
    pub json: bool,
    /// `text/event-stream`.
    pub events: bool,
}

impl Accepts {
    /// Both kinds.
    pub const BOTH: Self = Self {
        json: true,
        events: true,
    };

    /// Streams only.
    pub const EVENTS: Self = Self {
        json: false,
        events: true,
    };

    /// Reads the lines of the header; none at all accepts everything (RFC 9110 §12.5.1).
    pub(super) fn of(lines: &GetAll<'_, HeaderValue>) -> Self {
        let mut accepts = Self {
            json: false,
            events: false,
        };
        let mut lines = lines.iter().peekable();
        if lines.peek().is_none() {
            return Self::BOTH;
        }
        let ranges = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','));
        for range in ranges {
            let (essence, parameters) = range.split_once(';').unwrap_or((range, ""));
            if is_refusal(parameters) {
                continue;
            }
            match essence.trim() {
                "*/*" => return Self::BOTH,
                kind if kind.eq_ignore_ascii_case("application/json") => accepts.json = true,
                kind if kind.eq_ignore_ascii_case("application/*") => accepts.json = true,
                kind if kind.eq_ignore_ascii_case("text/event-stream") => accepts.events = true,
                kind if kind.eq_ignore_ascii_case("text/*") => accepts.events = true,
                _ => {}
            }
        }
        accepts
    }

    /// Whether there is any reply the client can read.
    pub(super) fn any(self) -> bool {
        self.json || self.events
    }

    /// The header for the server.
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(match (self.json, self.events) {
            (true, false) => "application/json",
            (false, true) => "text/event-stream",
            _ => "application/json, text/event-stream",
        })
    }
}

/// `q=0` means "not acceptable" (RFC 9110 §12.4.2).
fn is_refusal(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let weight = parameter.trim();
        weight
            .strip_prefix("q=")
            .or_else(|| weight.strip_prefix("Q="))
            .is_some_and(|weight| weight.parse::<f32>() == Ok(0.0))
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header::ACCEPT};

    use super::*;

    #[test]
    fn both_types_may_be_spelled_in_many_ways() {
        let json = Accepts {
            json: true,
            events: false,
        };
        for (lines, expected) in [
            (&[][..], Accepts::BOTH),
            (&["application/json, text/event-stream"], Accepts::BOTH),
            (
                &["application/json", "text/event-stream;q=0.5"],
                Accepts::BOTH,
            ),
            (&["*/*"], Accepts::BOTH),
            (&["text/html, */*;q=0.8"], Accepts::BOTH),
            (&["Application/Json"], json),
            (&["application/*"], json),
            (&["text/event-stream"], Accepts::EVENTS),
            (&["application/json, text/event-stream;q=0"], json),
        ] {
            assert_eq!(accepts(lines), expected, "{lines:?}");
        }
        for none in ["text/html", "", "application/json;q=0", "*/*;q=0"] {
            assert!(!accepts(&[none]).any(), "{none}");
        }
    }

    fn accepts(lines: &[&str]) -> Accepts {
        let headers: HeaderMap = lines
            .iter()
            .map(|line| (ACCEPT, HeaderValue::from_str(line).unwrap()))
            .collect();
        Accepts::of(&headers.get_all(ACCEPT))
    }
}
