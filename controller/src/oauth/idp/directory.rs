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
}

/// Everything that is remembered of providers. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Directory(Arc<Mutex<HashMap<String, Arc<Entry>>>>);

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

impl Directory {
    /// What the provider says, asked for at most so long ago.
    pub(super) async fn find(
        &self,
        dialer: &Dialer,
        issuer: &str,
        age: Duration,
    ) -> Result<Known, Unavailable> {
        let now = Instant::now();
        // A clock that has run for less than that long has seen nothing older.
        self.since(dialer, issuer, now.checked_sub(age)).await
    }

    /// What the provider says now, if what is remembered is no newer than this.
    pub(super) async fn newer(
        &self,
        dialer: &Dialer,
        issuer: &str,
        than: Instant,
    ) -> Result<Known, Unavailable> {
        let after = than + Duration::from_nanos(1);
        self.since(dialer, issuer, Some(after)).await
    }

    async fn since(
        &self,
        dialer: &Dialer,
        issuer: &str,
        since: Option<Instant>,
    ) -> Result<Known, Unavailable> {
        let entry = self.entry(issuer);
        let asked = async {
            if let Some(known) = entry.known(since)? {
                return Ok(known);
            }
            let permit = entry.asking.acquire().await;
            let _permit = permit.expect("it is never closed");
            // Somebody else may have asked meanwhile.
            if let Some(known) = entry.known(since)? {
                return Ok(known);
            }
            let began = Instant::now();
            let discovered = discover(dialer, issuer).await;
            entry.note(discovered, began)
        };
        let asked = timeout(DEADLINE, asked).await;
        asked.unwrap_or_else(|_| {
            entry.latest().failed = Some(Instant::now());
            Err(Unavailable::Deadline)
        })
    }

    fn entry(&self, issuer: &str) -> Arc<Entry> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
