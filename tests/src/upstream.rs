//! An upstream whose every answer the test decides. It shares no code with the gateway: it reads the
//! bytes of requests itself, records them as they came, and writes what it is told, well formed or
//! not. Without orders it is a minimal MCP server of both eras with one tool, `echo`.

/// Reads requests as they come.
pub mod wire;

/// What it answers without orders.
pub mod minimal;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
};

pub use wire::Recorded;

/// What to do with a request.
#[derive(Debug)]
pub enum Reply {
    /// An answer with a body of known length.
    Whole {
        /// The status code.
        status: u16,
        /// Headers beyond the length.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// An answer whose body is sent piece by piece until the sender is dropped.
    Pieces {
        /// The status code.
        status: u16,
        /// Headers beyond the transfer coding.
        headers: Vec<(String, String)>,
        /// The body's pieces.
        pieces: mpsc::Receiver<Bytes>,
    },
    /// Exactly these bytes; then the connection is closed.
    Raw(Bytes),
    /// Nothing: the connection stays open until the other side closes it.
    Silence,
    /// Nothing: the connection is closed at once.
    Close,
}

impl Reply {
    /// A JSON body with a status.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Whole {
            status,
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: body.to_string().into(),
        }
    }

    /// An event stream, and the end that feeds it.
    pub fn events() -> (Self, mpsc::Sender<Bytes>) {
        let (feed, pieces) = mpsc::channel(64);
        let headers = vec![("Content-Type".into(), "text/event-stream".into())];
        let reply = Self::Pieces {
            status: 200,
            headers,
            pieces,
        };
        (reply, feed)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Whole { headers, .. } | Self::Pieces { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }
}

/// Orders: looks at a request and decides, or leaves it to the minimal server.
type Orders = Box<dyn FnMut(&Recorded) -> Option<Reply> + Send>;

/// A running upstream; dropping it closes every connection.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    _acceptor: JoinSet<()>,
}

struct Shared {
    orders: Mutex<Orders>,
    recorded: watch::Sender<Vec<Recorded>>,
    connections: watch::Sender<usize>,
}

impl Upstream {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self> {
        Self::start_on(([127, 0, 0, 1], 0).into()).await
    }

    /// Listens on an address.
    pub async fn start_on(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            orders: Mutex::new(Box::new(|_| None)),
            recorded: watch::Sender::new(Vec::new()),
            connections: watch::Sender::new(0),
        });
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            _acceptor: acceptor,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its MCP endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// From now on this decides; `None` leaves a request to the minimal server.
    pub fn order(&self, orders: impl FnMut(&Recorded) -> Option<Reply> + Send + 'static) {
        *lock(&self.shared.orders) = Box::new(orders);
    }

    /// Every request so far, in the order of their arrival.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.recorded.borrow().clone()
    }

    /// Forgets the requests so far and returns them.
    pub fn take(&self) -> Vec<Recorded> {
        self.shared.recorded.send_replace(Vec::new())
    }

    /// Waits until at least `count` requests are recorded.
    pub async fn wait_for(&self, count: usize) -> Vec<Recorded> {
        let mut recorded = self.shared.recorded.subscribe();
        let enough = recorded.wait_for(|recorded| recorded.len() >= count).await;
        enough.expect("the sender lives in self").clone()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut number = 0;
        shared.connections.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        let shared = Arc::clone(&shared);
        open.spawn(async move {
            // The other side may break off at any time; the test sees it there.
            let _ = serve(stream, number, &shared).await;
        });
        while open.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, connection: usize, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = wire::Reader::new(stream, connection);
    while let Some(request) = reader.next().await? {
        let ordered = (lock(&shared.orders))(&request);
        let reply = ordered.unwrap_or_else(|| minimal::answer(&request));
        shared
            .recorded
            .send_modify(|recorded| recorded.push(request));
        let stream = reader.stream();
        match reply {
            Reply::Whole {
                status,
                headers,
                body,
            } => {
                let length = ("Content-Length".to_owned(), body.len().to_string());
                let head = head(status, headers.into_iter().chain([length]));
                stream.write_all(&[head.as_bytes(), &body].concat()).await?;
            }
            Reply::Pieces {
                status,
                headers,
                pieces,
            } => {
                let coding = ("Transfer-Encoding".to_owned(), "chunked".to_owned());
                let head = head(status, headers.into_iter().chain([coding]));
                stream.write_all(head.as_bytes()).await?;
                send(stream, pieces).await?;
            }
            Reply::Raw(bytes) => {
                stream.write_all(&bytes).await?;
                stream.shutdown().await?;
                return Ok(());
            }
            Reply::Silence => {
                reader.closed().await;
                return Ok(());
            }
            Reply::Close => return Ok(()),
        }
    }
    Ok(())
}

