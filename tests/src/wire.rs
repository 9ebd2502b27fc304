//! A wire between two processes that the test can cut: while it is cut nothing passes, and whoever
//! connects finds nobody.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// A wire to one address; dropping it cuts it for good.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    _acceptor: JoinSet<()>,
}

impl Wire {
    /// A whole wire from a free port of 127.0.0.1 to `target`.
    pub async fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (whole, state) = watch::channel(true);
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept(listener, target, state));
        Ok(Self {
            address,
            whole,
            _acceptor: acceptor,
        })
    }

    /// Its end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it: every connection breaks.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Makes it whole again, for new connections.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, whole: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let mut state = whole.clone();
        connections.spawn(async move {
            let copying = async {
                if let Ok(mut server) = TcpStream::connect(target).await {
                    // Small frames must not wait for more.
                    let _ = (client.set_nodelay(true), server.set_nodelay(true));
                    // Either side may go away at any time; the other is closed then.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            };
            tokio::select! {
                biased;
                // An error means that the wire is gone.
                _ = state.wait_for(|whole| !whole) => {}
                () = copying => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
