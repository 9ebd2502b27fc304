//! Reads a key file. Whoever can read that file can open everything, so a careless mode is refused
//! rather than warned of.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::NO_PAD},
};
use zeroize::Zeroizing;

use crate::primitive::{KEY, Secret};

/// The key file cannot be used. Never says anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// It could not be read.
    #[error("cannot read the key file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("the key file {} is no regular file", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// Group or others may access it.
    #[error("the key file {} has mode {mode:04o}; run `chmod 0400 {}`", path.display(), path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold 32 bytes.
    #[error(
        "the key file {} must hold 32 random bytes, raw, in hex or in base64; make one with `openssl rand -hex 32`",
        path.display()
    )]
    Content {
        /// The file.
        path: PathBuf,
    },
}

pub(super) fn read(path: &Path) -> Result<Secret, KekError> {
    let failed = |source| KekError::Read {
        path: path.into(),
        source,
    };
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(KekError::Kind { path: path.into() });
    }
    // Mode and content are of the same open file, whatever happens to the path meanwhile.
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KekError::Mode {
            path: path.into(),
            mode,
        });
    }
    let mut content = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    decode(&content).ok_or_else(|| KekError::Content { path: path.into() })
}

/// The three forms have different lengths, so none can be taken for another.
fn decode(content: &[u8]) -> Option<Secret> {
    if content.len() == KEY {
        return raw(content);
    }
    let text = content.strip_suffix(b"\n").unwrap_or(content);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match text.len() {
        HEX => hex(text),
        BASE64 => base64(text),
        BASE64_PADDED => base64(text.strip_suffix(b"=")?),
        _ => None,
    }
}

/// 32 printable bytes are a password or half a hex key, with far less than 256 random bits.
fn raw(content: &[u8]) -> Option<Secret> {
    let printable = content.iter().all(u8::is_ascii_graphic);
    if printable { None } else { secret(content) }
}

fn hex(text: &[u8]) -> Option<Secret> {
    let mut out = Secret::default();
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |at: usize| {
            char::from(pair[at])
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        *byte = digit(0)? << 4 | digit(1)?;
    }
    Some(out)
}

/// Either alphabet.
fn base64(text: &[u8]) -> Option<Secret> {
    let alphabet = if text.iter().any(|byte| b"-_".contains(byte)) {
        base64::alphabet::URL_SAFE
    } else {
        base64::alphabet::STANDARD
    };
    let config: GeneralPurposeConfig = NO_PAD;
    let bytes = GeneralPurpose::new(&alphabet, config).decode(text).ok();
    secret(&Zeroizing::new(bytes?))
}

fn secret(bytes: &[u8]) -> Option<Secret> {
    let mut out = Secret::default();
    (bytes.len() == KEY).then(|| {
        out.copy_from_slice(bytes);
        out
    })
}

const HEX: usize = 64;
const BASE64: usize = 43;
const BASE64_PADDED: usize = 44;
const LONGEST: usize = HEX + 2;

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    };

    use super::*;
    use crate::Kek;

    #[test]
    fn raw_hex_and_base64_name_the_same_key() {
        let hex = "07".repeat(32);
        let base64 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        let contents = [
            vec![7; 32],
            hex.clone().into(),
            format!("{hex}\n").into(),
            base64.into(),
            format!("{base64}=").into(),
            format!("{base64}=\r\n").into(),
        ];
        for content in contents {
            let kek = with_file(&content, 0o400, Kek::read).unwrap();
            assert_eq!(kek.id(), Kek::of(&[7; 32]).id());
        }
    }

    #[test]
    fn a_file_that_group_or_others_may_access_is_refused_with_the_cure() {
        assert!(with_file(&[7; 32], 0o600, Kek::read).is_ok());
        for mode in [0o440, 0o404, 0o644, 0o620, 0o601] {
            let error = with_file(&[7; 32], mode, Kek::read).unwrap_err();
            assert!(matches!(error, KekError::Mode { mode: found, .. } if found == mode));
            let text = error.to_string();
            assert!(
                text.contains(&format!("{mode:04o}")) && text.contains("chmod 0400"),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_but_32_bytes_is_refused_and_not_quoted() {
        let half = "ab".repeat(16);
        let bad: [&[u8]; 7] = [
            b"",
            &[7; 31],
            &[7; 33],
            half.as_bytes(),
            b"correct-horse-battery-staple-abc",
            &[b'g'; 64],
            &[b'a'; 4096],
        ];
        for content in bad {
            let error = with_file(content, 0o400, Kek::read).unwrap_err();
            assert!(matches!(error, KekError::Content { .. }), "{error}");
            assert!(!error.to_string().contains("horse"));
        }
    }

    #[test]
    fn a_missing_file_and_a_directory_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("kek");
        assert!(matches!(Kek::read(&missing), Err(KekError::Read { .. })));
        assert!(matches!(
            Kek::read(folder.path()),
            Err(KekError::Kind { .. })
        ));
    }

    fn with_file<T>(content: &[u8], mode: u32, then: impl FnOnce(&Path) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        then(&path)
    }
}
