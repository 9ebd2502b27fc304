//! Why certificates or keys cannot be used. Messages name the file and the remedy.

use std::{io, path::PathBuf};

use rustls::{pki_types::pem, server::VerifierBuilderError};

/// A certificate or key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {}; check that it exists and that this user may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What reading said.
        source: io::Error,
    },

    /// Others could read the private key.
    #[error("the private key {} is open to group or others (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },

    /// The file holds no PEM block of the kind it should.
    #[error("{} holds no {kind} in PEM form", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        kind: &'static str,
    },

    /// A PEM block in the file is damaged.
    #[error("{} is not valid PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What parsing said.
        source: pem::Error,
    },

    /// Certificate and key do not belong together, or the key is of a kind we do not support.
    #[error("the certificate {} and the private key {} do not fit together", cert.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },

    /// A certificate in the CA file is not one.
    #[error("{} holds a certificate that cannot be a CA", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },

    /// The CA file cannot verify clients.
    #[error("{} cannot be used to verify client certificates", path.display())]
    Verifier {
        /// The file.
        path: PathBuf,
        /// What rustls said.
        source: VerifierBuilderError,
    },

    /// The crypto provider lacks what TLS needs.
    #[error("the crypto provider does not support the TLS versions we use")]
    Provider {
        /// What rustls said.
        source: rustls::Error,
    },
}
