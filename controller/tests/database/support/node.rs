//! A node at the config stream, which says and hears what the test wants.

use std::time::Duration;

use proto::sync::v1::{
    Cursor, Hello, SyncRequest, SyncResponse, config_sync_service_client::ConfigSyncServiceClient,
    sync_request, sync_response,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::Stack;

/// An open config stream of the node `gw-1`.
pub(crate) struct Node {
    said: mpsc::Sender<SyncRequest>,
    heard: Streaming<SyncResponse>,
}

impl Node {
    /// One that holds nothing.
    pub(crate) async fn new(stack: &Stack) -> Self {
        Self::holding(stack, Cursor::default(), 0).await
    }

    /// One that holds config up to this cursor and revocations up to this number.
    pub(crate) async fn holding(stack: &Stack, have: Cursor, revocations: u64) -> Self {
        loop {
            match Self::hello(stack, have, revocations).await {
                Ok(node) => return node,
                // A controller that has just started; a node comes again, too.
                Err(status) if status.code() == Code::Unavailable => {
                    sleep(Duration::from_millis(20)).await;
                }
                Err(status) => panic!("{status}"),
            }
        }
    }

    async fn hello(stack: &Stack, have: Cursor, revocations: u64) -> Result<Self, Status> {
        let mut client = ConfigSyncServiceClient::new(stack.node_channel().await);
        let (said, saying) = mpsc::channel(8);
        let hello = Hello {
            node_id: "gw-1".to_owned(),
            boot_id: vec![1; 16].into(),
            schema_version: 1,
            have: Some(have),
            revocations,
            ..Hello::default()
        };
        let kind = Some(sync_request::Kind::Hello(hello));
        said.send(SyncRequest { kind }).await.unwrap();
        let heard = client.sync(ReceiverStream::new(saying)).await?;
        let mut node = Self {
            said,
            heard: heard.into_inner(),
        };
        // The welcome.
        node.next().await?;
        Ok(node)
    }

    /// Says something.
    pub(crate) async fn say(&self, kind: sync_request::Kind) {
        let kind = Some(kind);
        self.said.send(SyncRequest { kind }).await.unwrap();
    }

    /// What comes next, which has to be soon.
    pub(crate) async fn next(&mut self) -> Result<sync_response::Kind, Status> {
        let next = timeout(PATIENCE, self.heard.message()).await;
        let next = next.expect("a controller says something every second")?;
        let ended = || Status::unavailable("the stream ended");
        Ok(next.ok_or_else(ended)?.kind.unwrap())
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
