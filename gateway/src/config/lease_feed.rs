//! The lease stream on a controller's connection. When it breaks it is opened again on the same
//! connection, because trouble with credentials must not cost the config stream.

use std::{pin::Pin, time::Duration};

use proto::node::v1::{
    WatchLeasesRequest, WatchLeasesResponse, lease_service_client::LeaseServiceClient,
};
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::time::{Sleep, sleep, timeout};
use tonic::{Status, Streaming, transport::Channel};

use super::link::Backoff;

/// The stream, whatever state it is in.
pub(super) struct LeaseFeed {
    client: LeaseServiceClient<Channel>,
    node_id: String,
    state: State,
    backoff: Backoff,
    rng: StdRng,
}

enum State {
    Opening(Pin<Box<dyn Future<Output = Result<Streaming<WatchLeasesResponse>, Status>> + Send>>),
    Open(Box<Streaming<WatchLeasesResponse>>),
    Resting(Pin<Box<Sleep>>),
}

/// What the stream brings.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is open; it will mention everything that holds.
    Began,
    /// One message.
    Message(WatchLeasesResponse),
}

/// Until the controller accepts the stream.
const OPEN_DEADLINE: Duration = Duration::from_secs(10);

impl LeaseFeed {
    /// The stream on this connection.
    pub(super) fn new(channel: Channel, node_id: String) -> Self {
        let client = LeaseServiceClient::new(channel);
        Self {
            state: opening(&client, &node_id),
            client,
            node_id,
            backoff: Backoff::default(),
            rng: StdRng::from_os_rng(),
        }
    }

    /// The next event. Dropping the future loses nothing: all progress is kept here.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            let broken = match &mut self.state {
                State::Resting(delay) => {
                    delay.as_mut().await;
                    self.state = opening(&self.client, &self.node_id);
                    continue;
                }
                State::Opening(opening) => match opening.as_mut().await {
                    Ok(stream) => {
                        self.state = State::Open(Box::new(stream));
                        return Heard::Began;
                    }
                    Err(status) => Some(status),
                },
                State::Open(stream) => match stream.message().await {
                    Ok(Some(message)) => {
                        self.backoff.reset();
                        return Heard::Message(message);
                    }
                    Ok(None) => None,
                    Err(status) => Some(status),
                },
            };
            if let Some(status) = broken {
                tracing::warn!(error = %status, "the lease stream broke");
            } else {
                tracing::info!("the lease stream ended");
            }
            let delay = self.backoff.next(&mut self.rng);
            self.state = State::Resting(Box::pin(sleep(delay)));
        }
    }
}

fn opening(client: &LeaseServiceClient<Channel>, node_id: &str) -> State {
    let mut client = client.clone();
    let node_id = node_id.to_owned();
    State::Opening(Box::pin(async move {
        let request = WatchLeasesRequest { node_id };
        timeout(OPEN_DEADLINE, client.watch_leases(request))
            .await
            .map_err(|_| Status::deadline_exceeded("nobody answered"))?
            .map(tonic::Response::into_inner)
    }))
}
