//! From names to addresses: the system's resolver, or a script in tests.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;

/// Where addresses of names come from. Cloning is cheap; clones share their bound.
#[derive(Debug, Clone)]
pub enum Resolver {
    /// `getaddrinfo`: hosts file and name servers, as the machine is set up.
    System(Lookups),
    /// Answers by a test.
    Scripted(Script),
}

impl Resolver {
    /// The system's resolver, with at most 256 look-ups under way. More wait, within their own deadline.
    pub fn system() -> Self {
        Self::System(Lookups(Arc::new(Semaphore::new(256))))
    }

    /// A resolver that asks `answer` for every look-up, so that the same name can answer differently each time (SS-07).
    pub fn scripted(answer: impl FnMut(&str) -> io::Result<Vec<IpAddr>> + Send + 'static) -> Self {
        Self::Scripted(Script(Arc::new(Mutex::new(answer))))
    }

    pub(crate) async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System(lookups) => lookups.look_up(name).await,
            Self::Scripted(script) => {
                (script.0.lock().unwrap_or_else(PoisonError::into_inner))(name)
            }
        }
    }
}

/// The bound on look-ups under way.
#[derive(Debug, Clone)]
pub struct Lookups(Arc<Semaphore>);

impl Lookups {
    /// `getaddrinfo` cannot be cancelled, so the permit goes with the thread: a caller that gave up still counts until its
    /// look-up has ended.
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.0)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let name = name.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), 0)
                .to_socket_addrs()
                .map(|found| found.map(|address: SocketAddr| address.ip()).collect());
            drop(permit);
            found
        });
        found.await.map_err(io::Error::other)?
    }
}

type Answer = dyn FnMut(&str) -> io::Result<Vec<IpAddr>> + Send;

/// A test's answers.
#[derive(Clone)]
pub struct Script(Arc<Mutex<Answer>>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}