/// Writes pieces as chunks; gives up when the other side closes, which the test sees as a closed
/// channel.
async fn send(stream: &mut TcpStream, mut pieces: mpsc::Receiver<Bytes>) -> Result<()> {
    let (mut read, mut write) = stream.split();
    let gone = async {
        use tokio::io::AsyncReadExt as _;
        let mut byte = [0];
        matches!(read.read(&mut byte).await, Ok(0) | Err(_))
    };
    tokio::pin!(gone);
    loop {
        let piece = tokio::select! {
            piece = pieces.recv() => piece,
            _ = &mut gone => anyhow::bail!("the other side is gone"),
        };
        let Some(piece) = piece else {
            write.write_all(b"0\r\n\r\n").await?;
            return Ok(());
        };
        let size = format!("{:x}\r\n", piece.len());
        write
            .write_all(&[size.as_bytes(), &piece, b"\r\n"].concat())
            .await?;
    }
}

fn head(status: u16, headers: impl Iterator<Item = (String, String)>) -> String {
    let lines = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
    format!(
        "HTTP/1.1 {status} Scripted\r\n{}\r\n",
        lines.collect::<String>()
    )
}

/// Orders that panic fail their own test; the lock is theirs alone.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Request, raw};
    use std::time::Duration;

    #[tokio::test]
    async fn without_orders_it_is_a_minimal_server_and_records_every_byte() {
        let upstream = Upstream::start().await.unwrap();
        let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;
        let request = Request::post("/mcp", call).header("X-Odd", "1");
        let answer = request.send(upstream.address()).await.unwrap();
        let answer = answer.json().unwrap();
        assert_eq!(answer["result"]["content"][0]["text"], "hi");
        let all = upstream.recorded();
        let [recorded] = &all[..] else {
            panic!("one request");
        };
        assert_eq!(recorded.header("x-odd"), ["1"]);
        assert_eq!(recorded.body, call);
    }

    #[tokio::test]
    async fn orders_decide_what_is_answered_even_if_it_is_no_http() {
        let upstream = Upstream::start().await.unwrap();
        upstream.order(|_| Some(Reply::Raw("nonsense".into())));
        let asked = raw(
            upstream.address(),
            b"GET / HTTP/1.1\r\n\r\n",
            Duration::from_secs(5),
        );
        assert_eq!(asked.await.unwrap(), b"nonsense");
    }

    #[tokio::test]
    async fn an_event_stream_is_fed_while_it_is_read_and_its_end_is_noticed() {
        let upstream = Upstream::start().await.unwrap();
        let (reply, feed) = Reply::events();
        let mut reply = Some(reply);
        upstream.order(move |_| reply.take());
        let mut stream = Request::get("/mcp").open(upstream.address()).await.unwrap();
        for number in 0..3 {
            feed.send(format!("data: {number}\n\n").into())
                .await
                .unwrap();
            let event = stream.event().await.unwrap();
            assert_eq!(event, Some(format!("data: {number}")));
        }
        drop(stream);
        feed.closed().await;
    }
}
