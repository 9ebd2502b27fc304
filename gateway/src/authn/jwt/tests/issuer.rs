//! An issuer of tokens: the test holds the other end of its JWKS address and answers each request by
//! hand, or has it answered.

use std::net::SocketAddr;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use runtime::shutdown::Tasks;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// One ES256 key.
pub(super) struct Key {
    pub(super) kid: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    pub(super) fn new(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, pair }
    }

    pub(super) fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let text = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "x": text(x), "y": text(y)})
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "ES256", "kid": self.kid}), claims)
    }

    pub(super) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.unwrap());
        format!("{message}.{signature}")
    }
}

/// A JWKS address.
pub(super) struct Issuer {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Asked>,
}

/// A request that waits for its answer.
pub(super) struct Asked {
    pub(super) head: String,
    stream: TcpStream,
}

impl Issuer {
    pub(super) async fn start(tasks: &Tasks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, requests) = mpsc::unbounded_channel();
        tasks.spawn("issuer", async move {
            while let Ok((stream, _)) = listener.accept().await {
                if heard.send(Asked::read(stream).await).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/keys?v=1", self.address)
    }

    /// The next request.
    pub(super) async fn asked(&mut self) -> Asked {
        self.requests.recv().await.unwrap()
    }

    /// Whether nobody has asked since.
    pub(super) fn is_left_alone(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

impl Asked {
    async fn read(mut stream: TcpStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        Self { head, stream }
    }

    /// Answers with these keys.
    pub(super) async fn answer(self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        let body = json!({"keys": keys}).to_string();
        self.send("200 OK", "", body.as_bytes()).await;
    }

    /// Answers with this; `fields` are whole header lines.
    pub(super) async fn send(mut self, status: &str, fields: &str, body: &[u8]) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{fields}\r\n");
        self.stream.write_all(head.as_bytes()).await.unwrap();
        // The other side may have heard enough.
        let _ = self.stream.write_all(body).await;
    }
}
