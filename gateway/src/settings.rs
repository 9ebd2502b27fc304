//! What the process reads once at start. Each concern has its own struct beside the code it is for;
//! here are only the names of the variables.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    thread,
    time::Duration,
};

use crate::{
    config::{
        identity::{IdentityError, NodeIdentity},
        link::Controller,
    },
    door::{DoorSettings, Way},
    limit::{LimitSettings, Part, RateSettings},
    pipeline::PathSettings,
    read::BodySettings,
    redis,
    route::Layout,
    serve::ServeSettings,
    upstream::UpstreamSettings,
};
use egress::{Denied, Policy, Trust, TrustError};
use ipnet::IpNet;
use runtime::{
    settings::{SettingsError, Source},
    tls::{self, Identity, TlsError},
};

/// Everything but the log, which must run before the rest is read.
pub struct Settings {
    /// The data path.
    pub data: DataSettings,
    /// Where the ops port is.
    pub ops: SocketAddr,
    /// Who this node is.
    pub node: NodeIdentity,
    /// How it proves that.
    pub identity: Identity,
    /// The controllers, any of which will do.
    pub controllers: Vec<Controller>,
    /// How calls per time are counted.
    pub rates: RateSettings,
    /// Which addresses may be called.
    pub policy: Policy,
    /// Which certificates of servers are trusted.
    pub trust: Trust,
    /// Where to write the bound addresses.
    pub port_file: Option<PathBuf>,
}

/// What the cores need.
#[derive(Debug, Clone)]
pub struct DataSettings {
    /// Where clients connect.
    pub public: Vec<SocketAddr>,
    /// How many cores serve.
    pub cores: usize,
    /// Connections per address.
    pub connections_per_ip: u32,
    /// The public door.
    pub serve: ServeSettings,
    /// The request path.
    pub path: PathSettings,
    /// Calls to servers.
    pub upstream: UpstreamSettings,
    /// Calls to controllers.
    pub door: DoorSettings,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            public: Vec::new(),
            cores: 1,
            connections_per_ip: 256,
            serve: ServeSettings::default(),
            path: PathSettings {
                lease_grace: Duration::from_hours(24),
                ..PathSettings::default()
            },
            upstream: UpstreamSettings::default(),
            door: DoorSettings::default(),
        }
    }
}

/// The process cannot be started like this.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is missing or malformed.
    #[error(transparent)]
    Setting(#[from] SettingsError),
    /// A certificate or key file.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificate does not name the node.
    #[error("ALDGATE_TLS_CERT_FILE")]
    Identity(#[from] IdentityError),
    /// The extra CA for servers cannot be read.
    #[error("ALDGATE_EXTRA_CA_FILE cannot be read")]
    ExtraCa(#[source] io::Error),
    /// Certificates that servers are checked against.
    #[error("loading the certificates to check servers against")]
    Trust(#[from] TrustError),
    /// Half a pair.
    #[error("set both ALDGATE_PUBLIC_TLS_CERT_FILE and ALDGATE_PUBLIC_TLS_KEY_FILE, or neither")]
    HalfTls,
    /// Not `scheme://host[:port]`.
    #[error(
        "ALDGATE_PATH_ORIGIN must have the form `https://host[:port]`, in lower case and without a path"
    )]
    PathOrigin,
    /// Not a URL of Redis.
    #[error(
        "ALDGATE_REDIS_URL must have the form `redis://[user:password@]host:port[/db]` or `redis+unix:///path`"
    )]
    Redis,
    /// Nothing to connect to.
    #[error("ALDGATE_CONTROLLERS must name at least one controller, `https://host:port`")]
    NoController,
}

impl Settings {
    /// Reads them all.
    pub fn read(source: &mut Source) -> Result<Self, StartError> {
        let file = |source: &mut Source, name| source.required::<PathBuf>(name);
        let cert = file(source, "ALDGATE_TLS_CERT_FILE")?;
        let key = file(source, "ALDGATE_TLS_KEY_FILE")?;
        let ca = file(source, "ALDGATE_TLS_CA_FILE")?;
        let identity = Identity::read(&cert, &key, &ca)?;
        let node = NodeIdentity::of_certificate(identity.cert_pem())?;
        let controllers = source.list("ALDGATE_CONTROLLERS")?;
        if controllers.is_empty() {
            return Err(StartError::NoController);
        }
        let allowed = source.list::<IpNet>("ALDGATE_ALLOWED_NETWORKS")?;
        let denied = source.list::<Denied>("ALDGATE_DENIED_ADDRESSES")?;
        Ok(Self {
            data: DataSettings::read(source, &identity)?,
            ops: source.parse_or("ALDGATE_OPS_ADDR", LOCAL_OPS)?,
            node,
            identity,
            controllers,
            rates: rates(source)?,
            policy: Policy::allowing(allowed, denied),
            trust: trust(source)?,
            port_file: source.parse("ALDGATE_PORT_FILE")?,
        })
    }
}

impl DataSettings {
    fn read(source: &mut Source, identity: &Identity) -> Result<Self, StartError> {
        let default = Self::default();
        let public = source.list("ALDGATE_PUBLIC_ADDR")?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            public: if public.is_empty() {
                LOCAL_PUBLIC.to_vec()
            } else {
                public
            },
            cores: source.parse_or("ALDGATE_CORES", cores)?.max(1),
            connections_per_ip: source.parse_or(
                "ALDGATE_LIMIT_CONNECTIONS_PER_IP",
                default.connections_per_ip,
            )?,
            serve: serve(source)?,
            path: PathSettings {
                layout: layout(source)?,
                body: body(source)?,
                limits: limits(source)?,
                lease_grace: source.duration_or("ALDGATE_LEASE_GRACE", default.path.lease_grace)?,
            },
            upstream: upstream(source)?,
            door: door(source, identity)?,
        })
    }
}

