//! A controller's auth door that a test plays: mutual TLS and HTTP/2, one answer for every request.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use gateway::{
    config::link::Controller,
    door::{DoorSettings, Way},
};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use runtime::{
    shutdown::Tasks,
    tls::{ClientAuth, Identity, install_provider},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Who signs the certificates of one test.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        install_provider();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// An identity with these names.
    fn identity(&self, hosts: &[&str], uri: &str) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        let uri = SanType::URI(uri.try_into().unwrap());
        params.subject_alt_names.push(uri);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        write_private(&file("cert"), &cert.pem());
        write_private(&file("key"), &key.serialize_pem());
        write_private(&file("ca"), &self.0.pem());
        Identity::read(&file("cert"), &file("key"), &file("ca")).unwrap()
    }

    /// The way of a node to these controllers.
    pub(super) fn way(&self, controllers: &[SocketAddr]) -> DoorSettings {
        let node = self.identity(&[], "spiffe://aldgate/pool/default/node/n1");
        let controllers = controllers.iter().map(|address| {
            let controller: Controller = format!("https://{address}").parse().unwrap();
            controller
        });
        DoorSettings {
            way: Some(Way {
                controllers: controllers.collect(),
                tls: node.client_config(),
            }),
            ..DoorSettings::default()
        }
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// How a controller answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// With headers of every kind.
    Talkative,
    /// With so many bytes.
    Long(usize),
    /// Never.
    Silent,
    /// By breaking off.
    Rude,
}

/// A controller.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    pub(super) async fn start(authority: &Authority, manner: Manner) -> Self {
        let own = authority.identity(&["127.0.0.1"], "spiffe://aldgate/controller");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let acceptor = TlsAcceptor::from(own.server_config(ClientAuth::Required));
        let (tasks, heard) = (Tasks::new(), Arc::clone(&seen));
        tasks.clone().spawn("controller", async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, heard) = (acceptor.clone(), Arc::clone(&heard));
                tasks.spawn("connection", async move {
                    let Ok(stream) = acceptor.accept(socket).await else {
                        return;
                    };
                    let service = service_fn(|request| answer(request, Arc::clone(&heard), manner));
                    let serving = http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service);
                    drop(serving.await);
                });
            }
        });
        Self { address, seen }
    }

    /// Everything that arrived.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    heard: Arc<Mutex<Vec<Seen>>>,
    manner: Manner,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = parts.headers.iter();
    let seen = Seen {
        line: format!("{} {}", parts.method, parts.uri.path_and_query().unwrap()),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap(),
    };
    heard.lock().unwrap().push(seen);
    match manner {
        Manner::Talkative => Ok(talk()),
        Manner::Long(bytes) => Ok(Response::new(Full::from(vec![b'x'; bytes]))),
        Manner::Silent => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        Manner::Rude => Err(io::Error::other("on purpose")),
    }
}

fn talk() -> Response<Full<Bytes>> {
    Response::builder()
        .status(201)
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .header("location", "/done")
        .header("set-cookie", "a=1")
        .header("set-cookie", "b=2")
        .header("www-authenticate", "Bearer")
        .header("server", "secret")
        .header("x-internal", "secret")
        .header("access-control-allow-origin", "*")
        .header("strict-transport-security", "max-age=1")
        .body(Full::from("{}"))
        .unwrap()
}

fn write_private(path: &Path, text: &str) {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
