//! What stands before the demo server's tools: the record of what came in, then the credential check.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};

use super::{Received, tools::Tools};

/// What the door needs to know.
#[derive(Debug, Clone)]
pub struct Door {
    /// The file with the credentials it takes, one in a line. Read at every request, so that a
    /// credential can be rotated by writing the file.
    pub credentials: PathBuf,
    /// Where to record what came in.
    pub record: Option<Arc<Mutex<File>>>,
}

/// The demo server's routes.
pub fn router(door: Door) -> Router {
    let service: StreamableHttpService<Tools, LocalSessionManager> = StreamableHttpService::new(
        || Ok(Tools::new()),
        Arc::default(),
        // A web page that resolved its own name to us has no credential, and in a container we are
        // called by other names than loopback's.
        StreamableHttpServerConfig::default().disable_allowed_hosts(),
    );
    Router::new()
        .nest_service("/mcp", service)
        .layer(from_fn_with_state(door, enter))
}

async fn enter(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(record) = &door.record {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let received = Received {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: text(&body),
        };
        let line = serde_json::to_string(&received).expect("strings can be written as JSON");
        let mut file = record.lock().expect("no one panics while writing a line");
        if writeln!(file, "{line}").is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    }
    let presented: Vec<_> = head.headers.get_all(header::AUTHORIZATION).iter().collect();
    let accepted = std::fs::read_to_string(&door.credentials).unwrap_or_default();
    let known = |value: &str| {
        accepted
            .lines()
            .any(|line| !line.is_empty() && value == format!("Bearer {line}"))
    };
    match presented[..] {
        [one] if one.to_str().is_ok_and(known) => {
            next.run(Request::from_parts(head, Body::from(body))).await
        }
        _ => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Bearer realm=\"demo\"")],
            "this server wants `Authorization: Bearer <credential>`\n",
        )
            .into_response(),
    }
}

const MAX_BODY: usize = 4 << 20;
