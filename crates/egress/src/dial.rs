//! The dialer: resolve, refuse, connect to the address that was vetted, verify the certificate.
//!
//! It follows no redirects and knows no proxies: `HTTP_PROXY` and its kin are never read (SS-19).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rustls_pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use url::Host;

use crate::{
    origin::{Origin, Scheme},
    policy::{Policy, Refusal},
    resolve::{Lookups, Resolver},
    stream::Stream,
    trust::Trust,
};

/// Opens connections to servers. Cloning is cheap and clones share the bound on look-ups; it works
/// on any runtime that has I/O and time.
#[derive(Debug, Clone)]
pub struct Dialer {
    policy: Policy,
    lookups: Lookups,
    trust: Trust,
}

impl Dialer {
    /// A dialer under this policy.
    pub fn new(policy: Policy, resolver: Resolver, trust: Trust) -> Self {
        Self {
            policy,
            lookups: Lookups::new(resolver),
            trust,
        }
    }

    /// Opens a connection to `origin`, TLS included, within `deadline` as a whole.
    ///
    /// Names are resolved anew for each connection, and one forbidden address among the answers
    /// refuses them all (SS-08): what was public at registration may be private by now (SS-07).
    pub async fn connect(&self, origin: &Origin, deadline: Duration) -> Result<Stream, DialError> {
        let end = Instant::now() + deadline;
        let addresses = timeout_at(end, self.vetted(origin)).await??;
        let socket = connect_to_any(&addresses, end).await?;
        match origin.scheme() {
            Scheme::Http => Ok(Stream::Plain(socket)),
            Scheme::Https => {
                let connector = TlsConnector::from(self.trust.config());
                let session = connector.connect(server_name(origin.host())?, socket);
                let stream = timeout_at(end, session).await?.map_err(DialError::Tls)?;
                Ok(Stream::Tls(Box::new(stream)))
            }
        }
    }

    /// Resolves and checks without connecting, at most 3 s: whether `origin` may be registered.
    pub async fn vet(&self, origin: &Origin) -> Result<(), DialError> {
        timeout_at(Instant::now() + VET_DEADLINE, self.vetted(origin)).await??;
        Ok(())
    }

    /// The addresses of `origin`, all of them permitted.
    async fn vetted(&self, origin: &Origin) -> Result<Vec<SocketAddr>, DialError> {
        let ips = match origin.host() {
            Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
            Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
            Host::Domain(name) => self
                .lookups
                .addresses(name)
                .await
                .map_err(DialError::Resolve)?,
        };
        if ips.is_empty() {
            return Err(DialError::Resolve(io::ErrorKind::NotFound.into()));
        }
        for ip in &ips {
            self.policy.permits(*ip, origin.port())?;
        }
        let addresses = ips.into_iter().take(MAX_ADDRESSES);
        Ok(addresses
            .map(|ip| SocketAddr::new(ip.to_canonical(), origin.port()))
            .collect())
    }
}

/// Why there is no connection. The texts show no address: what a name resolves to inside is
/// nobody's business.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The policy refuses an address of the host. Nothing was sent.
    #[error("the server's address may not be called: {0}")]
    Forbidden(Refusal),

    /// The name has no address.
    #[error("the server's name cannot be resolved; check its spelling and its DNS records")]
    Resolve(#[source] io::Error),

    /// Nobody answers there.
    #[error("the server does not accept connections; check that it is running and reachable")]
    Connect(#[source] io::Error),

    /// No TLS, or a certificate that does not verify.
    #[error(
        "TLS with the server failed; check its certificate, or use http:// if it speaks plain HTTP"
    )]
    Tls(#[source] io::Error),

    /// It took too long.
    #[error("the server could not be connected to in time")]
    Deadline,
}

impl From<Refusal> for DialError {
    fn from(refusal: Refusal) -> Self {
        Self::Forbidden(refusal)
    }
}

impl From<tokio::time::error::Elapsed> for DialError {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Deadline
    }
}

const VET_DEADLINE: Duration = Duration::from_secs(3);

/// All answers are judged, but no more than these are tried: more would leave no time for any.
const MAX_ADDRESSES: usize = 8;

/// One after the other; each gets an equal share of the time left, so that a dead first address
/// does not use it all.
async fn connect_to_any(addresses: &[SocketAddr], end: Instant) -> Result<TcpStream, DialError> {
    let mut failed = DialError::Deadline;
    for (at, address) in (0_u32..).zip(addresses) {
        let now = Instant::now();
        let left = u32::try_from(addresses.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(at)
            .max(1);
        let share = now + end.saturating_duration_since(now) / left;
        failed = match timeout_at(share, connect_to(*address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => error,
            Err(_) => DialError::Deadline,
        };
    }
    Err(failed)
}

async fn connect_to(address: SocketAddr) -> Result<TcpStream, DialError> {
    let socket = TcpStream::connect(address)
        .await
        .map_err(DialError::Connect)?;
    // What was vetted is what must be at the other end, whatever rewrites addresses on the way.
    let peer = socket.peer_addr().map_err(DialError::Connect)?;
    if (peer.ip(), peer.port()) != (address.ip(), address.port()) {
        return Err(DialError::Forbidden(Refusal::NotPublic));
    }
    socket.set_nodelay(true).map_err(DialError::Connect)?;
    Ok(socket)
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, DialError> {
    match host {
        Host::Ipv4(ip) => Ok(ServerName::IpAddress(IpAddr::V4(*ip).into())),
        Host::Ipv6(ip) => Ok(ServerName::IpAddress(IpAddr::V6(*ip).into())),
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|error| DialError::Tls(io::Error::new(io::ErrorKind::InvalidInput, error))),
    }
}

#[cfg(test)]
mod tests;
