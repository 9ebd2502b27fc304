//! How the bench's own servers run: one current-thread runtime and one `SO_REUSEPORT` listener per
//! thread, HTTP/1.1 only. The same for the upstream and for the bare proxy.

use std::{convert::Infallible, future::Future, net::SocketAddr, time::Duration};

use hyper::{Request, Response, body::Body, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpListener, task::LocalSet};

/// Serves on `threads` threads until the process ends. `make` runs once on each thread.
pub(crate) fn serve<M, H, F, B>(addr: SocketAddr, threads: usize, make: M) -> anyhow::Result<()>
where
    M: Fn() -> H + Send + Clone + 'static,
    H: Fn(Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut running = Vec::new();
    for _ in 0..threads {
        let listener = listen(addr)?;
        let make = make.clone();
        running.push(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            LocalSet::new().block_on(&runtime, accept(listener, make()))
        }));
    }
    for thread in running {
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("a serving thread panicked"))??;
    }
    Ok(())
}

async fn accept<H, F, B>(listener: std::net::TcpListener, handler: H) -> anyhow::Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::from_std(listener)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        stream.set_nodelay(true)?;
        let service = service_fn(handler.clone());
        tokio::task::spawn_local(async move {
            // A peer that leaves is how every connection of a benchmark ends.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn listen(addr: SocketAddr) -> anyhow::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(8192)?;
    Ok(socket.into())
}
