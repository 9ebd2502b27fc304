//! From names to addresses: the system's resolver, or a script in tests.

use std::{
    fmt, io,
    net::{IpAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;

/// Where addresses of names come from. Cloning is cheap.
#[derive(Debug, Clone)]
pub enum Resolver {
    /// `getaddrinfo`: hosts file and name servers, as the machine is set up.
    System,
    /// Answers by a test; see [`Resolver::scripted`].
    Scripted(Script),
}

impl Resolver {
    /// A resolver that asks `answer` for every look-up, so that the same name can answer
    /// differently each time (SS-07).
    pub fn scripted(answer: impl FnMut(&str) -> io::Result<Vec<IpAddr>> + Send + 'static) -> Self {
        Self::Scripted(Script(Arc::new(Mutex::new(answer))))
    }
}

/// A resolver and the bound on look-ups under way; clones share both.
#[derive(Debug, Clone)]
pub(crate) struct Lookups {
    resolver: Resolver,
    permits: Arc<Semaphore>,
}

impl Lookups {
    pub(crate) fn new(resolver: Resolver) -> Self {
        Self {
            resolver,
            permits: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }

    /// The addresses of `name`. Beyond [`MAX_LOOKUPS`] under way, callers wait; the deadline is
    /// theirs.
    pub(crate) async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match &self.resolver {
            Resolver::System => self.ask_system(name).await,
            Resolver::Scripted(Script(answer)) => {
                (answer.lock().unwrap_or_else(PoisonError::into_inner))(name)
            }
        }
    }

    /// `getaddrinfo` cannot be cancelled, so the permit goes with the thread: a caller that gave up
    /// still counts until its look-up has ended.
    async fn ask_system(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let name = name.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), 0)
                .to_socket_addrs()
                .map(|found| found.map(|address| address.ip()).collect());
            drop(permit);
            found
        });
        found.await.map_err(io::Error::other)?
    }
}

/// Half of the threads that tokio lends one runtime for blocking work.
const MAX_LOOKUPS: usize = 256;

type Answer = dyn FnMut(&str) -> io::Result<Vec<IpAddr>> + Send;

/// A test's answers.
#[derive(Clone)]
pub struct Script(Arc<Mutex<Answer>>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}
