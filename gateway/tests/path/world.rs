//! Two tenants, three servers, four keys, and a gateway with one core that serves them.

use std::{
    collections::HashSet,
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use egress::{Dialer, Endpoint, Policy, Resolver, Trust};
use gateway::{
    app::{Cores, Parts},
    authn::{jwt::Jwt, uses::GrantUses},
    config::{
        Config,
        lease::Lease,
        session_keys::{SessionKey, SessionKeyring},
        snapshot::{
            CredentialUse, EgressMode, Key, Server, ServerSet, ServerSlot, Snapshot, Tenant,
            TenantSecrets, TenantSpec,
        },
    },
    limit::{Limiter, RateSettings},
    revocation::Revocations,
    route::Layout,
    settings::DataSettings,
};
use http::header::AUTHORIZATION;
use proto::{
    id::{KeyUid, ServerUid, TenantUid},
    sync::v1::Heartbeat,
};
use runtime::{
    clock::{Clock, Hand},
    shutdown::{Shutdown, Tasks},
};
use seal::session::SessionCipher;
use token::ApiKey;
use uuid::Uuid;

use crate::{
    client::{Client, Post, Reply},
    upstream::Upstream,
};

pub(crate) const HOST_A: &str = "a.test";
pub(crate) const HOST_B: &str = "b.test";
pub(crate) const SHARED: &str = "gw.test";

/// `A/s1` → `one`, `A/s2` → `two`, `B/s1` → `three`; the stored credentials are canaries.
pub(crate) struct World {
    pub(crate) one: Upstream,
    pub(crate) two: Upstream,
    pub(crate) three: Upstream,
    /// Of A, opens everything.
    pub(crate) alice: String,
    /// Of A, opens `s2` alone.
    pub(crate) adam: String,
    /// Of B.
    pub(crate) bob: String,
    /// Of A, disabled.
    pub(crate) gone: String,
    pub(crate) hand: Hand,
    pub(crate) config: Config,
    pub(crate) revocations: Revocations,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) cores: Option<Cores>,
    pub(crate) log: Log,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut DataSettings)) -> Self {
        let policy = Policy::allowing(["127.0.0.0/8".parse().unwrap()], []);
        Self::dialing(change, policy, Resolver::scripted(|_| panic!("on purpose"))).await
    }

    /// With other settings and its own idea of what may be called.
    pub(crate) async fn dialing(
        change: impl FnOnce(&mut DataSettings),
        policy: Policy,
        resolver: Resolver,
    ) -> Self {
        let (one, two, three) = (
            Upstream::listen().await,
            Upstream::listen().await,
            Upstream::listen().await,
        );
        let keys = [(); 4].map(|()| ApiKey::generate());
        let config = Config::new();
        config.publish(Arc::new(Snapshot::of(
            1,
            [tenant_a(&one, &two, &keys), tenant_b(&three, &keys[2])],
        )));

        let mut settings = DataSettings {
            public: vec!["127.0.0.1:0".parse().unwrap()],
            ..DataSettings::default()
        };
        settings.path.layout = Layout::with_path_origin("https://gw.test").unwrap();
        settings.serve.drain_accept = Duration::from_millis(50);
        change(&mut settings);
        let (clock, hand) = Clock::fixed(now());
        let (shutdown, log) = (Shutdown::new(), Log::default());
        let dialer = Dialer::new(policy, resolver, trust());
        let (jwt, tasks) = (Jwt::new(dialer.clone()), Tasks::new());
        let keys_of_issuers = jwt.clone().run(tasks.clone(), shutdown.hard());
        tasks.spawn("issuers' keys", keys_of_issuers);
        let revocations = Revocations::new();
        revocations.beat(&Heartbeat::default(), Instant::now());
        let cores = Cores::start(Parts {
            settings,
            config: config.clone(),
            dialer,
            jwt,
            uses: GrantUses::new(),
            revocations: revocations.clone(),
            limiter: Limiter::new(RateSettings::default()).0,
            clock,
            node: "n1".into(),
            access: Box::new(log.clone()),
            shutdown: shutdown.clone(),
        })
        .unwrap();
        let [alice, adam, bob, gone] = keys.map(|key| key.expose().to_owned());
        Self {
            one,
            two,
            three,
            alice,
            adam,
            bob,
            gone,
            hand,
            config,
            revocations,
            address: cores.addresses()[0],
            shutdown,
            cores: Some(cores),
            log,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn ask(&self, request: &Post) -> Reply {
        self.connect().await.ask(request.bytes()).await
    }

    /// Alice calls `A/s1`.
    pub(crate) fn call(&self) -> Post {
        Post::call(HOST_A, "s1", &self.alice)
    }

    /// Oracle o4 of the attack catalogue: after whatever happened, a legitimate call works on a new
    /// connection. It proves the positive twin of each negative row too.
    pub(crate) async fn still_serves(&self) {
        let request = self.call();
        let (reply, call) = tokio::join!(self.ask(&request), self.one.answer());
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(call.header("authorization"), Some("Bearer CANARY-A1"));
    }

    /// Oracle o4 on the connection of whatever happened, and on a new one.
    pub(crate) async fn still_serves_on(&self, client: &mut Client) {
        let request = self.call().bytes();
        let (reply, _call) = tokio::join!(client.ask(request), self.one.answer());
        assert_eq!(reply.status, 200, "{}", reply.body);
        self.still_serves().await;
    }

    /// Stops the gateway and returns its access lines.
    pub(crate) async fn stop(&mut self) -> String {
        self.shutdown.hard().cancel();
        if let Some(cores) = self.cores.take() {
            cores.finish().await;
        }
        self.log.text()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.hard().cancel();
    }
}

/// What was written, for all to see.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 20_000) + Duration::from_hours(1)
}

