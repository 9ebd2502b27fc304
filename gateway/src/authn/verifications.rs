//! How many signed tokens of one kind were verified, by outcome. What was remembered is not counted,
//! so `accepted` grows once per token and node.

use metrics::{Counter, counter};
use token::jwt::Refusal;

/// One counter for each outcome.
pub(super) struct Verifications {
    accepted: Counter,
    expired: Counter,
    unknown_key: Counter,
    refused: Counter,
}

impl Verifications {
    /// The counters of the metric with this name.
    pub(super) fn counted_in(metric: &'static str) -> Self {
        let outcome = |outcome| counter!(metric, "outcome" => outcome);
        Self {
            accepted: outcome("accepted"),
            expired: outcome("expired"),
            unknown_key: outcome("unknown_key"),
            refused: outcome("refused"),
        }
    }

    /// Counts what a verification came to.
    pub(super) fn count<T>(&self, outcome: &Result<T, Refusal>) {
        match outcome {
            Ok(_) => &self.accepted,
            Err(Refusal::Expired) => &self.expired,
            Err(Refusal::UnknownKey) => &self.unknown_key,
            Err(Refusal::Malformed | Refusal::Invalid) => &self.refused,
        }
        .increment(1);
    }
}
