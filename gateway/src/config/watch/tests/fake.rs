//! A controller that does what the test says: every stream that a node opens is handed to the test.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use proto::{
    node::v1::{
        WatchLeasesRequest, WatchLeasesResponse,
        lease_service_server::{LeaseService, LeaseServiceServer},
    },
    sync::v1::{
        Ack, Hello, SyncRequest, SyncResponse, Upsert,
        config_sync_service_server::{ConfigSyncService, ConfigSyncServiceServer},
        sync_request,
        sync_response::Kind,
        welcome::Plan,
    },
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use runtime::{clock::Clock, shutdown::Tasks, tls::Identity};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Certificate, Server, ServerTlsConfig},
};

use crate::{
    authn::uses::GrantUses,
    config::{Source, identity::NodeIdentity, link::Controller, samples},
    revocation::Revocations,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A CA of the test's own.
pub(super) struct Pki {
    ca: Issuer<'static, KeyPair>,
    ca_pem: String,
}

impl Pki {
    pub(super) fn new() -> Self {
        runtime::tls::install_provider();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca_pem = params.self_signed(&key).unwrap().pem();
        Self {
            ca: Issuer::new(params, key),
            ca_pem,
        }
    }

    /// What a node `gateway-1` needs to find these controllers.
    pub(super) fn source(&self, controllers: &[Controller], clock: Clock) -> Source {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = self.issue("spiffe://aldgate/pool/default/node/gateway-1");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            path
        };
        let (cert, key) = (write("cert", &cert), write("key", &key));
        let tls = Identity::read(&cert, &key, Path::new(&write("ca", &self.ca_pem))).unwrap();
        let node = NodeIdentity::of_certificate(tls.cert_pem()).unwrap();
        Source {
            controllers: controllers.to_vec(),
            tls,
            node,
            clock,
            jwt: None,
            uses: GrantUses::new(),
            revocations: Revocations::new(),
        }
    }

    fn issue(&self, uri: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let uri = SanType::URI(uri.try_into().unwrap());
        params.subject_alt_names.push(uri);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.ca).unwrap();
        (cert.pem(), key.serialize_pem())
    }
}

/// The controller. Dropping it ends everything.
pub(super) struct FakeController {
    address: Controller,
    syncs: mpsc::UnboundedReceiver<Conversation>,
    leases: mpsc::UnboundedReceiver<Leases>,
    stop: CancellationToken,
}

impl FakeController {
    pub(super) async fn start(pki: &Pki) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let (cert, key) = pki.issue("spiffe://aldgate/controller");
        let tls = ServerTlsConfig::new()
            .identity(tonic::transport::Identity::from_pem(cert, key))
            .client_ca_root(Certificate::from_pem(&pki.ca_pem));
        let (syncs, sync_receiver) = mpsc::unbounded_channel();
        let (leases, lease_receiver) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let serving = Server::builder()
            .tls_config(tls)
            .unwrap()
            .add_service(ConfigSyncServiceServer::new(Syncs(syncs)))
            .add_service(LeaseServiceServer::new(LeaseDoor(leases)))
            .serve_with_incoming_shutdown(
                TcpListenerStream::new(listener),
                stop.clone().cancelled_owned(),
            );
        Tasks::new().spawn("controller", async move { serving.await.unwrap() });
        Self {
            address: address.parse().unwrap(),
            syncs: sync_receiver,
            leases: lease_receiver,
            stop,
        }
    }

    pub(super) fn address(&self) -> Controller {
        self.address.clone()
    }

    /// The next config stream that a node opens.
    pub(super) async fn sync(&mut self) -> Conversation {
        within(self.syncs.recv()).await.unwrap()
    }

    /// The next lease stream that a node opens and keeps.
    pub(super) async fn leases(&mut self) -> Leases {
        loop {
            let leases = within(self.leases.recv()).await.unwrap();
            if !leases.0.is_closed() {
                return leases;
            }
        }
    }

    pub(super) fn is_untouched(&mut self) -> bool {
        self.syncs.try_recv().is_err() && self.leases.try_recv().is_err()
    }
}

impl Drop for FakeController {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The controller's end of a config stream.
pub(super) struct Conversation {
    said: Streaming<SyncRequest>,
    frames: mpsc::Sender<Result<SyncResponse, Status>>,
}

impl Conversation {
    pub(super) async fn say(&self, kind: Kind) {
        let frame = SyncResponse { kind: Some(kind) };
        within(self.frames.send(Ok(frame))).await.unwrap();
    }

    pub(super) async fn end(self, status: Status) {
        within(self.frames.send(Err(status))).await.unwrap();
    }

    /// A whole snapshot.
    pub(super) async fn snapshot(&self, at: u64, upserts: &[Upsert]) {
        self.say(super::welcome(Plan::Snapshot, at)).await;
        self.say(super::chunk(upserts)).await;
        self.say(super::end(at, upserts)).await;
    }

    pub(super) async fn beat(&self, at: u64, upserts: &[Upsert]) {
        self.say(super::heartbeat(at, upserts)).await;
    }

    pub(super) async fn hello(&mut self) -> Hello {
        match self.heard().await {
            sync_request::Kind::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn pong(&mut self) {
        while !matches!(self.heard().await, sync_request::Kind::Pong(_)) {}
    }

    pub(super) async fn ack(&mut self) -> Ack {
        loop {
            if let sync_request::Kind::Ack(ack) = self.heard().await {
                return ack;
            }
        }
    }

    /// The first acknowledgement that reaches this revision.
    pub(super) async fn ack_of(&mut self, revision: u64) -> Ack {
        loop {
            let ack = self.ack().await;
            if ack.applied == Some(samples::cursor(revision)) {
                return ack;
            }
        }
    }

    pub(super) async fn heard(&mut self) -> sync_request::Kind {
        let message = within(self.said.message()).await.unwrap();
        message.unwrap().kind.unwrap()
    }
}

/// The controller's end of a lease stream.
pub(super) struct Leases(mpsc::Sender<Result<WatchLeasesResponse, Status>>);

impl Leases {
    pub(super) async fn say(&self, message: WatchLeasesResponse) {
        within(self.0.send(Ok(message))).await.unwrap();
    }

    pub(super) async fn end(self, status: Status) {
        within(self.0.send(Err(status))).await.unwrap();
    }
}

struct Syncs(mpsc::UnboundedSender<Conversation>);

#[tonic::async_trait]
impl ConfigSyncService for Syncs {
    type SyncStream = ReceiverStream<Result<SyncResponse, Status>>;

    async fn sync(
        &self,
        request: Request<Streaming<SyncRequest>>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let (frames, out) = mpsc::channel(64);
        let said = request.into_inner();
        // A test that has ended wants no more streams.
        let _ = self.0.send(Conversation { said, frames });
        Ok(Response::new(ReceiverStream::new(out)))
    }
}

struct LeaseDoor(mpsc::UnboundedSender<Leases>);

#[tonic::async_trait]
impl LeaseService for LeaseDoor {
    type WatchLeasesStream = ReceiverStream<Result<WatchLeasesResponse, Status>>;

    async fn watch_leases(
        &self,
        request: Request<WatchLeasesRequest>,
    ) -> Result<Response<Self::WatchLeasesStream>, Status> {
        assert_eq!(request.get_ref().node_id, "gateway-1");
        let (leases, out) = mpsc::channel(64);
        // As above.
        let _ = self.0.send(Leases(leases));
        Ok(Response::new(ReceiverStream::new(out)))
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("the node is slow")
}
