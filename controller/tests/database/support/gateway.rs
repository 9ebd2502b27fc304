//! What a gateway does at the auth door: one HTTP/1.1 request over mutual TLS, written by hand.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Stack, pki::Signed};

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// Of JSON.
    pub(crate) body: Value,
    /// Of anything.
    pub(crate) text: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head.lines().filter_map(move |line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Posts these lines, and this body, as whoever has the certificate; an error if the door is closed
/// to them.
pub(crate) async fn send(
    stack: &Stack,
    own: Option<&Signed>,
    path: &str,
    lines: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    exchange(stack, own, &format!("POST {path}"), lines, body).await
}

/// The same for any method: `asked` is method and path.
pub(crate) async fn exchange(
    stack: &Stack,
    own: Option<&Signed>,
    asked: &str,
    lines: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    exchange_at(stack, stack.auth_address(), own, asked, lines, body).await
}

/// The same at the door of any controller.
pub(crate) async fn exchange_at(
    stack: &Stack,
    address: &str,
    own: Option<&Signed>,
    asked: &str,
    lines: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(stack.authority_pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = CertificateDer::from_pem_slice(own.cert.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await?;
    let mut request = format!("{asked} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in lines {
        request.extend([*name, ": ", value, "\r\n"]);
    }
    request.extend([&format!("Content-Length: {}\r\n\r\n", body.len()), body]);
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let closed = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(closed)?;
    Ok(Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
        text: body.to_owned(),
    })
}
