//! TLS by rustls: the mutual kind between our processes, and the plain server kind of the public
//! door.
//!
//! Connections to the tenants' servers are `egress`'s business, and rotation of certificates comes
//! with the cluster work.

mod error;
mod pem;

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use secrecy::SecretString;

pub use self::error::TlsError;
use self::pem::{Chain, PrivateKey};

/// Makes aws-lc-rs the crypto provider of the process. First line of every `main`: rustls panics
/// where it must guess. Calling it again changes nothing.
pub fn install_provider() {
    // An error means that a provider is installed, which is all this is for.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// Whether a client must show a certificate. One that is shown is always verified against our CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// No certificate, no connection.
    Required,
    /// For a port that nodes (certificate) and people (bearer token) share.
    Optional,
}

/// Who this process is towards our other processes: certificate chain, private key, and the CA that
/// signs all of ours.
#[derive(Clone)]
pub struct Identity {
    cert: Chain,
    key: PrivateKey,
    ca: Chain,
    required: Arc<ServerConfig>,
    optional: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Identity {
    /// Reads the three PEM files and checks that they belong together. The key's file must be
    /// readable by its owner alone.
    pub fn read(cert: &Path, key: &Path, ca: &Path) -> Result<Self, TlsError> {
        let (cert, key, ca) = (Chain::read(cert)?, PrivateKey::read(key)?, Chain::read(ca)?);
        let required = mutual(&cert, &key, &ca, ClientAuth::Required)?;
        let optional = mutual(&cert, &key, &ca, ClientAuth::Optional)?;
        let client = client(&cert, &key, &ca)?;
        Ok(Self {
            cert,
            key,
            ca,
            required,
            optional,
            client,
        })
    }

    /// The server side: TLS 1.3, HTTP/2.
    pub fn server_config(&self, client_auth: ClientAuth) -> Arc<ServerConfig> {
        match client_auth {
            ClientAuth::Required => Arc::clone(&self.required),
            ClientAuth::Optional => Arc::clone(&self.optional),
        }
    }

    /// The client side towards our other processes: TLS 1.3, HTTP/2, our certificate shown.
    pub fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    /// Our certificate chain, for tonic.
    pub fn cert_pem(&self) -> &[u8] {
        self.cert.pem()
    }

    /// Our private key, for tonic.
    pub fn key_pem(&self) -> &SecretString {
        self.key.pem()
    }

    /// The CA of our processes, for tonic.
    pub fn ca_pem(&self) -> &[u8] {
        self.ca.pem()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// The server side of the public door: certificate and key from PEM files, no client certificates,
/// HTTP/2 and HTTP/1.1.
pub fn public_server_config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let (cert, key) = (Chain::read(cert)?, PrivateKey::read(key)?);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Provider { source })?
        .with_no_client_auth();
    let mut config = builder
        .with_single_cert(cert.certificates().to_vec(), key.key())
        .map_err(|source| TlsError::Mismatch {
            cert: cert.path().into(),
            key: key.path().into(),
            source,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn mutual(
    cert: &Chain,
    key: &PrivateKey,
    ca: &Chain,
    client_auth: ClientAuth,
) -> Result<Arc<ServerConfig>, TlsError> {
    let roots = roots(ca)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = match client_auth {
        ClientAuth::Required => verifier,
        ClientAuth::Optional => verifier.allow_unauthenticated(),
    };
    let verifier = verifier.build().map_err(|source| TlsError::Verifier {
        path: ca.path().into(),
        source,
    })?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|source| TlsError::Provider { source })?
        .with_client_cert_verifier(verifier)
        .with_single_cert(cert.certificates().to_vec(), key.key())
        .map_err(|source| TlsError::Mismatch {
            cert: cert.path().into(),
            key: key.path().into(),
            source,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn client(cert: &Chain, key: &PrivateKey, ca: &Chain) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|source| TlsError::Provider { source })?
        .with_root_certificates(roots(ca)?)
        .with_client_auth_cert(cert.certificates().to_vec(), key.key())
        .map_err(|source| TlsError::Mismatch {
            cert: cert.path().into(),
            key: key.path().into(),
            source,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn roots(ca: &Chain) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in ca.certificates() {
        roots
            .add(certificate.clone())
            .map_err(|source| TlsError::Authority {
                path: ca.path().into(),
                source,
            })?;
    }
    Ok(roots)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests;