fn trust(source: &mut Source) -> Result<Trust, StartError> {
    let Some(path) = source.parse::<PathBuf>("ALDGATE_EXTRA_CA_FILE")? else {
        return Ok(Trust::platform()?);
    };
    let extra = fs::read(path).map_err(StartError::ExtraCa)?;
    Ok(Trust::platform_and(&extra)?)
}

fn serve(source: &mut Source) -> Result<ServeSettings, StartError> {
    let default = ServeSettings::default();
    let cert = source.parse::<PathBuf>("ALDGATE_PUBLIC_TLS_CERT_FILE")?;
    let key = source.parse::<PathBuf>("ALDGATE_PUBLIC_TLS_KEY_FILE")?;
    let tls = match (cert, key) {
        (Some(cert), Some(key)) => Some(tls::public_server_config(&cert, &key)?),
        (None, None) => None,
        _ => return Err(StartError::HalfTls),
    };
    Ok(ServeSettings {
        tls,
        handshake: source.duration_or("ALDGATE_LIMIT_HANDSHAKE", default.handshake)?,
        header_read: source.duration_or("ALDGATE_LIMIT_HEADER_READ", default.header_read)?,
        idle: source.duration_or("ALDGATE_LIMIT_CONNECTION_IDLE", default.idle)?,
        drain_accept: source.duration_or("ALDGATE_DRAIN_ACCEPT", default.drain_accept)?,
        drain_deadline: source.duration_or("ALDGATE_DRAIN_DEADLINE", default.drain_deadline)?,
    })
}

fn layout(source: &mut Source) -> Result<Layout, StartError> {
    match source.text("ALDGATE_PATH_ORIGIN")? {
        None => Ok(Layout::default()),
        Some(origin) => Layout::with_path_origin(&origin).ok_or(StartError::PathOrigin),
    }
}

fn body(source: &mut Source) -> Result<BodySettings, SettingsError> {
    let default = BodySettings::default();
    Ok(BodySettings {
        bytes: source.parse_or("ALDGATE_LIMIT_BODY_BYTES", default.bytes)?,
        idle: source.duration_or("ALDGATE_LIMIT_BODY_IDLE", default.idle)?,
        total: source.duration_or("ALDGATE_LIMIT_BODY_TOTAL", default.total)?,
    })
}

fn limits(source: &mut Source) -> Result<LimitSettings, SettingsError> {
    let default = LimitSettings::default();
    Ok(LimitSettings {
        inflight_per_principal: source.parse_or(
            "ALDGATE_LIMIT_INFLIGHT_PER_PRINCIPAL",
            default.inflight_per_principal,
        )?,
        inflight_per_tenant: source.parse_or(
            "ALDGATE_LIMIT_INFLIGHT_PER_TENANT",
            default.inflight_per_tenant,
        )?,
        streams_per_principal: source.parse_or(
            "ALDGATE_LIMIT_STREAMS_PER_PRINCIPAL",
            default.streams_per_principal,
        )?,
    })
}

fn rates(source: &mut Source) -> Result<RateSettings, StartError> {
    let default = RateSettings::default();
    let redis = source.secret("ALDGATE_REDIS_URL")?;
    if redis.as_ref().is_some_and(|url| !redis::is_url(url)) {
        return Err(StartError::Redis);
    }
    Ok(RateSettings {
        redis,
        redis_deadline: source
            .duration_or("ALDGATE_LIMIT_REDIS_DEADLINE", default.redis_deadline)?,
        lease_wait: source.duration_or("ALDGATE_LIMIT_LEASE_WAIT", default.lease_wait)?,
        local: source.parse_or::<Part>("ALDGATE_LIMIT_LOCAL_SHARE", default.local)?,
        ..default
    })
}

fn upstream(source: &mut Source) -> Result<UpstreamSettings, SettingsError> {
    let default = UpstreamSettings::default();
    Ok(UpstreamSettings {
        connect: source.duration_or("ALDGATE_LIMIT_UPSTREAM_CONNECT", default.connect)?,
        first_byte: source.duration_or("ALDGATE_LIMIT_UPSTREAM_FIRST_BYTE", default.first_byte)?,
        total: source.duration_or("ALDGATE_LIMIT_UPSTREAM_TOTAL", default.total)?,
        idle: source.duration_or("ALDGATE_LIMIT_STREAM_IDLE", default.idle)?,
        keep_alive: source.duration_or("ALDGATE_LIMIT_STREAM_KEEP_ALIVE", default.keep_alive)?,
        json_bytes: source.parse_or("ALDGATE_LIMIT_REPLY_BYTES", default.json_bytes)?,
        event_bytes: source.parse_or("ALDGATE_LIMIT_EVENT_BYTES", default.event_bytes)?,
        reuse: default.reuse,
    })
}

fn door(source: &mut Source, identity: &Identity) -> Result<DoorSettings, SettingsError> {
    let default = DoorSettings::default();
    let controllers = source.list::<Controller>("ALDGATE_CONTROLLER_AUTH")?;
    Ok(DoorSettings {
        way: (!controllers.is_empty()).then(|| Way {
            controllers,
            tls: identity.client_config(),
        }),
        body: BodySettings {
            bytes: default.body.bytes,
            ..body(source)?
        },
        ..default
    })
}

const LOCAL_PUBLIC: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 8080),
];
const LOCAL_OPS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9080);
