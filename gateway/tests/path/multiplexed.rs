//! HTTP/2, over a connection whose frames a test writes itself.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    client::{Post, within},
    upstream::RESULT,
    world::World,
};

#[tokio::test]
async fn a_call_may_come_by_http_2() {
    let world = World::new().await;
    let mut connection = Connection::open(&world).await;
    let mut serving = Vec::new();
    for stream in [1, 3] {
        connection
            .ask(stream, &fields(&world.call()), world.call().body.as_bytes())
            .await;
        serving.push(world.one.call().await);
    }
    // The second is answered first: streams do not wait for each other.
    for stream in [3, 1] {
        serving.pop().unwrap().json(200, RESULT).await;
        assert_eq!(connection.data(stream).await.unwrap(), RESULT);
    }
}

/// HF-12: the stream or the connection fails; nothing reaches the server.
#[tokio::test]
async fn fields_that_http_2_forbids_are_errors() {
    let world = World::new().await;
    for (name, value) in [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("X-Upper", "x"),
        (":path", "/mcp/s2"),
        ("host", "b.test"),
    ] {
        let mut connection = Connection::open(&world).await;
        let mut fields = fields(&world.call());
        fields.push((name.into(), value.into()));
        connection
            .ask(1, &fields, world.call().body.as_bytes())
            .await;
        let answer = connection.data(1).await;
        assert!(
            answer.is_none_or(|body| body.contains("Ambiguous")),
            "{name}"
        );
    }
    assert!(world.one.is_untouched() && world.two.is_untouched());
    world.still_serves().await;
}

/// HF-12: the stream fails, what else is on the connection goes on. An upper-case name is missing here: h2
/// takes it for a broken field block, which ends the whole connection (RFC 9113 §5.4.2 allows it).
#[tokio::test]
async fn a_malformed_stream_harms_no_other() {
    let world = World::new().await;
    let mut connection = Connection::open(&world).await;
    let right = fields(&world.call());
    let body = world.call().body;
    connection.ask(1, &right, body.as_bytes()).await;
    let mut call = world.one.call().await;
    for (stream, (name, value)) in [
        (3, ("connection", "close")),
        (5, ("transfer-encoding", "chunked")),
        (7, (":path", "/mcp/s2")),
        (9, ("host", "b.test")),
        (11, ("content-length", "10")),
    ] {
        let mut wrong = right.clone();
        wrong.push((name.into(), value.into()));
        connection.ask(stream, &wrong, body.as_bytes()).await;
        let answer = connection.data(stream).await;
        assert!(
            answer.is_none_or(|body| body.contains(r#""error""#)),
            "{name}"
        );
    }
    assert!(world.one.is_untouched() && world.two.is_untouched());
    call.json(200, RESULT).await;
    assert_eq!(connection.data(1).await.unwrap(), RESULT);
    drop(call);
    connection.ask(13, &right, body.as_bytes()).await;
    drop(world.one.answer().await);
    assert_eq!(connection.data(13).await.unwrap(), RESULT);
    world.still_serves().await;
}

/// HF-13.
#[tokio::test]
async fn a_length_that_is_not_that_of_the_data_is_an_error() {
    let world = World::new().await;
    for length in ["10", "9999"] {
        let mut connection = Connection::open(&world).await;
        let mut fields = fields(&world.call());
        fields.push(("content-length".into(), length.into()));
        connection
            .ask(1, &fields, world.call().body.as_bytes())
            .await;
        let answer = connection.data(1).await;
        assert!(
            answer.is_none_or(|body| body.contains("cut off")),
            "{length}"
        );
    }
    assert!(world.one.is_untouched());
    world.still_serves().await;
}

/// control-plane.md §7.4: GOAWAY, and what has begun is finished.
#[tokio::test]
async fn draining_says_goaway_and_finishes_its_streams() {
    let world = World::new().await;
    let mut connection = Connection::open(&world).await;
    connection
        .ask(1, &fields(&world.call()), world.call().body.as_bytes())
        .await;
    let mut call = world.one.call().await;
    world.shutdown.soft().cancel();
    connection.until(GOAWAY).await;
    call.json(200, RESULT).await;
    assert_eq!(connection.data(1).await.unwrap(), RESULT);
}

struct Connection {
    stream: TcpStream,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

impl Connection {
    async fn open(world: &World) -> Self {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        let mut connection = Self { stream };
        connection.frame(SETTINGS, 0, 0, &[]).await;
        connection
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        // The peer may have given the connection up already.
        let _ = self.stream.write_all(&frame).await;
    }

    async fn ask(&mut self, stream: u32, fields: &[(String, String)], body: &[u8]) {
        let mut block = Vec::new();
        for (name, value) in fields {
            // RFC 7541 §6.2.2: literal without indexing, new name.
            block.push(0);
            for text in [name, value] {
                assert!(text.len() < 127, "one byte of length");
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.bytes());
            }
        }
        self.frame(HEADERS, 0x4, stream, &block).await;
        self.frame(DATA, 0x1, stream, body).await;
    }

    /// The body of a stream's reply; none if the stream or the connection failed.
    async fn data(&mut self, stream: u32) -> Option<String> {
        let mut body = Vec::new();
        loop {
            let (kind, flags, id, payload) = self.read().await?;
            match kind {
                DATA if id == stream => body.extend(payload),
                RST_STREAM if id == stream => return None,
                _ => {}
            }
            if id == stream && flags & 0x1 != 0 && matches!(kind, DATA | HEADERS) {
                return Some(String::from_utf8(body).unwrap());
            }
        }
    }

    async fn until(&mut self, wanted: u8) {
        while self.read().await.expect("the frame comes").0 != wanted {}
    }

    async fn read(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        within(self.stream.read_exact(&mut head)).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        within(self.stream.read_exact(&mut payload)).await.ok()?;
        let (kind, flags) = (head[3], head[4]);
        if matches!(kind, SETTINGS | PING) && flags & 0x1 == 0 {
            let echo = if kind == PING {
                payload.clone()
            } else {
                Vec::new()
            };
            self.frame(kind, 0x1, 0, &echo).await;
        }
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((kind, flags, id, payload))
    }
}

fn fields(call: &Post) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = [
        (":method", call.method),
        (":scheme", "http"),
        (":authority", &call.host),
        (":path", &call.path),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let own = call.headers.iter();
    fields.extend(own.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
    fields
}
