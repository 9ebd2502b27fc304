use std::sync::atomic::{AtomicUsize, Ordering};

use egress::{Policy, Resolver, Trust};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
};
use uuid::Uuid;

use super::*;

/// CIMD-3, CIMD-5: read once within the time that it is fresh.
#[tokio::test]
async fn what_was_read_is_read_again_when_it_is_old() {
    let host = Host::start(JSON, "{}").await;
    let shelf = shelf(8);
    assert_eq!(*host.get(&shelf, LONGEST).await.unwrap(), "{}");
    assert_eq!(*host.get(&shelf, LONGEST).await.unwrap(), "{}");
    assert_eq!(host.asked(), 1);
    // Too young for nobody.
    assert!(host.get(&shelf, Duration::ZERO).await.is_ok());
    assert_eq!(host.asked(), 2);
}

/// What was taken from the shelf can be compared with what is there now.
#[tokio::test]
async fn what_is_on_the_shelf_is_what_was_taken_until_it_is_read_again() {
    let host = Host::start(JSON, "{}").await;
    let shelf = shelf(8);
    let url = host.endpoint.to_string();
    let taken = host.get(&shelf, LONGEST).await.unwrap();
    assert!(shelf.has(&url, &taken));
    assert!(!shelf.has("http://other.test/doc", &taken));
    let next = host.get(&shelf, Duration::ZERO).await.unwrap();
    assert!(shelf.has(&url, &next) && !shelf.has(&url, &taken));
}

/// CIMD-3, CIMD-5, A25, A26: a failure is none for long, and not repeated at once.
#[tokio::test]
async fn what_is_unfit_is_not_kept_and_not_asked_for_again_at_once() {
    let long = "x".repeat(101);
    for (head, body, missing) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json",
            "{}",
            Missing::Unreachable,
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Type: application/json",
            "{}",
            Missing::Unreachable,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html",
            "{}",
            Missing::Unreachable,
        ),
        (JSON, &*long, Missing::Unreachable),
        (JSON, "bad", Missing::Unfit("bad")),
    ] {
        let host = Host::start(head, body).await;
        let shelf = shelf(8);
        for _ in 0..3 {
            assert_eq!(host.get(&shelf, LONGEST).await, Err(missing), "{head}");
        }
        assert_eq!(host.asked(), 1, "{head}");
    }
}

/// CIMD-5: stale is better than nothing.
#[tokio::test]
async fn what_was_good_is_used_while_its_host_does_not_answer() {
    let host = Host::start(JSON, "{}").await;
    let shelf = shelf(8);
    assert!(host.get(&shelf, LONGEST).await.is_ok());
    host.room.close();
    assert!(host.get(&shelf, Duration::ZERO).await.is_ok());
    let other = Host::start(JSON, "{}").await;
    other.room.close();
    assert_eq!(other.get(&shelf, LONGEST).await, Err(Missing::Unreachable));
}

/// A25: many who ask for one thing cause one call.
#[tokio::test]
async fn there_is_one_fetch_at_a_time_for_each_address() {
    let host = Host::start(JSON, "{}").await;
    let shelf = shelf(8);
    let wanted = (0..20).map(|_| host.get(&shelf, LONGEST));
    for found in futures_util::future::join_all(wanted).await {
        assert!(found.is_ok());
    }
    assert_eq!(host.asked(), 1);
}

/// A25: nobody has us call others as often as they like.
#[tokio::test]
async fn a_caller_has_few_fetches_at_once_and_the_shelf_few_places() {
    let shelf = shelf(4);
    let one = asker();
    let endpoint = |at: usize| Endpoint::parse(&format!("https://h{at}.test/doc")).unwrap();
    let mut flights = Vec::new();
    for at in 0..4 {
        let Look::Fetch(flight) = shelf.look(&endpoint(at), &one, LONGEST) else {
            panic!("{at}");
        };
        flights.push(flight);
    }
    let refused = shelf.look(&endpoint(9), &one, LONGEST);
    assert!(matches!(refused, Look::Missing(Missing::Unreachable)));
    let neighbour = Asker {
        network: "192.0.2.2".to_owned(),
        ..one.clone()
    };
    assert!(matches!(
        shelf.look(&endpoint(9), &neighbour, LONGEST),
        Look::Fetch(_)
    ));
    for flight in flights.drain(..) {
        drop(flight.land(Ok(("{}".to_owned(), LONGEST))));
    }
    for at in 10..40 {
        if let Look::Fetch(flight) = shelf.look(&endpoint(at), &one, LONGEST) {
            drop(flight.land(Err(Missing::Unreachable)));
        }
    }
    let state = shelf.locked();
    assert!(state.entries.len() <= 5 && state.busy.is_empty());
    // What failed has made no room at the cost of what was good.
    assert!(
        state
            .entries
            .values()
            .filter(|entry| entry.good.is_some())
            .count()
            >= 3
    );
}

