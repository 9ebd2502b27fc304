//! The way to Redis. What is said there is the business of those who use it, and so are connections
//! and deadlines.

use redis::{Client, IntoConnectionInfo, RedisResult, io::tcp::TcpSettings};
use secrecy::{ExposeSecret as _, SecretString};

/// Whether this is a URL that a connection can be made with.
pub(crate) fn is_url(url: &SecretString) -> bool {
    url.expose_secret().into_connection_info().is_ok()
}

/// What makes connections to the Redis at this URL.
pub(crate) fn client(url: &SecretString) -> RedisResult<Client> {
    let info = url.expose_secret().into_connection_info()?;
    // A question is smaller than a segment and must not wait for another.
    Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}
