//! The files that a cluster in containers starts from: an authority, certificates, the key-encryption
//! key, the first admin token, the demo server's credential. Made once and kept: a second run adds what
//! is missing and changes nothing.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    cluster::random_key,
    pki::{Pki, controller_names, node_names},
    scratch::write_private,
};

/// Which files to make.
#[derive(Debug, clap::Args)]
pub struct Secrets {
    /// The folder to make them in.
    dir: PathBuf,
    /// The user id that shall own them. All but the authority's key: no process of the cluster needs it.
    #[arg(long)]
    owner: u32,
    /// The name by which nodes call the controller, beside the names of loopback.
    #[arg(long)]
    controller_host: String,
    /// The id of a gateway, once for each.
    #[arg(long = "node")]
    nodes: Vec<String>,
}

impl Secrets {
    /// Makes what is missing.
    pub fn make(&self) -> Result<()> {
        let dir = &self.dir;
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let pki = Pki::keep(dir)?;
        self.give(&pki.ca())?;
        let identity = |name: &str, sans| {
            let files = pki.files(name);
            if !(files.cert.exists() && files.key.exists()) {
                pki.issue(name, sans)?;
            }
            self.give(&files.cert)?;
            self.give(&files.key)
        };
        identity("controller", controller_names(&[&self.controller_host])?)?;
        for node in &self.nodes {
            identity(node, node_names(POOL, node)?)?;
        }
        self.once("kek", random_key)?;
        self.once("admin-token", || {
            Ok(token::AdminToken::generate().expose().to_owned())
        })?;
        self.once("demo-credential", random_key)
    }

    fn once(&self, name: &str, content: impl FnOnce() -> Result<String>) -> Result<()> {
        let path = self.dir.join(name);
        if !path.exists() {
            write_private(&path, content()?)?;
        }
        self.give(&path)
    }

    fn give(&self, path: &Path) -> Result<()> {
        if fs::metadata(path)?.uid() == self.owner {
            return Ok(());
        }
        chown(path, Some(self.owner), None).with_context(|| {
            format!(
                "giving {} to user {}; only root may do that",
                path.display(),
                self.owner
            )
        })
    }
}

const POOL: &str = "local";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rustls::{
        RootCertStore,
        pki_types::{CertificateDer, UnixTime, pem::PemObject as _},
        server::WebPkiClientVerifier,
    };

    use super::*;
    use crate::scratch::Scratch;

    fn secrets(dir: PathBuf, nodes: &[&str]) -> Secrets {
        Secrets {
            dir,
            owner: rustix::process::geteuid().as_raw(),
            controller_host: "controller".to_owned(),
            nodes: nodes.iter().map(ToString::to_string).collect(),
        }
    }

    fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
        let named = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        };
        entries.map(named).collect()
    }

    #[test]
    fn every_file_is_its_owners_alone_and_the_processes_take_them() {
        let scratch = Scratch::create().unwrap();
        let dir = scratch.private("secrets").unwrap();
        secrets(dir.clone(), &["gateway-1"]).make().unwrap();
        let content = files(&dir);
        let names: Vec<_> = content.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "admin-token",
                "ca.key",
                "ca.pem",
                "controller.key",
                "controller.pem",
                "demo-credential",
                "gateway-1.key",
                "gateway-1.pem",
                "kek"
            ]
        );
        for name in names {
            let mode = fs::metadata(dir.join(name)).unwrap().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
        }
        seal::Kek::read(&dir.join("kek")).unwrap();
        let token = String::from_utf8(content["admin-token"].clone()).unwrap();
        token::AdminToken::parse(&token).unwrap();
        for name in ["controller", "gateway-1"] {
            let file = |kind| dir.join(format!("{name}.{kind}"));
            runtime::tls::Identity::read(&file("pem"), &file("key"), &dir.join("ca.pem")).unwrap();
        }
    }

    #[test]
    fn a_second_run_changes_nothing_and_adds_a_node_of_the_same_authority() {
        runtime::tls::install_provider();
        let scratch = Scratch::create().unwrap();
        let dir = scratch.private("secrets").unwrap();
        secrets(dir.clone(), &["gateway-1"]).make().unwrap();
        let before = files(&dir);
        secrets(dir.clone(), &["gateway-1", "gateway-2"])
            .make()
            .unwrap();
        let mut after = files(&dir);
        let added = after.remove("gateway-2.pem").unwrap();
        after.remove("gateway-2.key").unwrap();
        assert_eq!(after, before);
        assert_ne!(added, before["gateway-1.pem"]);
        assert_signed_by(&before["ca.pem"], &before["gateway-1.pem"]);
        assert_signed_by(&before["ca.pem"], &added);
    }

    fn assert_signed_by(authority: &[u8], node: &[u8]) {
        let certificate = |pem| CertificateDer::from_pem_slice(pem).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate(authority)).unwrap();
        let verifier = WebPkiClientVerifier::builder(roots.into()).build().unwrap();
        verifier
            .verify_client_cert(&certificate(node), &[], UnixTime::now())
            .unwrap();
    }
}
