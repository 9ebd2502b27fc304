//! HTTP towards a tenant's public address, as the commands need it that act as a client: one request per
//! connection, no redirect followed, everything bounded. What goes over plain HTTP stays on this machine.

use std::time::Duration;

use egress::{Dialer, Endpoint, Policy, Resolver, Scheme, Trust, TrustError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use ipnet::{Ipv4Net, Ipv6Net};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Host;

/// Makes requests, each within the same time.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    dialer: Dialer,
    budget: Duration,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// It is no URL that can be called.
    #[error("{0} is not a URL that can be called")]
    NotAUrl(String),
    /// It would be readable on the way.
    #[error("{0} is plain http, which is used on this machine alone; use https")]
    Plain(String),
    /// Nobody is there.
    #[error("cannot connect to {host}")]
    Connect {
        host: String,
        #[source]
        source: egress::DialError,
    },
    /// What came is no HTTP.
    #[error("{host} does not answer in HTTP")]
    Exchange {
        host: String,
        #[source]
        source: hyper::Error,
    },
    /// A header holds what none can hold.
    #[error("the header {0} cannot be sent")]
    Header(String),
    /// It took too long.
    #[error("{host} does not answer within {}s", after.as_secs())]
    Late { host: String, after: Duration },
    /// The answer is too long.
    #[error("{0} answers with more than 1 MiB")]
    TooLong(String),
    /// This machine cannot verify certificates.
    #[error("certificates cannot be verified here")]
    Trust(#[source] TrustError),
}

impl Web {
    /// Requests that take at most `budget` each.
    pub(crate) fn within(budget: Duration) -> Result<Self, WebError> {
        // A tenant's address may be anywhere that the person at this terminal can reach.
        let anywhere = Policy::allowing([Ipv4Net::default().into(), Ipv6Net::default().into()], []);
        let trust = Trust::platform().map_err(WebError::Trust)?;
        Ok(Self {
            dialer: Dialer::new(anywhere, Resolver::System, trust),
            budget,
        })
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, WebError> {
        let endpoint: Endpoint = ask
            .url
            .parse()
            .map_err(|_| WebError::NotAUrl(ask.url.clone()))?;
        if !is_private(&endpoint) {
            return Err(WebError::Plain(ask.url.clone()));
        }
        let host = endpoint.origin.authority();
        let late = || WebError::Late {
            host: host.clone(),
            after: self.budget,
        };
        let end = Instant::now() + self.budget;
        let answer = timeout_at(end, self.exchange(ask, &endpoint, &host)).await;
        let (status, headers, body) = answer.map_err(|_| late())??;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    async fn exchange(
        &self,
        ask: &Ask,
        endpoint: &Endpoint,
        host: &str,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), WebError> {
        let failed = |source| WebError::Exchange {
            host: host.to_owned(),
            source,
        };
        let dialed = self.dialer.connect(&endpoint.origin, self.budget).await;
        let stream = dialed.map_err(|source| WebError::Connect {
            host: host.to_owned(),
            source,
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        let request = ask.request(endpoint, host)?;
        let asking = async {
            let answer = sender.send_request(request).await.map_err(failed)?;
            let (head, mut body) = answer.into_parts();
            let mut bytes = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(failed)?.into_data() else {
                    continue;
                };
                if bytes.len() + data.len() > LONGEST_BODY {
                    return Err(WebError::TooLong(host.to_owned()));
                }
                bytes.extend_from_slice(&data);
                if is_whole_event(&head.headers, &bytes) {
                    break;
                }
            }
            Ok((head.status, head.headers, bytes))
        };
        let mut connection = std::pin::pin!(connection);
        let mut asking = std::pin::pin!(asking);
        tokio::select! {
            answer = &mut asking => answer,
            // Both are polled until one ends. A connection that ends first has handed over what came.
            _ = &mut connection => asking.await,
        }
    }
}

impl Ask {
    pub(crate) fn get(url: &str) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A POST of form fields.
    pub(crate) fn form<'a>(
        url: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut ask = Self::new(Method::POST, url)
            .header("content-type", "application/x-www-form-urlencoded");
        ask.body = form.finish().into_bytes();
        ask
    }

    /// A POST of JSON.
    pub(crate) fn json(url: &str, body: &Value) -> Self {
        let mut ask = Self::new(Method::POST, url).header("content-type", "application/json");
        ask.body = body.to_string().into_bytes();
        ask
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn request(
        &self,
        endpoint: &Endpoint,
        host: &str,
    ) -> Result<http::Request<Full<Bytes>>, WebError> {
        let body = Full::new(Bytes::from(self.body.clone()));
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = endpoint.path_and_query.clone().into();
        let headers = request.headers_mut();
        let mut put = |name: &str, value: &str| {
            let wrong = || WebError::Header(name.to_owned());
            let name = HeaderName::try_from(name).map_err(|_| wrong())?;
            let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            headers.append(name, value);
            Ok(())
        };
        put("host", host)?;
        for (name, value) in &self.headers {
            put(name, value)?;
        }
        if !headers.contains_key(header::USER_AGENT) {
            headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        }
        Ok(request)
    }
}

impl Answer {
    /// A header as text; empty when it is absent or none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; of an event stream, the first event's.
    pub(crate) fn json(&self) -> Option<Value> {
        if self.header("content-type").starts_with("text/event-stream") {
            let text = self.text();
            let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
            return data
                .map(str::trim)
                .find_map(|data| serde_json::from_str(data).ok());
        }
        serde_json::from_slice(&self.body).ok()
    }
}

/// Whether nobody on the way can read it: over TLS, or not leaving this machine.
fn is_private(endpoint: &Endpoint) -> bool {
    match endpoint.origin.scheme() {
        Scheme::Https => true,
        Scheme::Http => match endpoint.origin.host() {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        },
    }
}

/// An answer in an event stream is there with its event; the stream may stay open.
fn is_whole_event(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        return false;
    }
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    whole
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .any(|data| data.contains("\"result\"") || data.contains("\"error\""))
}

const LONGEST_BODY: usize = 1 << 20;
const USER_AGENT: &str = concat!("aldgate/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[tokio::test]
    async fn a_request_arrives_and_its_answer_comes_back() {
        let server = Scripted::start(|request| {
            assert_eq!(
                request.header("content-type"),
                "application/x-www-form-urlencoded"
            );
            assert_eq!(request.text(), "a=1&b=%2B+");
            (201, vec![("x-a", "b".into())], "{\"c\":1}".into())
        })
        .await;
        let web = Web::within(Duration::from_secs(10)).unwrap();
        let ask = Ask::form(&server.url("/token"), [("a", "1"), ("b", "+ ")]);
        let answer = web.send(&ask).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.header("x-a")), (201, "b"));
        assert_eq!(answer.json().unwrap()["c"], 1);
    }

    #[tokio::test]
    async fn nothing_leaves_this_machine_in_plain() {
        let web = Web::within(Duration::from_secs(10)).unwrap();
        for url in ["http://acme.test/token", "http://192.0.2.1/"] {
            let refused = web.send(&Ask::get(url)).await;
            assert!(matches!(refused, Err(WebError::Plain(_))), "{url}");
        }
        let local = web.send(&Ask::get("http://127.0.0.1:1/")).await;
        assert!(matches!(local, Err(WebError::Connect { .. })));
    }

    #[test]
    fn an_event_stream_may_stay_open_after_the_answer() {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        )]);
        let event = b"event: message\ndata: {\"result\":{}}\n\n";
        assert!(is_whole_event(&headers, event));
        assert!(!is_whole_event(&headers, &event[..20]));
        assert!(!is_whole_event(&headers, b"data: {\"method\":\"x\"}\n\n"));
    }
}