fn tenant_a(one: &Upstream, two: &Upstream, keys: &[ApiKey; 4]) -> Arc<Tenant> {
    let mut gone = key(4, "gone", ServerSet::All);
    gone.disabled = true;
    let (s1, s2) = (
        server(11, "s1", one, Some((1, "Bearer CANARY-A1"))),
        server(12, "s2", two, Some((1, "Bearer CANARY-A2"))),
    );
    let only_s2 = ServerSet::Only(HashSet::from([s2.uid]));
    let detached = Server {
        credential: CredentialUse::Detached,
        ..server(13, "moved", one, None)
    };
    // Its name is resolved by a resolver that panics.
    let broken = Server {
        endpoint: Endpoint::parse("http://panics.test/mcp").unwrap(),
        credential: CredentialUse::None,
        ..server(14, "panics", one, None)
    };
    let tenant = Tenant::new(spec(1, "a", HOST_A), Arc::default())
        .with_server(
            &"panics".parse().unwrap(),
            ServerSlot::Serving(Arc::new(broken)),
        )
        .with_server(&"s1".parse().unwrap(), ServerSlot::Serving(Arc::new(s1)))
        .with_server(&"s2".parse().unwrap(), ServerSlot::Serving(Arc::new(s2)))
        .with_server(
            &"moved".parse().unwrap(),
            ServerSlot::Serving(Arc::new(detached)),
        )
        .with_server(
            &"bad".parse().unwrap(),
            ServerSlot::Quarantined(ServerUid::from_uuid(Uuid::from_u128(15))),
        )
        .with_key(keys[0].sha256(), Arc::new(key(1, "alice", ServerSet::All)))
        .with_key(keys[1].sha256(), Arc::new(key(2, "adam", only_s2)))
        .with_key(keys[3].sha256(), Arc::new(gone))
        .with_secrets(Arc::new(secrets()));
    Arc::new(tenant)
}

fn tenant_b(three: &Upstream, bob: &ApiKey) -> Arc<Tenant> {
    let s1 = server(21, "s1", three, Some((1, "Bearer CANARY-B1")));
    let tenant = Tenant::new(spec(2, "b", HOST_B), Arc::default())
        .with_server(&"s1".parse().unwrap(), ServerSlot::Serving(Arc::new(s1)))
        .with_key(bob.sha256(), Arc::new(key(3, "bob", ServerSet::All)))
        .with_secrets(Arc::new(secrets()));
    Arc::new(tenant)
}

pub(crate) fn spec(uid: u128, slug: &str, host: &str) -> TenantSpec {
    TenantSpec {
        uid: TenantUid::from_uuid(Uuid::from_u128(uid)),
        slug: slug.parse().unwrap(),
        canonical_origin: format!("https://{host}").into(),
        alias_origins: vec![format!("http://{host}:8081").into()],
        allowed_origins: HashSet::from(["https://claude.ai".into()]),
        authenticators: Arc::default(),
        limits: None,
        look: Arc::new(look::Look::new(
            &slug.to_uppercase(),
            &proto::access::v1::Branding::default(),
        )),
        signing_keys: [].into(),
        revocation_grace: Duration::from_mins(10),
    }
}

pub(crate) fn server(
    uid: u128,
    slug: &str,
    upstream: &Upstream,
    credential: Option<(u64, &str)>,
) -> Server {
    let endpoint = Endpoint::parse(&upstream.url()).unwrap();
    let lease = credential.map(|(generation, value)| {
        let header = (AUTHORIZATION, value.as_bytes());
        let until = now() + Duration::from_hours(1);
        Arc::new(Lease::new(generation, header, endpoint.origin.clone(), until).unwrap())
    });
    Server {
        uid: ServerUid::from_uuid(Uuid::from_u128(uid)),
        slug: slug.parse().unwrap(),
        url: upstream.url().into(),
        endpoint,
        first_byte_timeout: Duration::from_mins(5),
        credential: lease.map_or(CredentialUse::None, CredentialUse::Attach),
        authenticators: None,
        egress: EgressMode::Shared,
        tools: Arc::default(),
    }
}

pub(crate) fn key(uid: u128, slug: &str, servers: ServerSet) -> Key {
    let uid = KeyUid::from_uuid(Uuid::from_u128(uid));
    Key::new(uid, slug.parse().unwrap(), servers, Arc::default())
}

pub(crate) fn secrets() -> TenantSecrets {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 20_000);
    let sessions = SessionKeyring::new(vec![SessionKey {
        cipher: SessionCipher::new("1d20000", &[7; 32]),
        not_before: start,
        not_after: start + Duration::from_hours(24 * 8),
    }]);
    TenantSecrets::new(sessions)
}

fn trust() -> Trust {
    runtime::tls::install_provider();
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap();
    Trust::only(authority.pem().as_bytes()).unwrap()
}
