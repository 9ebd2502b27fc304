//! What providers publish: their endpoints and keys (OpenID Connect Discovery). Remembered for a while;
//! one call at a time asks a provider anew, and one that does not answer is left alone for a moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use egress::Dialer;
use openidconnect::{
    AdditionalProviderMetadata, DiscoveryError, IssuerUrl, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, time::timeout};

use super::http::{CallError, Caller};
use crate::{
    auth::{Desk, room::Room},
    oauth::client::shelf::{Asker, WAITING},
};

/// What a provider says of itself, with its keys.
pub(super) type Metadata = ProviderMetadata<
    Further,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What else is of interest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Further {
    /// RFC 9207 §3: answers to browsers say which provider they are from.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Further {}

/// Why a provider's metadata cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    /// It cannot be reached, or what it publishes is not fit.
    #[error("discovering the provider: {0}")]
    Discovery(String, #[source] Option<CallError>),
    /// It took too long.
    #[error("the provider did not answer in time")]
    Deadline,
    /// It did not answer a moment ago.
    #[error("the provider did not answer a moment ago")]
    Resting,
    /// Too many wait for it.
    #[error("too many wait for the provider already")]
    Crowded,
}

/// Everything that is remembered of providers. Cloning is cheap.
#[derive(Clone)]
pub struct Directory(Arc<Shared>);

struct Shared {
    entries: Mutex<HashMap<String, Arc<Entry>>>,
    /// Who waits for somebody else's question.
    waiting: Room,
}

struct Entry {
    latest: Mutex<Latest>,
    asking: Semaphore,
}

#[derive(Default)]
struct Latest {
    known: Option<Known>,
    failed: Option<Instant>,
}

/// What a provider said, and when.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) metadata: Arc<Metadata>,
    pub(super) since: Instant,
}

/// Somebody for whom providers are asked.
#[derive(Clone, Copy)]
pub(super) struct Inquiry<'a> {
    pub(super) directory: &'a Directory,
    pub(super) dialer: &'a Dialer,
    pub(super) asker: &'a Asker,
}

impl<'a> Inquiry<'a> {
    /// For this asker.
    pub(super) fn of(desk: &'a Desk, asker: &'a Asker) -> Self {
        Self {
            directory: &desk.providers,
            dialer: &desk.dialer,
            asker,
        }
    }

    /// What the provider says, asked for at most so long ago.
    pub(super) async fn find(self, issuer: &str, age: Duration) -> Result<Known, Unavailable> {
        let now = Instant::now();
        // A clock that has run for less than that long has seen nothing older.
        self.since(issuer, now.checked_sub(age)).await
    }

    /// What the provider says now, if what is remembered is no newer than this.
    pub(super) async fn newer(self, issuer: &str, than: Instant) -> Result<Known, Unavailable> {
        let after = than + Duration::from_nanos(1);
        self.since(issuer, Some(after)).await
    }

    async fn since(self, issuer: &str, since: Option<Instant>) -> Result<Known, Unavailable> {
        let entry = self.directory.entry(issuer);
        let asked = async {
            if let Some(known) = entry.known(since)? {
                return Ok(known);
            }
            let _permit = if let Ok(permit) = entry.asking.try_acquire() {
                permit
            } else {
                let (tenant, network) = (self.asker.tenant.to_string(), &self.asker.network);
                let seat = self.directory.0.waiting.enter(&tenant, network);
                let _seat = seat.ok_or(Unavailable::Crowded)?;
                let permit = entry.asking.acquire().await;
                permit.expect("it is never closed")
            };
            // Somebody else may have asked meanwhile.
            if let Some(known) = entry.known(since)? {
                return Ok(known);
            }
            let began = Instant::now();
            let discovered = discover(self.dialer, issuer).await;
            entry.note(discovered, began)
        };
        let asked = timeout(DEADLINE, asked).await;
        asked.unwrap_or_else(|_| {
            entry.latest().failed = Some(Instant::now());
            Err(Unavailable::Deadline)
        })
    }
}

