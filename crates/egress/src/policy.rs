//! Which addresses this process may call: public ones, what the operator allows besides, and never
//! its own cluster.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use ipnet::IpNet;

use crate::{
    address::{carried, is_metadata, is_never_a_host, is_public},
    port,
};

/// The rules. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Policy {
    allowed: Arc<[IpNet]>,
    denied: Arc<[Denied]>,
}

impl Policy {
    /// Public addresses and nothing else.
    pub fn public_only() -> Self {
        Self::allowing([], [])
    }

    /// Public addresses, and those in `allowed` networks on any port; never those in `denied`, the
    /// addresses of our own cluster, even when they are allowed or public.
    pub fn allowing(
        allowed: impl IntoIterator<Item = IpNet>,
        denied: impl IntoIterator<Item = Denied>,
    ) -> Self {
        Self {
            allowed: allowed.into_iter().collect(),
            denied: denied.into_iter().collect(),
        }
    }

    /// Whether a connection to this address and port may be made.
    pub fn permits(&self, ip: IpAddr, port: u16) -> Result<(), Refusal> {
        let ip = ip.to_canonical();
        if is_never_a_host(ip) {
            return Err(Refusal::NotPublic);
        }
        let inside = match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(carried(v6).map(IpAddr::V4)),
        };
        for address in inside.into_iter().flatten().chain([ip]) {
            if is_metadata(address) {
                return Err(Refusal::Metadata);
            }
            if self
                .denied
                .iter()
                .any(|denied| denied.covers(address, port))
            {
                return Err(Refusal::OwnCluster);
            }
        }
        if self.allowed.iter().any(|network| network.contains(&ip)) {
            return Ok(());
        }
        if !is_public(ip) {
            return Err(Refusal::NotPublic);
        }
        if !port::speaks_http(port) {
            return Err(Refusal::Port);
        }
        Ok(())
    }
}

/// Addresses of our own cluster: a network, an address, or an address with a port.
///
/// Read from text as `10.0.0.0/8`, `10.0.0.5`, `10.0.0.5:5432` or `[fd00::5]:5432`. A loopback
/// address stands for every loopback address, because a server that listens on one usually answers
/// on all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    network: IpNet,
    /// `None` is every port.
    port: Option<u16>,
}

impl Denied {
    fn covers(&self, ip: IpAddr, port: u16) -> bool {
        let loopback = ip.is_loopback() && self.network.addr().is_loopback();
        self.port.is_none_or(|own| own == port) && (loopback || self.network.contains(&ip))
    }
}

impl From<IpNet> for Denied {
    fn from(network: IpNet) -> Self {
        Self {
            network,
            port: None,
        }
    }
}

impl From<IpAddr> for Denied {
    fn from(ip: IpAddr) -> Self {
        Self {
            network: ip.to_canonical().into(),
            port: None,
        }
    }
}

impl From<SocketAddr> for Denied {
    fn from(address: SocketAddr) -> Self {
        Self {
            network: address.ip().to_canonical().into(),
            port: Some(address.port()),
        }
    }
}

impl FromStr for Denied {
    type Err = InvalidDenied;

    fn from_str(text: &str) -> Result<Self, InvalidDenied> {
        let network = text.parse::<IpNet>().map(Self::from).ok();
        let ip = || text.parse::<IpAddr>().map(Self::from).ok();
        let socket = || text.parse::<SocketAddr>().map(Self::from).ok();
        network.or_else(ip).or_else(socket).ok_or(InvalidDenied)
    }
}

/// The text names no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address; write 10.0.0.0/8, 10.0.0.5, 10.0.0.5:5432 or [fd00::5]:5432")]
pub struct InvalidDenied;

/// Why an address may not be called. The text shows no address: the caller may be a tenant who must
/// not learn what a name resolves to inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A cloud metadata service; nothing allows it.
    #[error("it is a cloud metadata service, which is never called")]
    Metadata,

    /// The operator's own machines.
    #[error("it belongs to this installation itself")]
    OwnCluster,

    /// Loopback, private, link-local, reserved, multicast…
    #[error(
        "it is not a public address; the operator can allow its network with ALDGATE_ALLOWED_NETWORKS"
    )]
    NotPublic,

    /// A port of another protocol.
    #[error("its port belongs to another protocol than HTTP; use another port")]
    Port,
}

#[cfg(test)]
mod tests;
