//! For tests: a server of which the test holds the other end.

use std::{convert::Infallible, sync::Arc};

use http_body_util::{BodyExt as _, Full};
use hyper::{body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

/// A server on a port of this machine. Dropping it ends it.
pub(crate) struct Scripted {
    origin: String,
    _serving: JoinSet<()>,
}

/// What arrived there.
pub(crate) struct Arrived {
    /// The server's own origin.
    pub(crate) origin: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    headers: http::HeaderMap,
    body: Bytes,
}

/// Status, headers, body.
pub(crate) type Reply = (u16, Vec<(&'static str, String)>, String);

impl Scripted {
    /// Answers every request as the script says.
    pub(crate) async fn start(script: impl Fn(Arrived) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(script);
        let mut serving = JoinSet::new();
        let at = origin.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, at) = (Arc::clone(&script), at.clone());
                let service = service_fn(move |request| {
                    let (script, at) = (Arc::clone(&script), at.clone());
                    async move { Ok::<_, Infallible>(answer(&*script, at, request).await) }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        Self {
            origin,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A parameter of the query or of the form.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let text = if self.method == "POST" {
            self.text()
        } else {
            self.query.clone()
        };
        let found = url::form_urlencoded::parse(text.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    }
}

async fn answer(
    script: &(impl Fn(Arrived) -> Reply + Send + Sync),
    origin: String,
    request: hyper::Request<hyper::body::Incoming>,
) -> hyper::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let (status, headers, body) = script(Arrived {
        origin,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    });
    let mut response = hyper::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(body))).unwrap()
}
