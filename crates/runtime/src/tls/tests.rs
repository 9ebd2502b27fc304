use std::{fs, os::unix::fs::PermissionsExt as _};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

#[tokio::test]
async fn a_required_certificate_is_asked_for() {
    let files = Files::new();
    let server = files.identity().server_config(ClientAuth::Required);
    assert_eq!(
        handshake(&server, files.client(Some(&files))).await,
        Ok(true)
    );
    assert!(handshake(&server, files.client(None)).await.is_err());
}

#[tokio::test]
async fn an_optional_certificate_may_be_missing_but_not_foreign() {
    let (files, foreign) = (Files::new(), Files::new());
    let server = files.identity().server_config(ClientAuth::Optional);
    assert_eq!(
        handshake(&server, files.client(Some(&files))).await,
        Ok(true)
    );
    assert_eq!(handshake(&server, files.client(None)).await, Ok(false));
    assert!(
        handshake(&server, files.client(Some(&foreign)))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_public_door_asks_for_no_certificate() {
    let files = Files::new();
    let server = public_server_config(&files.path("cert"), &files.path("key")).unwrap();
    assert_eq!(handshake(&server, files.client(None)).await, Ok(false));
    assert_eq!(
        server.alpn_protocols,
        [b"h2".to_vec(), b"http/1.1".to_vec()]
    );
}

#[test]
fn the_pem_texts_are_those_of_the_files() {
    let files = Files::new();
    let identity = files.identity();
    assert_eq!(identity.cert_pem(), fs::read(files.path("cert")).unwrap());
    assert_eq!(identity.ca_pem(), fs::read(files.path("ca")).unwrap());
    let key = secrecy::ExposeSecret::expose_secret(identity.key_pem()).to_owned();
    assert_eq!(key, fs::read_to_string(files.path("key")).unwrap());
    assert_eq!(format!("{identity:?}"), "Identity { .. }");
}

#[test]
fn a_private_key_that_others_may_read_is_refused() {
    let files = Files::new();
    for mode in [0o400, 0o600] {
        files.set_key_mode(mode);
        assert!(files.read().is_ok(), "{mode:o}");
    }
    for mode in [0o640, 0o604, 0o644, 0o620, 0o601] {
        files.set_key_mode(mode);
        let error = files.read().unwrap_err();
        assert!(matches!(error, TlsError::KeyMode { .. }), "{mode:o}");
        assert!(
            error
                .to_string()
                .contains(&format!("(mode {mode:04o}); run: chmod 600 /")),
            "{error}"
        );
    }
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let files = Files::new();
    let missing = Identity::read(&files.path("none"), &files.path("key"), &files.path("ca"));
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .starts_with("cannot read /")
    );

    let swapped = Identity::read(&files.path("key"), &files.path("key"), &files.path("ca"));
    assert!(
        swapped
            .unwrap_err()
            .to_string()
            .ends_with("holds no certificate in PEM form")
    );

    let other = Files::new();
    let mixed = Identity::read(&files.path("cert"), &other.path("key"), &files.path("ca"));
    assert!(matches!(mixed, Err(TlsError::Mismatch { .. })));
}

/// A CA and a certificate for `localhost` under it, as files.
struct Files {
    dir: TempDir,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut ca = CertificateParams::new([]).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca_cert = ca.self_signed(&ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let cert = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();

        let files = Self { dir };
        fs::write(files.path("ca"), ca_cert.pem()).unwrap();
        fs::write(files.path("cert"), cert.pem()).unwrap();
        fs::write(files.path("key"), key.serialize_pem()).unwrap();
        files.set_key_mode(0o600);
        files
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn set_key_mode(&self, mode: u32) {
        fs::set_permissions(self.path("key"), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self) -> Result<Identity, TlsError> {
        Identity::read(&self.path("cert"), &self.path("key"), &self.path("ca"))
    }

    fn identity(&self) -> Identity {
        self.read().unwrap()
    }

    /// A client that trusts our CA and shows the certificate of `shown`.
    fn client(&self, shown: Option<&Files>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.path("ca")).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let cert = CertificateDer::from_pem_file(files.path("cert")).unwrap();
                let key = PrivateKeyDer::from_pem_file(files.path("key")).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }
}

/// Whether the server saw a client certificate, or its error.
async fn handshake(server: &Arc<ServerConfig>, client: ClientConfig) -> Result<bool, String> {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let (_client, server) = tokio::join!(
        connector.connect(name, near),
        TlsAcceptor::from(Arc::clone(server)).accept(far)
    );
    let server = server.map_err(|error| error.to_string())?;
    let session = server.get_ref().1;
    assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
    Ok(session.peer_certificates().is_some())
}
