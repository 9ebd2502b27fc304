//! The certificate authority of one cluster: it signs the controller's certificate and one for each
//! node, as enrolment will later. Keys are files that only their owner may read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
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
        Self::with_key(dir, KeyPair::generate()?)
    }

    /// The authority that an earlier call left in `dir`, or a new one; its key is `ca.key` there.
    pub fn keep(dir: &Path) -> Result<Self> {
        let key_file = dir.join("ca.key");
        if key_file.exists() {
            let text = fs::read_to_string(&key_file)?;
            let key = KeyPair::from_pem(&text)
                .with_context(|| format!("reading the authority's key {}", key_file.display()))?;
            if dir.join("ca.pem").exists() {
                return Ok(Self::of(dir, key));
            }
            return Self::with_key(dir, key);
        }
        let key = KeyPair::generate()?;
        write_private(&key_file, key.serialize_pem())?;
        Self::with_key(dir, key)
    }

    fn with_key(dir: &Path, key: KeyPair) -> Result<Self> {
        write_private(&dir.join("ca.pem"), authority().self_signed(&key)?.pem())?;
        Ok(Self::of(dir, key))
    }

    fn of(dir: &Path, key: KeyPair) -> Self {
        Self {
            dir: dir.to_owned(),
            issuer: Issuer::new(authority(), key),
        }
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The identity of a controller, reached by the names of loopback.
    pub fn controller(&self) -> Result<Files> {
        self.issue("controller", controller_names(&[])?)
    }

    /// The identity of a node.
    pub fn node(&self, pool: &str, id: &str) -> Result<Files> {
        self.issue(&format!("node-{id}"), node_names(pool, id)?)
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
        let files = self.files(file);
        write_private(&files.cert, cert.pem())?;
        write_private(&files.key, key.serialize_pem())?;
        Ok(files)
    }

    /// Where the files of an identity are, or would be.
    pub fn files(&self, file: &str) -> Files {
        Files {
            cert: self.dir.join(format!("{file}.pem")),
            key: self.dir.join(format!("{file}.key")),
            ca: self.ca(),
        }
    }
}

/// The names of a controller: loopback's, its own, and `hosts`.
pub fn controller_names(hosts: &[&str]) -> Result<Vec<SanType>> {
    let mut names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress([127, 0, 0, 1].into()),
        SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
        SanType::URI("spiffe://aldgate/controller".try_into()?),
    ];
    for host in hosts {
        names.push(SanType::DnsName((*host).try_into()?));
    }
    Ok(names)
}

/// The name of a node.
pub fn node_names(pool: &str, id: &str) -> Result<Vec<SanType>> {
    let uri = format!("spiffe://aldgate/pool/{pool}/node/{id}");
    Ok(vec![SanType::URI(uri.try_into()?)])
}

/// The same for the same key, so that what one process began another goes on with.
fn authority() -> CertificateParams {
    let mut params = params("Aldgate local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(365);
    params
}
