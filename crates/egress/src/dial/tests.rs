use std::{
    collections::VecDeque, net::TcpListener as StdListener, process::Command, sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{Denied, Endpoint};

#[tokio::test]
async fn a_permitted_server_is_connected_to() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialer = dialer(loopback(), answers([&["127.0.0.1"]]));

    let origin = origin(&server, "http");
    let (stream, accepted) = tokio::join!(dialer.connect(&origin, DEADLINE), server.accept());

    let mut stream = stream.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut read = [0; 4];
    accepted.unwrap().0.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ping");
    let Stream::Plain(socket) = stream else {
        panic!("not plain")
    };
    assert!(socket.nodelay().unwrap());
}

/// SS-19: this program again, with every proxy variable set; the listener behind them hears
/// nothing.
#[test]
fn proxy_variables_are_ignored() {
    let proxy = StdListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];

    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dial::tests::a_permitted_server_is_connected_to"])
        .envs(names.map(|name| (name, &url)))
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(
        proxy.accept().unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
}

/// SS-01 … SS-05: literal addresses, in whatever form.
#[tokio::test]
async fn forbidden_literals_are_refused_before_anything_is_sent() {
    let dialer = dialer(Policy::public_only(), answers([]));
    for host in [
        "169.254.169.254",
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fd00::1]",
    ] {
        let origin = Endpoint::parse(&format!("http://{host}/latest/"))
            .unwrap()
            .origin;
        assert!(
            matches!(dialer.vet(&origin).await, Err(DialError::Forbidden(_))),
            "{host}"
        );
        assert!(
            matches!(
                dialer.connect(&origin, DEADLINE).await,
                Err(DialError::Forbidden(_))
            ),
            "{host}"
        );
    }
}

/// SS-02: by the hosts file of the machine.
#[tokio::test]
async fn localhost_is_refused_by_what_it_resolves_to() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = origin_of("http", "localhost", server.local_addr().unwrap().port());
    assert!(
        dialer(loopback(), Resolver::System)
            .connect(&origin, DEADLINE)
            .await
            .is_ok()
    );
    let refused = dialer(Policy::public_only(), Resolver::System)
        .connect(&origin, DEADLINE)
        .await;
    assert!(matches!(
        refused,
        Err(DialError::Forbidden(Refusal::NotPublic))
    ));
}

/// SS-06
#[tokio::test]
async fn a_name_that_leads_inside_is_refused_at_registration_and_at_dial() {
    let origin = origin_of("https", "int.example", 443);
    let outside = dialer(Policy::public_only(), answers([&["8.8.8.8"]]));
    assert!(outside.vet(&origin).await.is_ok());

    let inside = dialer(
        Policy::public_only(),
        answers([&["10.0.0.5"], &["10.0.0.5"]]),
    );
    assert!(matches!(
        inside.vet(&origin).await,
        Err(DialError::Forbidden(Refusal::NotPublic))
    ));
    assert!(matches!(
        inside.connect(&origin, DEADLINE).await,
        Err(DialError::Forbidden(Refusal::NotPublic))
    ));
}

/// SS-07
#[tokio::test]
async fn a_name_that_turns_inside_after_registration_is_refused_at_dial() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = origin_of("http", "rb.example", server.local_addr().unwrap().port());
    let dialer = dialer(
        Policy::public_only(),
        answers([&["8.8.8.8"], &["127.0.0.1"]]),
    );

    assert!(dialer.vet(&origin).await.is_ok());
    assert!(matches!(
        dialer.connect(&origin, DEADLINE).await,
        Err(DialError::Forbidden(Refusal::NotPublic))
    ));
    assert_nobody_came(server);
}

/// SS-07: one look-up for one connection, so that there is no second answer to be fooled by.
#[tokio::test]
async fn the_address_that_was_judged_is_the_one_connected_to() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = origin_of("http", "rb.example", server.local_addr().unwrap().port());
    let dialer = dialer(loopback(), answers([&["127.0.0.1"]]));
    assert!(dialer.connect(&origin, DEADLINE).await.is_ok());
    assert!(matches!(
        dialer.connect(&origin, DEADLINE).await,
        Err(DialError::Resolve(_))
    ));
}

/// SS-08
#[tokio::test]
async fn one_forbidden_answer_refuses_all() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = origin(&server, "http");
    let mixed = [
        &["127.0.0.1", "127.0.0.2"][..],
        &["127.0.0.1", "10.0.0.1"],
        &["10.0.0.1", "127.0.0.1"],
    ];
    let dialer = dialer(loopback(), answers(mixed));
    assert!(dialer.vet(&origin).await.is_ok());
    for _ in 0..2 {
        assert!(matches!(
            dialer.connect(&origin, DEADLINE).await,
            Err(DialError::Forbidden(Refusal::NotPublic))
        ));
    }
    assert_nobody_came(server);
}

