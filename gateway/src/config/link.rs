//! The way to a controller: which one is tried when, and the mutually authenticated HTTP/2
//! connection that the config stream and the lease stream share.

use std::{str::FromStr, time::Duration};

use http::Uri;
use rand::Rng;
use runtime::tls::Identity;
use secrecy::ExposeSecret as _;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// A controller's address: `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller(Uri);

/// The text is not a controller's address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must have the form `https://host:port`")]
pub struct InvalidController;

impl Controller {
    /// `host:port`.
    pub fn authority(&self) -> &str {
        self.0.authority().map_or("", http::uri::Authority::as_str)
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or_default()
    }
}

impl FromStr for Controller {
    type Err = InvalidController;

    fn from_str(text: &str) -> Result<Self, InvalidController> {
        let uri: Uri = text.parse().map_err(|_| InvalidController)?;
        let plain = uri.path_and_query().is_none_or(|path| path == "/");
        let whole = uri.scheme_str() == Some("https")
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.port_u16().is_some()
            && !text.contains('@');
        (plain && whole)
            .then_some(Self(uri))
            .ok_or(InvalidController)
    }
}

impl std::fmt::Display for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// No connection to a controller.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Refused, not trusted, or not there.
    #[error("the controller cannot be reached")]
    Connect(#[source] tonic::transport::Error),
    /// Nobody answered in time.
    #[error("the controller did not answer within {} s", CONNECT_DEADLINE.as_secs())]
    Deadline,
}

/// Until TCP, TLS and HTTP/2 are set up.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Together at most 10 s until a controller that stopped without a word is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Opens a connection. The controller must be the one its address names; we show our certificate.
pub(super) async fn connect(
    controller: &Controller,
    identity: &Identity,
) -> Result<Channel, LinkError> {
    let Controller(uri) = controller;
    let host = uri.host().unwrap_or_default();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(identity.ca_pem()))
        .identity(tonic::transport::Identity::from_pem(
            identity.cert_pem(),
            identity.key_pem().expose_secret(),
        ))
        .domain_name(host.trim_matches(['[', ']']));
    let endpoint = Endpoint::from(uri.clone())
        .tls_config(tls)
        .map_err(LinkError::Connect)?
        .connect_timeout(CONNECT_DEADLINE)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    tokio::time::timeout(CONNECT_DEADLINE, endpoint.connect())
        .await
        .map_err(|_| LinkError::Deadline)?
        .map_err(LinkError::Connect)
}

/// How long to wait before the next attempt: full jitter, so that nodes which lost the same
/// controller do not come back together; the first attempt comes almost at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The delay before the next attempt.
    pub(super) fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let ceiling = match self.failures {
            0 => Duration::from_millis(20),
            failures => {
                let doubled = Duration::from_millis(100).saturating_mul(1 << (failures - 1).min(6));
                doubled.min(Duration::from_secs(5))
            }
        };
        self.failures = self.failures.saturating_add(1);
        rng.random_range(Duration::ZERO..=ceiling)
    }

    /// The other end proved that it works.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn an_address_names_scheme_host_and_port_and_nothing_else() {
        for good in [
            "https://127.0.0.1:7000",
            "https://[::1]:1",
            "https://ctl.test:7000/",
        ] {
            assert!(good.parse::<Controller>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:7000",
            "http://127.0.0.1:7000",
            "https://ctl.test",
            "https://ctl.test:7000/path",
            "https://user@ctl.test:7000",
            "https://:7000",
        ] {
            assert_eq!(bad.parse::<Controller>(), Err(InvalidController), "{bad}");
        }
    }

    #[test]
    fn the_first_retry_is_fast_and_later_ones_spread_up_to_five_seconds() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::default();
        assert!(backoff.next(&mut rng) <= Duration::from_millis(20));
        let delays: Vec<_> = (0..200).map(|_| backoff.next(&mut rng)).collect();
        assert!(delays[0] <= Duration::from_millis(100));
        let late = &delays[10..];
        assert!(late.iter().all(|&delay| delay <= Duration::from_secs(5)));
        assert!(late.iter().any(|&delay| delay > Duration::from_secs(4)));
        assert!(late.iter().any(|&delay| delay < Duration::from_secs(1)));
        backoff.reset();
        assert!(backoff.next(&mut rng) <= Duration::from_millis(20));
    }
}
