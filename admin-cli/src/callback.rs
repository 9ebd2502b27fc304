//! Where a browser comes back to when its user is done: a listener on this machine (RFC 8252 §7.3).

use std::{convert::Infallible, io, net::Ipv4Addr, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, Receiver, Sender},
    task::JoinSet,
    time::timeout,
};

/// A listener for one answer.
pub(crate) struct Callback {
    listener: TcpListener,
    port: u16,
    path: String,
}

/// The parameters that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Returned(Vec<(String, String)>);

impl Callback {
    /// Listens at this path, on a free port.
    pub(crate) async fn listen(path: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self {
            listener,
            port,
            path: path.to_owned(),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the browser. `None` if nobody came in time.
    pub(crate) async fn wait(self, longest: Duration) -> Option<Returned> {
        let (sender, mut receiver) = mpsc::channel(1);
        timeout(longest, self.serve(sender, &mut receiver))
            .await
            .ok()?
    }

    async fn serve(
        &self,
        sender: Sender<Returned>,
        receiver: &mut Receiver<Returned>,
    ) -> Option<Returned> {
        // Browsers open connections ahead, on which nothing comes: each has a task of its own.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                returned = receiver.recv() => {
                    // The page is still on its way; its connection ends by itself.
                    let _ = timeout(LAST_WORDS, connections.join_next()).await;
                    return returned;
                }
                accepted = self.listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    if connections.len() >= MOST_CONNECTIONS {
                        continue;
                    }
                    let (sender, path) = (sender.clone(), self.path.clone());
                    let service = service_fn(move |request| {
                        let answer = answer(&request, &path, &sender);
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    connections.spawn(async move {
                        let serving = http1::Builder::new()
                            .keep_alive(false)
                            .serve_connection(TokioIo::new(stream), service);
                        // A browser that went away is no concern of ours.
                        let _ = serving.await;
                    });
                }
            }
        }
    }
}

impl Returned {
    /// Reads a query.
    pub(crate) fn parse(query: &str) -> Self {
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// A parameter that is there once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        let first = found.next();
        first
            .filter(|_| found.next().is_none())
            .map(|(_, value)| value.as_str())
    }
}

fn answer(
    request: &Request<Incoming>,
    path: &str,
    sender: &Sender<Returned>,
) -> Response<Full<Bytes>> {
    let (status, text) = if request.uri().path() == path {
        let returned = Returned::parse(request.uri().query().unwrap_or_default());
        let failed = returned.get("error").is_some();
        // Only the first answer counts.
        let _ = sender.try_send(returned);
        if failed {
            (
                StatusCode::OK,
                "Nothing was allowed. You can close this page.",
            )
        } else {
            (
                StatusCode::OK,
                "Done. You can close this page and go back to the terminal.",
            )
        }
    } else {
        (StatusCode::NOT_FOUND, "There is nothing here.")
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(http::header::CONTENT_TYPE, plain);
    response
}

const LAST_WORDS: Duration = Duration::from_secs(1);
const MOST_CONNECTIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{Ask, Web};

    #[tokio::test]
    async fn what_the_browser_brings_is_returned_once() {
        let callback = Callback::listen("/callback").await.unwrap();
        let base = format!("http://127.0.0.1:{}", callback.port());
        let web = Web::within(Duration::from_secs(10)).unwrap();
        let browse = async {
            let other = web
                .send(&Ask::get(&format!("{base}/favicon.ico")))
                .await
                .unwrap();
            assert_eq!(other.status.as_u16(), 404);
            let ask = Ask::get(&format!("{base}/callback?code=a%2Bb&state=s&iss=x&iss=y"));
            web.send(&ask).await.unwrap()
        };
        let (returned, page) = tokio::join!(callback.wait(Duration::from_secs(10)), browse);
        let returned = returned.unwrap();
        assert_eq!(
            (returned.get("code"), returned.get("state")),
            (Some("a+b"), Some("s"))
        );
        assert_eq!(returned.get("iss"), None, "it is there twice");
        assert!(page.text().starts_with("Done."));
    }
}
