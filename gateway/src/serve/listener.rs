//! The sockets of the public door: one per core and address, all on the same port, so that the
//! kernel spreads connections over the cores.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}; is another process using it?")]
pub struct BindError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// Listens on `address` once per core. Port 0 takes a free port, the same for all.
pub fn bind(address: SocketAddr, cores: usize) -> Result<Vec<TcpListener>, BindError> {
    try_bind(address, cores).map_err(|source| BindError { address, source })
}

fn try_bind(address: SocketAddr, cores: usize) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 {
        // Sockets that share a port do not see each other, so two nodes on one port would go
        // unnoticed; one that does not share finds out.
        drop(listen(address, &Sharing::Alone)?);
    }
    let first = listen(address, &Sharing::Shared)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..cores {
        listeners.push(listen(address, &Sharing::Shared)?);
    }
    Ok(listeners)
}

#[derive(PartialEq, Eq)]
enum Sharing {
    Alone,
    Shared,
}

fn listen(address: SocketAddr, sharing: &Sharing) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(sharing == &Sharing::Shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(QUEUE)?;
    Ok(socket.into())
}

const QUEUE: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cores_share_a_port_and_nobody_else_does() {
        let any = "127.0.0.1:0".parse().unwrap();
        let held = bind(any, 2).unwrap();
        let address = held[0].local_addr().unwrap();
        assert_eq!(held[1].local_addr().unwrap(), address);
        assert!(bind(address, 2).is_err());
        drop(held);
        assert!(bind(address, 1).is_ok());
    }
}
