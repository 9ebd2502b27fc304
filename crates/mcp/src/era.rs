//! Which protocol era a message belongs to. The body decides; headers are only compared with it. Rules and their
//! order are those of the reference server (`typescript-sdk`, `inboundClassification.ts`; mcp.md §1.8).

use http::HeaderMap;

use crate::{
    Rejection,
    json::clip,
    message::{CAPABILITIES_KEY, Claim, Kind, Message, VERSION_KEY},
    mirror,
    rejection::Reason,
};

/// The versions without handshake that we speak, newest first.
pub const MODERN: [&str; 1] = ["2026-07-28"];

/// A version with the `initialize` handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegacyVersion {
    /// 2024-11-05, which only a handshake can lead to here.
    V2024_11_05,
    /// 2025-03-26, assumed where a client names none.
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

    /// The version with this text on the wire.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == text)
    }
}

/// The protocol era of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 2025-11-25.
    Legacy {
        /// What the header says; 2025-03-26 where there is none (a session knows better), and for `initialize`,
        /// which has no version yet.
        version: LegacyVersion,
    },
    /// 2026-07-28.
    Modern,
}

/// Decides the era of a POST, and makes the checks that come before the mirrored headers: for a modern message its
/// `_meta`, version header against claim, `Mcp-Method` against method, supported version, required headers. Call
/// [`mirror::check`] next.
///
/// A modern `initialize` is answered here (404); the other methods that 2026-07-28 removed (`ping`,
/// `logging/setLevel`, …) are left to the server, which knows what it implements.
pub fn classify(message: &Message, headers: &HeaderMap) -> Result<Era, Rejection> {
    era(message, headers).map_err(|reason| message.refuse(reason))
}

/// The version of a GET or DELETE, which only legacy eras have: header absent → 2025-03-26, unsupported → 400.
pub fn legacy_header(headers: &HeaderMap) -> Result<LegacyVersion, Rejection> {
    mirror::single(headers, &mirror::VERSION)
        .and_then(legacy_version)
        .map_err(|reason| Rejection::new(reason, None))
}

/// Whether the mirrored headers of this message count. `header` is the version header.
pub(crate) fn is_modern(message: &Message, header: Option<&[u8]>) -> bool {
    match (message.kind(), message.claim()) {
        (Kind::Response, _) | (Kind::Request, Claim::Absent) => false,
        // Notifications need no claim, so for them the header decides.
        (Kind::Notification, Claim::Absent) => header.is_some_and(names_modern),
        (Kind::Request | Kind::Notification, Claim::Malformed | Claim::Version(_)) => {
            message.method() != "initialize" || carries_modern_claim(message)
        }
    }
}

fn era(message: &Message, headers: &HeaderMap) -> Result<Era, Reason> {
    let header = mirror::single(headers, &mirror::VERSION)?;
    if is_modern(message, header) {
        return modern(message, headers, header).map(|()| Era::Modern);
    }
    let modern_header = header.is_some_and(names_modern);
    let initialize = message.method() == "initialize";
    match message.kind() {
        Kind::Response if modern_header => Err(Reason::UnexpectedResponse),
        Kind::Request if initialize && modern_header => Err(Reason::ModernHandshake),
        Kind::Request if modern_header => Err(Reason::Envelope {
            missing: missing_meta(message),
        }),
        Kind::Request if initialize => Ok(Era::Legacy {
            version: legacy_version(header).unwrap_or(LegacyVersion::V2025_03_26),
        }),
        Kind::Request | Kind::Notification | Kind::Response => {
            legacy_version(header).map(|version| Era::Legacy { version })
        }
    }
}

fn modern(message: &Message, headers: &HeaderMap, header: Option<&[u8]>) -> Result<(), Reason> {
    let missing = missing_meta(message);
    let request = message.kind() == Kind::Request;
    if !missing.is_empty() && (request || message.claim() == Claim::Malformed) {
        return Err(Reason::Envelope { missing });
    }
    let standard = mirror::Standard::read(headers, header)?;
    standard.check_equal(message)?;
    let version = message
        .protocol_version()
        .or_else(|| std::str::from_utf8(header?).ok())
        .unwrap_or_default();
    if !MODERN.contains(&version) {
        return Err(Reason::UnsupportedVersion {
            requested: clip(version),
        });
    }
    standard.check_presence(message)?;
    if message.method() == "initialize" {
        return Err(Reason::NoHandshake);
    }
    Ok(())
}

/// The keys that a modern request needs in `_meta`, and that are missing or malformed.
fn missing_meta(message: &Message) -> Vec<&'static str> {
    let version = message.protocol_version().is_none();
    let capabilities = !message
        .meta(CAPABILITIES_KEY)
        .is_some_and(|value| value.starts_with(b"{"));
    [
        version.then_some(VERSION_KEY),
        capabilities.then_some(CAPABILITIES_KEY),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether an `initialize` is nonetheless a modern message: only with a valid modern `_meta`.
fn carries_modern_claim(message: &Message) -> bool {
    let modern = message
        .protocol_version()
        .is_some_and(|version| names_modern(version.as_bytes()));
    modern && missing_meta(message).is_empty()
}

fn legacy_version(header: Option<&[u8]>) -> Result<LegacyVersion, Reason> {
    let Some(header) = header else {
        return Ok(LegacyVersion::V2025_03_26);
    };
    let text = std::str::from_utf8(header).ok();
    text.and_then(LegacyVersion::of)
        .ok_or_else(|| Reason::UnsupportedHeader {
            requested: text.filter(|text| text.len() <= 64).map(clip),
        })
}

/// Whether the text is a date that is no earlier than the first modern version; also those to come.
fn names_modern(version: &[u8]) -> bool {
    let date = version.len() == "YYYY-MM-DD".len()
        && version.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    date && version >= MODERN[MODERN.len() - 1].as_bytes()
}

#[cfg(test)]
mod tests;