/// A25: who has a host that does not answer makes few wait for it, and nobody else.
#[tokio::test]
async fn few_of_a_network_wait_for_one_fetch() {
    let shelf = shelf(8);
    let endpoint = Endpoint::parse("https://slow.test/doc").unwrap();
    let (one, age) = (asker(), Duration::ZERO);
    let from = |network: usize| Asker {
        network: network.to_string(),
        ..one.clone()
    };
    let fetch = || match shelf.look(&endpoint, &one, age) {
        Look::Fetch(flight) => flight,
        _ => panic!("nobody fetches it"),
    };
    let flight = fetch();
    let wait = |asker: &Asker| match shelf.look(&endpoint, asker, age) {
        Look::Wait(over, seat) => Ok((over, seat)),
        Look::Missing(missing) => Err(missing),
        _ => panic!("nobody has fetched it"),
    };
    let mut waiting: Vec<_> = (0..WAITING.network).map(|_| wait(&one).unwrap()).collect();
    assert_eq!(wait(&one).unwrap_err(), Missing::Unreachable);
    // From everywhere, they are not much more.
    waiting.extend((0..100).map_while(|network| wait(&from(network)).ok()));
    assert_eq!(waiting.len(), WAITING.tenant);
    let other = Asker {
        tenant: TenantUid::from_uuid(Uuid::max()),
        network: "other".to_owned(),
    };
    assert!(wait(&other).is_ok());
    waiting.clear();
    assert!(wait(&one).is_ok());
    // What was good once is better than waiting.
    drop(flight.land(Ok(("{}".to_owned(), LONGEST))));
    let _flight = fetch();
    let _waiting: Vec<_> = (0..WAITING.network).map(|_| wait(&one).unwrap()).collect();
    let kept = shelf.look(&endpoint, &one, age);
    assert!(matches!(kept, Look::Here(_)));
}

/// A host that answers everything alike, and counts.
struct Host {
    endpoint: Endpoint,
    asked: Arc<AtomicUsize>,
    /// Closed, it hangs up.
    room: Arc<Semaphore>,
    _server: JoinSet<()>,
}

impl Host {
    async fn start(head: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (asked, room) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(1)));
        let (count, open) = (Arc::clone(&asked), Arc::clone(&room));
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                if open.is_closed() {
                    continue;
                }
                count.fetch_add(1, Ordering::Relaxed);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let endpoint = Endpoint::parse(&format!("http://{address}/doc")).unwrap();
        Self {
            endpoint,
            asked,
            room,
            _server: server,
        }
    }

    async fn get(&self, to: &Shelf<String>, age: Duration) -> Result<Arc<String>, Missing> {
        let loopback = "127.0.0.0/8".parse().unwrap();
        let policy = Policy::allowing([loopback], []);
        let dialer = Dialer::new(policy, Resolver::System, Trust::platform().unwrap());
        let read = |body: &[u8]| match body {
            b"bad" => Err("bad"),
            body => Ok(String::from_utf8(body.to_vec()).unwrap()),
        };
        to.get_younger(&dialer, &self.endpoint, &asker(), age, read)
            .await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn asker() -> Asker {
    Asker {
        tenant: TenantUid::from_uuid(Uuid::nil()),
        network: "192.0.2.1".to_owned(),
    }
}

fn shelf(most: usize) -> Shelf<String> {
    let limits = Limits {
        time: Duration::from_secs(5),
        bytes: 100,
    };
    Shelf::new(most, limits)
}

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
