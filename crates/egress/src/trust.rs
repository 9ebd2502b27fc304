//! Which certificates of servers are trusted: the machine's authorities, and what the operator
//! adds.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
    server::VerifierBuilderError,
};
use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject as _},
};
use rustls_platform_verifier::Verifier;

/// The client side of TLS: HTTP/1.1, no client certificate. Cloning is cheap.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The authorities of the machine (Debian: `ca-certificates`), read once.
    pub fn platform() -> Result<Self, TrustError> {
        Self::platform_and(b"")
    }

    /// The authorities of the machine and those in this PEM text.
    pub fn platform_and(extra: &[u8]) -> Result<Self, TrustError> {
        let extra = certificates(extra)?;
        let verifier =
            Verifier::new_with_extra_roots(extra, provider()).map_err(TrustError::Platform)?;
        Self::new(Arc::new(verifier))
    }

    /// Only the authorities in this PEM text.
    pub fn only(authorities: &[u8]) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authorities)? {
            roots.add(certificate).map_err(TrustError::Authority)?;
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()?;
        Self::new(verifier)
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    fn new(
        verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>,
    ) -> Result<Self, TrustError> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TrustError::Provider)?
            .dangerous() // rustls calls every verifier of one's own dangerous; both of ours verify.
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// Why no set of trusted authorities could be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The PEM text is damaged.
    #[error("the extra authorities (ALDGATE_EXTRA_CA_FILE) are not valid PEM")]
    Pem(#[source] pem::Error),

    /// A certificate in it is none.
    #[error(
        "the extra authorities (ALDGATE_EXTRA_CA_FILE) hold a certificate that cannot be an authority"
    )]
    Authority(#[source] rustls::Error),

    /// The machine has no authorities, or an extra one is none.
    #[error(
        "the machine's certificate authorities cannot be used; install the package ca-certificates"
    )]
    Platform(#[source] rustls::Error),

    /// No authority at all.
    #[error("there is no certificate authority to trust")]
    Empty(#[from] VerifierBuilderError),

    /// The crypto provider lacks what TLS needs.
    #[error("the crypto provider does not support the TLS versions we use")]
    Provider(#[source] rustls::Error),
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(TrustError::Pem)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
