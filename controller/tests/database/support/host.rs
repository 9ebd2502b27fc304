//! A host of documents over TLS, as clients' vendors have: it says whatever the test puts there, and
//! notes what it is asked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::{Mutex as Turn, OwnedMutexGuard},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::Stack;

/// A running host; dropping it ends it.
pub(crate) struct Host {
    url: String,
    pages: Arc<Mutex<Pages>>,
    answering: Arc<Turn<()>>,
    server: JoinSet<()>,
}

#[derive(Default)]
struct Pages {
    /// Each with its content type.
    bodies: HashMap<String, (String, String)>,
    asked: Vec<String>,
}

impl Host {
    /// Listens on a free port of this machine.
    pub(crate) async fn start(stack: &Stack) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let signed = stack.sign_host();
        let chain = CertificateDer::from_pem_slice(signed.cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let pages = Arc::new(Mutex::<Pages>::default());
        let shown = Arc::clone(&pages);
        let answering = Arc::new(Turn::default());
        let turn = Arc::clone(&answering);
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(socket).await else {
                    continue;
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap();
                let answer = shown.lock().unwrap().answer(path);
                let _turn = turn.lock().await;
                // Whoever asked may have gone.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self {
            url: format!("https://localhost:{port}"),
            pages,
            answering,
            server,
        }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Puts a document at a path.
    pub(crate) fn put(&self, path: &str, document: &Value) {
        self.put_text(path, "application/json", &document.to_string());
    }

    /// Puts a text at a path, which is of this type.
    pub(crate) fn put_text(&self, path: &str, content_type: &str, text: &str) {
        let page = (content_type.to_owned(), text.to_owned());
        let mut pages = self.pages.lock().unwrap();
        pages.bodies.insert(path.to_owned(), page);
    }

    /// How often it was asked for anything.
    pub(crate) fn asked(&self) -> usize {
        self.asked_for().len()
    }

    /// The paths that it was asked for, in their order.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        self.pages.lock().unwrap().asked.clone()
    }

    /// Keeps what it would answer until this is dropped.
    pub(crate) async fn pause(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.answering).lock_owned().await
    }

    /// Returns once it was asked so often.
    pub(crate) async fn is_asked(&self, times: usize) {
        let start = Instant::now();
        while self.asked() < times {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody asks");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops it.
    pub(crate) async fn stop(&mut self) {
        self.server.shutdown().await;
    }
}

impl Pages {
    fn answer(&mut self, path: &str) -> String {
        self.asked.push(path.to_owned());
        let Some((content_type, body)) = self.bodies.get(path) else {
            return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned();
        };
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}
