use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use super::*;
use crate::{Policy, Resolver, Trust};

#[tokio::test]
async fn what_is_there_comes_back_with_any_status() {
    let (endpoint, mut asked) =
        server("HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 2\r\n\r\nok").await;
    let reply = get(&dialer(), &endpoint, "application/json", LIMITS).await;
    let reply = reply.unwrap();
    assert_eq!(
        (reply.status().as_u16(), &reply.body()[..]),
        (302, &b"ok"[..])
    );
    let asked = asked.join_next().await.unwrap().unwrap();
    assert!(asked.starts_with("GET /doc?x HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: {}\r\n", endpoint.origin.authority())));
}

/// A25.
#[tokio::test]
async fn an_answer_is_neither_large_nor_compressed() {
    let body = |bytes: usize, head: &str| {
        format!(
            "HTTP/1.1 200 OK\r\n{head}Content-Length: {bytes}\r\n\r\n{}",
            "x".repeat(bytes)
        )
    };
    let (endpoint, _asked) = server(&body(100, "")).await;
    let reply = get(&dialer(), &endpoint, "*/*", LIMITS).await;
    assert_eq!(reply.unwrap().body().len(), 100);

    let (endpoint, _asked) = server(&body(101, "")).await;
    let refused = get(&dialer(), &endpoint, "*/*", LIMITS).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLarge), "{refused}");

    let (endpoint, _asked) = server(&body(9, "Content-Encoding: gzip\r\n")).await;
    let refused = get(&dialer(), &endpoint, "*/*", LIMITS).await.unwrap_err();
    assert!(matches!(refused, FetchError::Encoded), "{refused}");
}

/// A25: whoever sends byte after byte is cut off all the same.
#[tokio::test]
async fn an_answer_takes_no_longer_than_it_may() {
    let (endpoint, _asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx").await;
    let limits = Limits {
        time: Duration::from_millis(200),
        ..LIMITS
    };
    let refused = get(&dialer(), &endpoint, "*/*", limits).await.unwrap_err();
    assert!(matches!(refused, FetchError::Deadline), "{refused}");
}

/// A24: nothing is sent to an address that may not be called.
#[tokio::test]
async fn what_may_not_be_called_is_not() {
    let (endpoint, mut asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let policy = Policy::allowing([], []);
    let careful = Dialer::new(policy, Resolver::System, trust());
    let refused = get(&careful, &endpoint, "*/*", LIMITS).await.unwrap_err();
    assert!(matches!(refused, FetchError::Dial(DialError::Forbidden(_))));
    assert!(get(&dialer(), &endpoint, "*/*", LIMITS).await.is_ok());
    asked.join_next().await.unwrap().unwrap();
}

#[test]
fn json_is_told_by_its_type() {
    for (line, json) in [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("application/jwk-set+json", true),
        ("text/html", false),
        ("text/json", false),
        ("application/jsonp", false),
        ("", false),
    ] {
        let mut headers = HeaderMap::new();
        assert!(!is_json(&headers));
        headers.insert(CONTENT_TYPE, line.parse().unwrap());
        assert_eq!(is_json(&headers), json, "{line}");
    }
}

#[test]
fn freshness_is_read_from_cache_control() {
    for (line, age) in [
        ("max-age=300", Some(300)),
        ("public, Max-Age=300, must-revalidate", Some(300)),
        ("max-age=\"60\"", Some(60)),
        ("no-store, max-age=300", Some(0)),
        ("s-maxage=300", None),
        ("max-age=-1", None),
        ("max-age=x", None),
        ("", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, line.parse().unwrap());
        assert_eq!(max_age(&headers), age.map(Duration::from_secs), "{line}");
    }
}

/// A server that answers once with this, keeps the connection, and tells what it was asked.
async fn server(answer: &str) -> (Endpoint, JoinSet<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.to_owned();
    let mut asked = JoinSet::new();
    asked.spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(socket.read_u8().await.unwrap());
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
        // Until the other side has had enough.
        let _ = socket.read_u8().await;
        String::from_utf8(asked).unwrap()
    });
    let endpoint = Endpoint::parse(&format!("http://{address}/doc?x")).unwrap();
    (endpoint, asked)
}

fn dialer() -> Dialer {
    let loopback = "127.0.0.0/8".parse().unwrap();
    let policy = Policy::allowing([loopback], []);
    Dialer::new(policy, Resolver::System, trust())
}

fn trust() -> Trust {
    let key = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    Trust::only(key.cert.pem().as_bytes()).unwrap()
}

const LIMITS: Limits = Limits {
    time: Duration::from_secs(5),
    bytes: 100,
};
