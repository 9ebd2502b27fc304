//! Read-once process settings, from `ALDGATE_…` variables.

use std::{net::SocketAddr, path::PathBuf};

use egress::Denied;
use ipnet::IpNet;
use runtime::settings::{SettingsError, Source};
use secrecy::SecretString;

use crate::admin::PublicScheme;

/// All of them.
#[derive(Debug)]
pub struct Settings {
    /// `ALDGATE_GRPC_ADDR`: where the gRPC door listens.
    pub grpc_addr: SocketAddr,
    /// `ALDGATE_OPS_ADDR`: where health and metrics are told.
    pub ops_addr: SocketAddr,
    /// `ALDGATE_AUTH_ADDR`: where the auth door listens; unset where there is none.
    pub auth_addr: Option<SocketAddr>,
    /// `ALDGATE_PORT_FILE`: where to write the bound addresses, for port 0.
    pub port_file: Option<PathBuf>,
    /// Who this process is towards nodes and operators.
    pub tls: Tls,
    /// How to reach Postgres.
    pub database: Database,
    /// `ALDGATE_KEK_FILE`: the key-encryption key.
    pub kek_file: PathBuf,
    /// `ALDGATE_BOOTSTRAP_TOKEN_FILE`: the first admin token, read while there is none.
    pub bootstrap_token_file: Option<PathBuf>,
    /// `ALDGATE_PUBLIC_SCHEME`: the scheme of tenant origins given without one; default `https`.
    pub public_scheme: PublicScheme,
    /// Which addresses may be called.
    pub egress: Egress,
    /// `ALDGATE_REDIS_URL`: where nodes find revocations without us; unset where they do not.
    pub redis: Option<SecretString>,
}

/// PEM files.
#[derive(Debug)]
pub struct Tls {
    /// `ALDGATE_TLS_CERT_FILE`: our certificate chain.
    pub cert_file: PathBuf,
    /// `ALDGATE_TLS_KEY_FILE`: its private key.
    pub key_file: PathBuf,
    /// `ALDGATE_TLS_CA_FILE`: the authority that signs the nodes' certificates and ours.
    pub ca_file: PathBuf,
}

/// One address per role; each may hold a password.
#[derive(Debug)]
pub struct Database {
    /// `ALDGATE_DATABASE_URL`: as role `aldgate_app`.
    pub app: SecretString,
    /// `ALDGATE_DATABASE_FEED_URL`: as role `aldgate_feed`.
    pub feed: SecretString,
    /// `ALDGATE_DATABASE_OWNER_URL`: as the owner, to run migrations; unset where others do.
    pub owner: Option<SecretString>,
}

/// Addresses besides the public ones.
#[derive(Debug)]
pub struct Egress {
    /// `ALDGATE_ALLOWED_NETWORKS`: networks that may be called although they are not public, for
    /// what operators and tenants' admins configure.
    pub allowed: Vec<IpNet>,
    /// `ALDGATE_DOCUMENT_NETWORKS`: networks that may be called for what OAuth clients publish,
    /// although they are not public. Anybody can name an address there, so none is by default.
    pub documents: Vec<IpNet>,
    /// `ALDGATE_DENIED_ADDRESSES`: our own cluster, never called.
    pub denied: Vec<Denied>,
}

impl Settings {
    /// Reads all settings.
    pub fn read(source: &mut Source) -> Result<Self, SettingsError> {
        let redis = source.secret("ALDGATE_REDIS_URL")?;
        Ok(Self {
            grpc_addr: source.required("ALDGATE_GRPC_ADDR")?,
            ops_addr: source.required("ALDGATE_OPS_ADDR")?,
            auth_addr: source.parse("ALDGATE_AUTH_ADDR")?,
            port_file: source.parse("ALDGATE_PORT_FILE")?,
            tls: Tls {
                cert_file: source.required("ALDGATE_TLS_CERT_FILE")?,
                key_file: source.required("ALDGATE_TLS_KEY_FILE")?,
                ca_file: source.required("ALDGATE_TLS_CA_FILE")?,
            },
            database: Database {
                app: source.required_secret("ALDGATE_DATABASE_URL")?,
                feed: source.required_secret("ALDGATE_DATABASE_FEED_URL")?,
                owner: source.secret("ALDGATE_DATABASE_OWNER_URL")?,
            },
            kek_file: source.required("ALDGATE_KEK_FILE")?,
            bootstrap_token_file: source.parse("ALDGATE_BOOTSTRAP_TOKEN_FILE")?,
            public_scheme: source.parse_or("ALDGATE_PUBLIC_SCHEME", PublicScheme::Https)?,
            egress: Egress {
                allowed: source.list("ALDGATE_ALLOWED_NETWORKS")?,
                documents: source.list("ALDGATE_DOCUMENT_NETWORKS")?,
                denied: source.list("ALDGATE_DENIED_ADDRESSES")?,
            },
            redis,
        })
    }
}
