//! A load balancer for TCP connections that goes round in turn, so that nothing may depend on which
//! node answered before.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A running balancer; dropping it cuts every connection.
#[derive(Debug)]
pub struct Balance {
    address: SocketAddr,
    _acceptor: JoinSet<()>,
}

impl Balance {
    /// Listens on a free port of 127.0.0.1 and connects to each of `nodes` in turn.
    pub async fn start(nodes: Vec<SocketAddr>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept(listener, nodes));
        Ok(Self {
            address,
            _acceptor: acceptor,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, nodes: Vec<SocketAddr>) {
    let turn = AtomicUsize::new(0);
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let node = nodes[turn.fetch_add(1, Ordering::Relaxed) % nodes.len()];
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(node).await {
                // Small events must not wait for more.
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                // Either side may go away at any time; the other is closed then.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
