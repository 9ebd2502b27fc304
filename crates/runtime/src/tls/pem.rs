//! PEM files as they stand on disk: kept as text for tonic and parsed for rustls.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::TlsError;

/// One or more certificates.
#[derive(Clone)]
pub(super) struct Chain {
    path: PathBuf,
    pem: Vec<u8>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Chain {
    pub(super) fn read(path: &Path) -> Result<Self, TlsError> {
        let pem = std::fs::read(path).map_err(|source| unreadable(path, source))?;
        let certificates = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| TlsError::Pem {
                path: path.into(),
                source,
            })?;
        if certificates.is_empty() {
            return Err(TlsError::Empty {
                path: path.into(),
                kind: "certificate",
            });
        }
        Ok(Self {
            path: path.into(),
            pem,
            certificates,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pem(&self) -> &[u8] {
        &self.pem
    }

    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

/// A private key that only its owner may read.
pub(super) struct PrivateKey {
    path: PathBuf,
    pem: SecretString,
    key: PrivateKeyDer<'static>,
}

impl PrivateKey {
    pub(super) fn read(path: &Path) -> Result<Self, TlsError> {
        let pem = read_private(path)?;
        let key =
            PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|source| {
                match source {
                    pem::Error::NoItemsFound => TlsError::Empty {
                        path: path.into(),
                        kind: "private key",
                    },
                    source => TlsError::Pem {
                        path: path.into(),
                        source,
                    },
                }
            })?;
        Ok(Self {
            path: path.into(),
            pem,
            key,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pem(&self) -> &SecretString {
        &self.pem
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

impl Clone for PrivateKey {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            pem: self.pem.clone(),
            key: self.key(),
        }
    }
}

/// Mode and content are taken from one open file, so that nobody can exchange it in between.
fn read_private(path: &Path) -> Result<SecretString, TlsError> {
    let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
    let metadata = file.metadata().map_err(|source| unreadable(path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyMode {
            path: path.into(),
            mode,
        });
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|source| unreadable(path, source))?;
    Ok(SecretString::from(text))
}

fn unreadable(path: &Path, source: io::Error) -> TlsError {
    TlsError::Read {
        path: path.into(),
        source,
    }
}
