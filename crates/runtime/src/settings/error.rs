//! Why a setting cannot be used. Every message names the variable and how to put it right, and none
//! repeats a value.

use std::{io, path::PathBuf};

/// A setting is missing, contradictory or not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A setting without a default is not set.
    #[error("{name} is not set; set it{}", file_hint(.name))]
    Missing {
        /// The variable.
        name: &'static str,
    },

    /// The value stands in two places.
    #[error("{name} and {name}_FILE are both set; unset one of them")]
    Both {
        /// The variable.
        name: &'static str,
    },

    /// The value is not text.
    #[error("{name} is not valid UTF-8; set it to plain text")]
    NotUnicode {
        /// The variable.
        name: String,
    },

    /// The value cannot be read as what it should be.
    #[error("{name} is not valid: {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What its type says is wrong; the value itself is left out, it may be a secret.
        reason: String,
    },

    /// The file that should hold the value cannot be read.
    #[error("{name}_FILE names {}, which cannot be read; check that it exists and that this user may read it", path.display())]
    File {
        /// The variable, without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What reading said.
        source: io::Error,
    },
}

fn file_hint(name: &str) -> String {
    if name.ends_with("_FILE") {
        " to the path of a file".to_owned()
    } else {
        format!(", or set {name}_FILE to the path of a file that holds it")
    }
}
