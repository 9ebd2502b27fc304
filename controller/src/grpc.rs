//! The gRPC door: TLS, caps, who is calling, and the list of services behind it.

use std::time::Duration;

use proto::{
    admin::v1::{
        access_service_server::AccessServiceServer, client_service_server::ClientServiceServer,
        hint_service_server::HintServiceServer,
        identity_provider_service_server::IdentityProviderServiceServer,
        key_service_server::KeyServiceServer, limit_service_server::LimitServiceServer,
        node_service_server::NodeServiceServer, oauth_service_server::OauthServiceServer,
        revision_service_server::RevisionServiceServer,
        revocation_service_server::RevocationServiceServer,
        server_service_server::ServerServiceServer,
        static_token_service_server::StaticTokenServiceServer,
        tenant_service_server::TenantServiceServer, token_service_server::TokenServiceServer,
        user_service_server::UserServiceServer,
    },
    node::v1::lease_service_server::LeaseServiceServer,
    sync::v1::config_sync_service_server::ConfigSyncServiceServer,
};
use runtime::tls::Identity;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{
    Certificate, Server, ServerTlsConfig,
    server::{Router, TcpIncoming},
};
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tower::layer::util::{Identity as NoLayer, Stack};

use crate::{admin::Admin, lease::LeaseService, store::Store, sync::SyncService};

/// Who may come in.
mod door;

/// Which gateway node a client certificate names.
mod identity;

/// Requests that hold fields of a newer version.
mod unknown;

pub use door::Door;
pub use identity::{NodeIdentity, NotANode};

/// What is behind the door.
pub struct Services {
    /// The admin API.
    pub admin: Admin,
    /// The config stream.
    pub sync: SyncService,
    /// Credential leases.
    pub lease: LeaseService,
    /// Says whether we serve; open to everybody, and nothing but that (AD-19).
    pub health: HealthReporter,
}

/// The door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// Certificate, key and CA do not make a TLS server.
    #[error("TLS cannot be set up")]
    Tls(#[source] tonic::transport::Error),
    /// Our own descriptors cannot be served.
    #[error("reflection cannot be set up")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// It stopped.
    #[error("the gRPC server failed")]
    Serve(#[source] tonic::transport::Error),
}

/// A door ready to be opened.
pub struct Grpc(Router<Stack<Door, NoLayer>>);

impl Grpc {
    /// Puts the services behind a door that looks tokens up in `store`.
    pub fn new(identity: &Identity, store: Store, services: Services) -> Result<Self, GrpcError> {
        let tls = ServerTlsConfig::new()
            .identity(tonic::transport::Identity::from_pem(
                identity.cert_pem(),
                identity.key_pem().expose_secret(),
            ))
            .client_ca_root(Certificate::from_pem(identity.ca_pem()))
            // Operators have a token, nodes a certificate; the door asks for the right one.
            .client_auth_optional(true)
            .timeout(HANDSHAKE);
        let Services {
            admin,
            sync,
            lease,
            health,
        } = services;
        let router = Server::builder()
            .tls_config(tls)
            .map_err(GrpcError::Tls)?
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE))
            .http2_max_header_list_size(HEADER_BYTES)
            .http2_max_pending_accept_reset_streams(Some(20))
            .max_concurrent_streams(STREAMS)
            .concurrency_limit_per_connection(CALLS)
            .layer(Door::new(store))
            .add_service(tonic_health::pb::health_server::HealthServer::new(
                HealthService::from_health_reporter(health),
            ))
            .add_service(reflection()?)
            .add_service(sized!(ConfigSyncServiceServer::new(sync)))
            .add_service(sized!(LeaseServiceServer::new(lease)))
            .add_service(sized!(TenantServiceServer::new(admin.clone())))
            .add_service(sized!(ServerServiceServer::new(admin.clone())))
            .add_service(sized!(HintServiceServer::new(admin.clone())))
            .add_service(sized!(KeyServiceServer::new(admin.clone())))
            .add_service(sized!(LimitServiceServer::new(admin.clone())))
            .add_service(sized!(StaticTokenServiceServer::new(admin.clone())))
            .add_service(sized!(AccessServiceServer::new(admin.clone())))
            .add_service(sized!(ClientServiceServer::new(admin.clone())))
            .add_service(sized!(OauthServiceServer::new(admin.clone())))
            .add_service(sized!(TokenServiceServer::new(admin.clone())))
            .add_service(sized!(UserServiceServer::new(admin.clone())))
            .add_service(sized!(IdentityProviderServiceServer::new(admin.clone())))
            .add_service(sized!(NodeServiceServer::new(admin.clone())))
            .add_service(sized!(RevisionServiceServer::new(admin.clone())))
            .add_service(sized!(RevocationServiceServer::new(admin)));
        Ok(Self(router))
    }

    /// Serves until `soft` is cancelled and the calls in flight have ended.
    pub async fn serve(
        self,
        listener: TcpListener,
        soft: CancellationToken,
    ) -> Result<(), GrpcError> {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        self.0
            .serve_with_incoming_shutdown(incoming, soft.cancelled_owned())
            .await
            .map_err(GrpcError::Serve)
    }
}

fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, GrpcError> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(GrpcError::Reflection)
}

/// Caps both directions; tonic sends without a limit otherwise.
macro_rules! sized {
    ($service:expr) => {
        $service
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
    };
}
use sized;

const MESSAGE_BYTES: usize = 4 << 20;
const HEADER_BYTES: u32 = 16 << 10;
const STREAMS: u32 = 256;
const CALLS: usize = 128;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const HANDSHAKE: Duration = Duration::from_secs(5);