/// SS-16
#[tokio::test]
async fn ports_of_other_protocols_are_refused_at_registration() {
    let dialer = dialer(Policy::public_only(), answers([]));
    assert!(
        dialer
            .vet(&origin_of("http", "8.8.8.8", 8080))
            .await
            .is_ok()
    );
    for port in [22, 25, 6379, 5432] {
        let refused = dialer.vet(&origin_of("http", "8.8.8.8", port)).await;
        assert!(
            matches!(refused, Err(DialError::Forbidden(Refusal::Port))),
            "{port}"
        );
    }
}

/// SS-17
#[tokio::test]
async fn the_own_cluster_is_refused_by_name_too() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own: Denied = server.local_addr().unwrap().into();
    let policy = Policy::allowing(["127.0.0.0/8".parse::<IpNet>().unwrap()], [own]);
    let dialer = dialer(policy, answers([&["127.0.0.1"]]));
    let refused = dialer.connect(&origin(&server, "http"), DEADLINE).await;
    assert!(matches!(
        refused,
        Err(DialError::Forbidden(Refusal::OwnCluster))
    ));
    assert_nobody_came(server);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_does_not_answer() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialer = dialer(
        loopback(),
        answers([&["127.0.0.2", "127.0.0.1"], &["127.0.0.2"]]),
    );
    let origin = origin(&server, "http");
    assert!(dialer.connect(&origin, DEADLINE).await.is_ok());
    assert!(matches!(
        dialer.connect(&origin, DEADLINE).await,
        Err(DialError::Connect(_))
    ));
}

#[tokio::test]
async fn tls_is_verified_and_speaks_http_1() {
    let authority = Authority::new();
    assert_eq!(
        authority.offer("up.example", &authority).await.unwrap(),
        Some(b"http/1.1".to_vec())
    );

    let wrong_name = authority.offer("other.example", &authority).await;
    assert!(matches!(wrong_name, Err(DialError::Tls(_))));

    let stranger = Authority::new();
    assert!(matches!(
        stranger.offer("up.example", &authority).await,
        Err(DialError::Tls(_))
    ));
}

#[tokio::test]
async fn one_deadline_covers_tls_too() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialer = dialer(loopback(), answers([&["127.0.0.1"]]));
    let late = dialer
        .connect(&origin(&silent, "https"), Duration::from_millis(20))
        .await;
    assert!(matches!(late, Err(DialError::Deadline)));
}

#[tokio::test]
async fn a_name_without_addresses_cannot_be_called() {
    let dialer = dialer(Policy::public_only(), answers([&[]]));
    assert!(matches!(
        dialer.vet(&origin_of("http", "up.example", 80)).await,
        Err(DialError::Resolve(_))
    ));
}

#[tokio::test]
async fn errors_show_no_address() {
    let dialer = dialer(Policy::public_only(), answers([&["10.9.8.7"]]));
    let error = dialer
        .vet(&origin_of("http", "up.example", 80))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server's address may not be called: it is not a public address; \
         the operator can allow its network with ALDGATE_ALLOWED_NETWORKS"
    );
}

const DEADLINE: Duration = Duration::from_secs(3);

fn dialer(policy: Policy, resolver: Resolver) -> Dialer {
    Dialer::new(policy, resolver, Authority::new().trust())
}

fn loopback() -> Policy {
    Policy::allowing(
        ["127.0.0.0/8", "::1/128"].map(|text| text.parse::<IpNet>().unwrap()),
        [],
    )
}

/// One list of addresses for each look-up, in this order; afterwards there is no such name.
fn answers<const N: usize>(lists: [&[&str]; N]) -> Resolver {
    let mut lists: VecDeque<Vec<IpAddr>> = lists
        .iter()
        .map(|list| list.iter().map(|text| text.parse().unwrap()).collect())
        .collect();
    Resolver::scripted(move |_| {
        lists
            .pop_front()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    })
}

fn origin(server: &TcpListener, scheme: &str) -> Origin {
    origin_of(scheme, "up.example", server.local_addr().unwrap().port())
}

fn origin_of(scheme: &str, host: &str, port: u16) -> Origin {
    Endpoint::parse(&format!("{scheme}://{host}:{port}/"))
        .unwrap()
        .origin
}

fn assert_nobody_came(server: TcpListener) {
    let server = server.into_std().unwrap();
    assert_eq!(
        server.accept().unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
}

/// A certificate authority of a test.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn trust(&self) -> Trust {
        Trust::only(self.pem.as_bytes()).unwrap()
    }

    /// Connects to a server whose certificate we issued for `name`, as a client that trusts
    /// `trusted` and expects `up.example`; returns the protocol agreed on.
    async fn offer(&self, name: &str, trusted: &Self) -> Result<Option<Vec<u8>>, DialError> {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new([name.to_owned()])
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![cert.into()],
                    PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
                )
                .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialer = Dialer::new(loopback(), answers([&["127.0.0.1"]]), trusted.trust());
        let answer = async {
            let (socket, _) = server.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config)).accept(socket).await
        };
        let origin = origin(&server, "https");
        let (stream, _answered) = tokio::join!(dialer.connect(&origin, DEADLINE), answer);
        let Stream::Tls(stream) = stream? else {
            panic!("not TLS")
        };
        Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
    }
}