impl Directory {
    fn entry(&self, issuer: &str) -> Arc<Entry> {
        let mut entries = self
            .0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(issuer) {
            return Arc::clone(entry);
        }
        if entries.len() >= MOST {
            entries.clear();
        }
        let entry = Arc::new(Entry {
            latest: Mutex::default(),
            asking: Semaphore::new(1),
        });
        entries.insert(issuer.to_owned(), Arc::clone(&entry));
        entry
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self(Arc::new(Shared {
            entries: Mutex::default(),
            waiting: Room::new(WAITING),
        }))
    }
}

impl Entry {
    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, since: Option<Instant>) -> Result<Option<Known>, Unavailable> {
        let latest = self.latest();
        let fresh = |known: &&Known| since.is_none_or(|since| known.since >= since);
        if let Some(known) = latest.known.as_ref().filter(fresh) {
            return Ok(Some(known.clone()));
        }
        match latest.failed {
            Some(failed) if failed.elapsed() < REST => Err(Unavailable::Resting),
            _ => Ok(None),
        }
    }

    fn note(
        &self,
        discovered: Result<Metadata, Unavailable>,
        began: Instant,
    ) -> Result<Known, Unavailable> {
        let mut latest = self.latest();
        match discovered {
            Ok(metadata) => {
                let known = Known {
                    metadata: Arc::new(metadata),
                    since: began,
                };
                latest.failed = None;
                latest.known = Some(known.clone());
                Ok(known)
            }
            Err(error) => {
                latest.failed = Some(Instant::now());
                Err(error)
            }
        }
    }
}

async fn discover(dialer: &Dialer, issuer: &str) -> Result<Metadata, Unavailable> {
    let caller = Caller::of(dialer, issuer);
    let unfit = |text: &str| Unavailable::Discovery(text.to_owned(), None);
    let url = IssuerUrl::new(issuer.to_owned()).map_err(|_| unfit("the issuer is not a URL"))?;
    let metadata = Metadata::discover_async(url, &caller).await;
    let metadata = metadata.map_err(|error| match error {
        DiscoveryError::Request(error) => {
            Unavailable::Discovery("no answer".to_owned(), Some(error))
        }
        // Their texts quote the document; addresses of others' machines stay out of them.
        other => Unavailable::Discovery(other.to_string(), None),
    })?;
    let browsers = metadata.authorization_endpoint().as_str();
    let tokens = metadata.token_endpoint().map(|url| url.as_str());
    let tokens = tokens.ok_or_else(|| unfit("it has no token endpoint"))?;
    for address in [browsers, tokens] {
        caller.check(address).map_err(|error| {
            Unavailable::Discovery("an endpoint is not fit".to_owned(), Some(error))
        })?;
    }
    Ok(metadata)
}

/// For the two documents together.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a provider that failed is left alone.
const REST: Duration = Duration::from_secs(2);
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use egress::{Policy, Resolver, Trust};
    use futures_util::FutureExt as _;
    use proto::id::TenantUid;
    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;

    /// A25: a provider that does not answer has few wait for it.
    #[tokio::test]
    async fn few_of_a_network_wait_for_a_provider() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", silent.local_addr().unwrap());
        let policy = Policy::allowing(["127.0.0.0/8".parse().unwrap()], []);
        let dialer = Dialer::new(policy, Resolver::System, Trust::platform().unwrap());
        let directory = Directory::default();
        let asker = |network: &str| Asker {
            tenant: TenantUid::from_uuid(Uuid::nil()),
            network: network.to_owned(),
        };
        let (one, other) = (asker("192.0.2.1"), asker("192.0.2.2"));
        let find = |asker| {
            let inquiry = Inquiry {
                directory: &directory,
                dialer: &dialer,
                asker,
            };
            inquiry.find(&issuer, Duration::ZERO)
        };
        // One asks, the others wait.
        let mut asking: Vec<_> = (0..=WAITING.network)
            .map(|_| Box::pin(find(&one)))
            .collect();
        for one in &mut asking {
            assert!(one.as_mut().now_or_never().is_none());
        }
        let crowded = find(&one).now_or_never().unwrap();
        assert!(matches!(crowded, Err(Unavailable::Crowded)));
        assert!(find(&other).now_or_never().is_none(), "there is room");
        drop(asking);
        assert!(find(&one).now_or_never().is_none(), "it asks");
    }
}
