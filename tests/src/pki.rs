//! The certificate authority of one cluster: it signs the controller's certificate and one for each
//! node, as enrolment will later. Keys are files that only their owner may read.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

use crate::scratch::write_private;

/// A certificate authority whose files are in one folder.
pub struct Pki {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// The files of one identity.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM, mode 0600.
    pub key: PathBuf,
    /// The authority's certificate, PEM.
    pub ca: PathBuf,
}

impl Pki {
    /// Makes an authority; its certificate is `ca.pem` in `dir`, its key stays in memory.
    pub fn create(dir: &Path) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = params("Aldgate local authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = params.self_signed(&key)?;
        write_private(&dir.join("ca.pem"), cert.pem())?;
        Ok(Self {
            dir: dir.to_owned(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The identity of a controller, reached by the names of loopback.
    pub fn controller(&self) -> Result<Files> {
        let names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
            SanType::URI("spiffe://aldgate/controller".try_into()?),
        ];
        self.issue("controller", names)
    }

    /// The identity of a node.
    pub fn node(&self, pool: &str, id: &str) -> Result<Files> {
        let uri = format!("spiffe://aldgate/pool/{pool}/node/{id}");
        self.issue(&format!("node-{id}"), vec![SanType::URI(uri.try_into()?)])
    }

    /// An identity with any names, for tests of what is refused.
    pub fn issue(&self, file: &str, names: Vec<SanType>) -> Result<Files> {
        let key = KeyPair::generate()?;
        let mut params = params(file);
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        let cert = params.signed_by(&key, &self.issuer)?;
        let files = Files {
            cert: self.dir.join(format!("{file}.pem")),
            key: self.dir.join(format!("{file}.key")),
            ca: self.ca(),
        };
        write_private(&files.cert, cert.pem())?;
        write_private(&files.key, key.serialize_pem())?;
        Ok(files)
    }
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(30);
    params
}
