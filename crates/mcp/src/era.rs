//! Signatures first.
use http::HeaderMap;

use crate::{Rejection, message::Message};

/// The modern versions we speak.
pub const MODERN: [&str; 1] = ["2026-07-28"];

/// A version with the `initialize` handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegacyVersion {
    /// 2024-11-05
    V2024_11_05,
    /// 2025-03-26
    V2025_03_26,
    /// 2025-06-18
    V2025_06_18,
    /// 2025-11-25
    V2025_11_25,
}

impl LegacyVersion {
    /// All, newest first.
    pub const ALL: [Self; 4] = [
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
    ];
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }
    /// Of the text on the wire.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == text)
    }
}

/// The protocol era of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 2025-11-25. `version` is what the header says, 2025-03-26 where it is absent; a session knows better.
    Legacy {
        /// The version.
        version: LegacyVersion,
    },
    /// 2026-07-28.
    Modern,
}

/// Decides the era of a POST.
pub fn classify(_message: &Message, _headers: &HeaderMap) -> Result<Era, Rejection> {
    unimplemented!()
}

/// The version header of a GET or DELETE, which only legacy eras have.
pub fn legacy_header(_headers: &HeaderMap) -> Result<LegacyVersion, Rejection> {
    unimplemented!()
}
