//! Who this node is: its certificate says so, in the one URI name
//! `spiffe://aldgate/pool/{pool}/node/{id}` (design.md §3). No setting repeats it.

use proto::{id::NodeId, name::Slug};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// A node's name and the pool whose tenants it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The pool.
    pub pool: Slug,
    /// The node.
    pub node: NodeId,
}

/// The certificate names no node.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Not a PEM file with an X.509 certificate first.
    #[error("the node's certificate cannot be read")]
    Unreadable,
    /// No such name, or two.
    #[error(
        "the node's certificate must have exactly one URI name `spiffe://aldgate/pool/{{pool}}/node/{{id}}`"
    )]
    Nameless,
}

impl NodeIdentity {
    /// The identity in the first certificate of a PEM chain.
    pub fn of_certificate(pem: &[u8]) -> Result<Self, IdentityError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| IdentityError::Unreadable)?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| IdentityError::Unreadable)?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| IdentityError::Unreadable)?
            .map_or(&[][..], |extension| &extension.value.general_names);
        let mut uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        match (uris.next().and_then(Self::of_uri), uris.next()) {
            (Some(identity), None) => Ok(identity),
            _ => Err(IdentityError::Nameless),
        }
    }

    fn of_uri(uri: &str) -> Option<Self> {
        let path = uri.strip_prefix("spiffe://aldgate/pool/")?;
        let (pool, node) = path.split_once("/node/")?;
        Some(Self {
            pool: pool.parse().ok()?,
            node: node.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[test]
    fn the_certificate_names_pool_and_node() {
        let identity = NodeIdentity::of_certificate(&certificate(&[
            "spiffe://aldgate/pool/default/node/gateway-1",
        ]));
        let identity = identity.unwrap();
        assert_eq!(identity.pool.as_str(), "default");
        assert_eq!(identity.node.as_str(), "gateway-1");
    }

    #[test]
    fn a_certificate_without_exactly_one_node_name_is_refused() {
        for uris in [
            &[][..],
            &["spiffe://aldgate/controller"],
            &["spiffe://other/pool/default/node/a"],
            &["spiffe://aldgate/pool/default/node/a/b"],
            &[
                "spiffe://aldgate/pool/a/node/a",
                "spiffe://aldgate/pool/a/node/b",
            ],
        ] {
            let identity = NodeIdentity::of_certificate(&certificate(uris));
            assert_eq!(identity, Err(IdentityError::Nameless), "{uris:?}");
        }
        let unreadable = NodeIdentity::of_certificate(b"-----BEGIN");
        assert_eq!(unreadable, Err(IdentityError::Unreadable));
    }

    fn certificate(uris: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        for uri in uris {
            let uri = SanType::URI((*uri).try_into().unwrap());
            params.subject_alt_names.push(uri);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        certificate.pem().into_bytes()
    }
}
