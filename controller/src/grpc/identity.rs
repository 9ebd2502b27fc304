//! Which gateway node a client certificate names.

use proto::{id::NodeId, name::Slug};
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer, X509Error},
};

/// A gateway node, as the certificate that authenticated its connection names it. Found in the
/// extensions of every request to `aldgate.sync.v1` and `aldgate.node.v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The pool it belongs to.
    pub pool: Slug,
    /// Which node.
    pub id: NodeId,
}

/// A certificate that our CA signed and that names no node.
#[derive(Debug, thiserror::Error)]
pub enum NotANode {
    /// The certificate does not parse.
    #[error("the client certificate cannot be read")]
    Unreadable(#[source] x509_parser::nom::Err<X509Error>),
    /// It must have exactly one URI among its names.
    #[error("the client certificate must have exactly one URI name")]
    NoSingleUri,
    /// The URI is not that of a node.
    #[error("the client certificate's URI is not spiffe://aldgate/pool/{{pool}}/node/{{id}}")]
    OtherUri,
}

impl NodeIdentity {
    /// Reads the one URI among the certificate's subject alternative names. The TLS layer has
    /// checked the signature and the dates.
    pub fn of(certificate: &[u8]) -> Result<Self, NotANode> {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(NotANode::Unreadable)?;
        let names = parsed
            .subject_alternative_name()
            .map_err(|error| NotANode::Unreadable(x509_parser::nom::Err::Error(error)))?
            .ok_or(NotANode::NoSingleUri)?;
        let mut uris = names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => Self::from_uri(uri).ok_or(NotANode::OtherUri),
            _ => Err(NotANode::NoSingleUri),
        }
    }

    fn from_uri(uri: &str) -> Option<Self> {
        let (pool, id) = uri
            .strip_prefix("spiffe://aldgate/pool/")?
            .split_once("/node/")?;
        Some(Self {
            pool: pool.parse().ok()?,
            id: id.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_its_pool_and_id() {
        let node = NodeIdentity::from_uri("spiffe://aldgate/pool/default/node/gw-1").unwrap();
        assert_eq!(node.pool.as_str(), "default");
        assert_eq!(node.id.as_str(), "gw-1");
    }

    #[test]
    fn any_other_uri_names_no_node() {
        for uri in [
            "",
            "spiffe://aldgate/controller",
            "spiffe://other/pool/default/node/gw-1",
            "spiffe://aldgate/pool/default/node/",
            "spiffe://aldgate/pool//node/gw-1",
            "spiffe://aldgate/pool/default/node/gw-1/x",
            "spiffe://aldgate/pool/a/b/node/gw-1",
            "spiffe://aldgate/pool/default/node/GW-1",
            "https://aldgate/pool/default/node/gw-1",
        ] {
            assert_eq!(NodeIdentity::from_uri(uri), None, "{uri}");
        }
    }
}
