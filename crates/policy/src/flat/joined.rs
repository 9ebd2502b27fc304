//! `{server}__{tool}` (S4-52), without an allocation for names of ordinary length.

use std::str;

/// Enough for a slug, and a tool's name of 400 bytes.
const SHORT: usize = 448;

/// A joined name.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one decision; a box would be the allocation it avoids"
)]
pub(super) enum Joined {
    Short([u8; SHORT], usize),
    Long(String),
}

impl Joined {
    pub(super) fn new(server: &str, tool: &str) -> Self {
        let parts = [server, "__", tool];
        if parts.iter().map(|part| part.len()).sum::<usize>() > SHORT {
            return Self::Long(parts.concat());
        }
        let mut bytes = [0; SHORT];
        let mut end = 0;
        for part in parts {
            bytes[end..end + part.len()].copy_from_slice(part.as_bytes());
            end += part.len();
        }
        Self::Short(bytes, end)
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short(bytes, end) => {
                str::from_utf8(&bytes[..*end]).expect("it was joined from whole text")
            }
            Self::Long(text) => text,
        }
    }
}
