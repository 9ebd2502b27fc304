//! Takes connections. Nothing that a client does, and no shortage of descriptors, ends the loop.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use tokio::net::{TcpListener, TcpStream};

use super::{Door, connection};

/// Accepts until the door closes; then takes what the kernel has queued already, so that nobody who
/// was let in is turned away.
pub(super) async fn run(door: Rc<Door>, listener: TcpListener) {
    loop {
        tokio::select! {
            biased;
            () = door.closing.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => admit(&door, socket, peer),
                Err(error) => pause(&error).await,
            },
        }
    }
    if let Ok(listener) = listener.into_std() {
        while let Ok((socket, peer)) = listener.accept() {
            let socket = socket
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(socket));
            if let Ok(socket) = socket {
                admit(&door, socket, peer);
            }
        }
    }
}

fn admit(door: &Rc<Door>, socket: TcpStream, peer: SocketAddr) {
    let Some(counted) = door.peers.enter(peer.ip()) else {
        door.metrics.connections_refused.increment(1);
        return;
    };
    // It fails only for a socket that is closed already, which the first read tells.
    let _ = socket.set_nodelay(true);
    let serving = connection::serve(Rc::clone(door), socket, peer, counted);
    door.connections.spawn_local("connection", serving);
}

/// A connection that broke before it was taken is no reason to wait; a lack of descriptors or memory
/// does not go away at once.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::warn!(%error, "cannot take connections");
        tokio::time::sleep(PAUSE).await;
    }
}

const PAUSE: Duration = Duration::from_millis(50);
