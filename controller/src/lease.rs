//! What nodes need besides config: what calls carry, and what callers' credentials are checked with. This
//! is the one place where stored credentials become plain, for as long as it takes to encode them.
//!
//! A credential is sent to a node only after it is recorded that the node got it: while the database
//! takes no record, a new credential is not sent. What a node holds already is renewed regardless.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    error::Error,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::Stream;
use proto::{
    id::{ServerUid, TenantUid},
    node::v1::{
        self, WatchLeasesRequest, WatchLeasesResponse, lease_service_server::LeaseService as Rpc,
        watch_leases_response::Kind as News,
    },
    sync::v1::Upsert,
};
use runtime::{clock::Clock, shutdown::Tasks};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::{
    ledger::{Due, Ledger, Record},
    offer::Offer,
};
use crate::{
    grpc::NodeIdentity,
    store::{Author, Store},
    sync::{
        State, States,
        state::{Entry, Sealed},
    },
    vault::Vault,
};

/// What one node was sent, and what is due to it.
mod ledger;

/// From a sealed row to what a node attaches.
mod offer;

/// What a tenant's credentials are checked with.
mod tenant_secrets;

/// What calls with static tokens carry.
mod token_headers;

pub use tenant_secrets::{opening_key, sealing_key};

/// Hands out credential leases.
#[derive(Clone)]
pub struct LeaseService(Arc<Inner>);

struct Inner {
    states: States,
    vault: Arc<Vault>,
    store: Store,
    clock: Clock,
    tasks: Tasks,
    soft: CancellationToken,
    /// Refusals that were logged, by the generation they were for.
    logged: Mutex<BTreeMap<ServerUid, u64>>,
}

impl LeaseService {
    /// A service that leases the credentials of the newest of `states` until `soft` is cancelled.
    pub fn new(
        states: States,
        vault: Arc<Vault>,
        store: Store,
        clock: Clock,
        tasks: Tasks,
        soft: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            states,
            vault,
            store,
            clock,
            tasks,
            soft,
            logged: Mutex::default(),
        }))
    }
}

#[tonic::async_trait]
impl Rpc for LeaseService {
    type WatchLeasesStream =
        Pin<Box<dyn Stream<Item = Result<WatchLeasesResponse, Status>> + Send>>;

    async fn watch_leases(
        &self,
        request: Request<WatchLeasesRequest>,
    ) -> Result<Response<Self::WatchLeasesStream>, Status> {
        let peer = request
            .remote_addr()
            .map(|peer| peer.to_string())
            .unwrap_or_default();
        let identity = request
            .extensions()
            .get::<NodeIdentity>()
            .ok_or_else(|| Status::permission_denied("leases are for nodes"))?;
        if request.get_ref().node_id != identity.id.as_str() {
            return Err(Status::permission_denied(
                "the request names another node than the certificate",
            ));
        }
        let author = Author {
            actor: format!("nodes/{}", identity.id),
            token: None,
            request: Uuid::now_v7(),
            peer,
            action: "leases.grant".to_owned(),
        };
        let (outbound, responses) = mpsc::channel(NEWS_IN_HAND);
        let watch = Watch {
            service: Arc::clone(&self.0),
            author,
            outbound,
            ledger: Ledger::default(),
            recording: Recording::Works,
        };
        self.0.tasks.spawn("lease stream", watch.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(responses))))
    }
}

/// One node's stream.
struct Watch {
    service: Arc<Inner>,
    author: Author,
    outbound: mpsc::Sender<Result<WatchLeasesResponse, Status>>,
    ledger: Ledger,
    recording: Recording,
}

/// How the last recording went, so that an outage is logged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    Works,
    Fails,
}

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("config was not read from the database yet")]
    NotReady,
    #[error("the node ended the stream")]
    Gone,
    #[error("the node takes nothing")]
    Stuck,
    #[error("this controller is stopping")]
    Stopping,
}

/// Whether everything that was due was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Complete,
    /// Some grants could not be recorded and were not sent.
    Unrecorded,
}

impl Watch {
    async fn run(mut self) {
        let Err(end) = self.serve().await;
        tracing::info!(node = self.author.actor, reason = %end, "a lease stream ended");
        let status = match end {
            End::NotReady => Status::unavailable(end.to_string()),
            End::Stuck => Status::deadline_exceeded(end.to_string()),
            End::Gone | End::Stopping => return,
        };
        let _ = timeout(LAST_WORDS, self.outbound.send(Err(status))).await;
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        let service = Arc::clone(&self.service);
        let (mut states, outbound) = (service.states.clone(), self.outbound.clone());
        let mut caught_up = false;
        loop {
            let state = states.borrow_and_update().clone().ok_or(End::NotReady)?;
            let pass = tokio::select! {
                () = service.soft.cancelled() => return Err(End::Stopping),
                pass = self.pass(&state) => pass?,
            };
            if pass == Pass::Complete && !caught_up {
                self.send(News::CaughtUp(v1::CaughtUp {})).await?;
                caught_up = true;
            }
            let wake = match pass {
                Pass::Complete => self.ledger.rest(service.clock.now()).min(LOOK_EVERY),
                Pass::Unrecorded => RECORD_AGAIN,
            };
            tokio::select! {
                () = service.soft.cancelled() => return Err(End::Stopping),
                () = outbound.closed() => return Err(End::Gone),
                changed = states.changed() => changed.map_err(|_| End::Stopping)?,
                () = sleep(wake) => {}
            }
        }
    }

    /// Sends whatever is due.
    async fn pass(&mut self, state: &State) -> Result<Pass, End> {
        let due = self.ledger.due(state, self.service.clock.now());
        let (mut unrecorded, mut result) = (Vec::new(), Pass::Complete);
        for due in due {
            match due {
                Due::Withdrawal(server) => {
                    let news = v1::Withdrawal {
                        server_uid: server.to_string(),
                    };
                    self.send(News::Withdrawal(news)).await?;
                    self.ledger.withdrawn(server);
                }
                Due::TenantSecrets(tenant, entry) => self.send_secrets(tenant, entry).await?,
                Due::Offer(server, entry, Record::Made) => {
                    self.send_offer(state, server, entry).await?;
                }
                Due::Offer(server, entry, Record::Missing) => unrecorded.push((server, entry)),
            }
        }
        for batch in unrecorded.chunks(GRANTS_PER_RECORDING) {
            if self.record(state, batch).await == Pass::Unrecorded {
                result = Pass::Unrecorded;
                continue;
            }
            for (server, entry) in batch {
                self.send_offer(state, *server, Arc::clone(entry)).await?;
            }
        }
        Ok(result)
    }

    /// Records the grants that a batch will be.
    async fn record(&mut self, state: &State, batch: &[(ServerUid, Arc<Entry>)]) -> Pass {
        let grants: Vec<_> = batch
            .iter()
            .map(|(_, entry)| (entry.name.tenant(), state.display_name(&entry.upsert.name)))
            .collect();
        let store = &self.service.store;
        let recording = store.record_grants(self.author.clone(), &grants);
        let error = match timeout(RECORD_WITHIN, recording).await {
            Ok(Ok(())) => {
                self.recording = Recording::Works;
                return Pass::Complete;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        metrics::counter!("aldgate_lease_recording_failures_total").increment(1);
        if self.recording == Recording::Works {
            self.recording = Recording::Fails;
            tracing::error!(
                node = self.author.actor,
                error = error.as_ref().map(|error| error as &dyn Error),
                "leases cannot be recorded and are held back"
            );
        }
        Pass::Unrecorded
    }

    async fn send_offer(
        &mut self,
        state: &State,
        server: ServerUid,
        entry: Arc<Entry>,
    ) -> Result<(), End> {
        let Sealed::Access(access) = &entry.sealed else {
            return Ok(());
        };
        let tenant = entry.name.tenant();
        let now = self.service.clock.now();
        let keys = state.tenant_keys(tenant);
        let news = match offer::offer(&self.service.vault, tenant, keys, access, now + LEASE) {
            Offer::Lease(lease) => {
                metrics::counter!("aldgate_leases_total").increment(1);
                News::Lease(lease)
            }
            Offer::Refusal(refusal) => {
                self.service.note(server, &refusal, &entry.upsert);
                News::Refusal(refusal)
            }
        };
        self.send(news).await?;
        self.ledger.offered(server, entry, now + LEASE / 2);
        Ok(())
    }

    async fn send_secrets(&mut self, tenant: TenantUid, entry: Arc<Entry>) -> Result<(), End> {
        let Sealed::Tenant(sealed) = &entry.sealed else {
            return Ok(());
        };
        let day = tenant_secrets::day(self.service.clock.now());
        match tenant_secrets::of(&self.service.vault, tenant, sealed, day) {
            Ok(secrets) => self.send(News::TenantSecrets(secrets)).await?,
            Err(unreadable) => {
                metrics::counter!("aldgate_tenant_keys_unreadable_total").increment(1);
                tracing::error!(
                    tenant.id = %tenant,
                    error = &unreadable as &dyn Error,
                    "a tenant's key cannot be read: its sessions and static tokens do not work"
                );
            }
        }
        self.ledger.told(tenant, entry, day);
        Ok(())
    }

    async fn send(&self, news: News) -> Result<(), End> {
        let response = WatchLeasesResponse { kind: Some(news) };
        match timeout(TAKE_WITHIN, self.outbound.send(Ok(response))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Stuck),
        }
    }
}

impl Inner {
    /// Counts a refusal, and logs it once for each generation.
    fn note(&self, server: ServerUid, refusal: &v1::Refusal, upsert: &Upsert) {
        metrics::counter!("aldgate_lease_refusals_total", "reason" => refusal.reason.clone())
            .increment(1);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let before = logged.insert(server, refusal.generation);
        drop(logged);
        if before != Some(refusal.generation) {
            tracing::error!(
                server = upsert.name,
                generation = refusal.generation,
                reason = refusal.reason,
                "a credential cannot be leased"
            );
        }
    }
}

/// How long a lease is good without a renewal. It is renewed at half of that.
const LEASE: Duration = Duration::from_mins(15);

/// The clock of the day may jump: never rest longer.
const LOOK_EVERY: Duration = Duration::from_mins(1);

const RECORD_AGAIN: Duration = Duration::from_secs(1);
const RECORD_WITHIN: Duration = Duration::from_secs(5);
const GRANTS_PER_RECORDING: usize = 500;
const TAKE_WITHIN: Duration = Duration::from_secs(10);
const LAST_WORDS: Duration = Duration::from_secs(1);
const NEWS_IN_HAND: usize = 16;
