//! The peers that run beside the gateway: nginx with a static credential check, and the bench's own
//! upstream and bare proxy as child processes.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A child process that listens on one port; killed on drop.
pub(crate) struct Peer {
    child: Child,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
}

impl Peer {
    /// This program again, as the upstream or the bare proxy.
    pub(crate) fn own(arguments: &[&str]) -> anyhow::Result<Self> {
        let addr = free_port()?;
        let child = Command::new(std::env::current_exe()?)
            .arg(arguments[0])
            .arg(addr.to_string())
            .args(&arguments[1..])
            .stdin(Stdio::null())
            .spawn()?;
        Self { child, addr }.listening()
    }

    /// nginx: compares the client's `Authorization` with one text, injects another, passes on.
    pub(crate) fn nginx(dir: &Path, upstream: SocketAddr) -> anyhow::Result<Self> {
        let addr = free_port()?;
        let file = dir.join("nginx.conf");
        fs::write(&file, nginx_conf(addr, upstream))?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(dir)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("running nginx (a Debian package; ./dev bench installs it)")?;
        Self { child, addr }.listening()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn listening(mut self) -> anyhow::Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("a peer ended at once: {status}");
            }
            if Instant::now() > deadline {
                bail!("a peer does not listen on {}", self.addr);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(self)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Asked to, nginx takes its workers along; killed, it leaves them. A peer that is gone
        // already is fine.
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// What a client of nginx presents.
pub(crate) const CLIENT_CREDENTIAL: &str = "Bearer bench-client-token";

fn nginx_conf(addr: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        r#"worker_processes 2;
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
error_log nginx-error.log warn;
events {{ worker_connections 9000; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_timeout 75s;
    keepalive_requests 100000000;
    client_body_temp_path tmp_body;
    proxy_temp_path tmp_proxy;
    fastcgi_temp_path tmp_fastcgi;
    uwsgi_temp_path tmp_uwsgi;
    scgi_temp_path tmp_scgi;
    upstream mcp {{
        server {upstream};
        keepalive 512;
        keepalive_requests 100000000;
    }}
    map $http_authorization $allowed {{
        default 0;
        "{CLIENT_CREDENTIAL}" 1;
    }}
    server {{
        listen {addr} reuseport backlog=4096;
        location /mcp {{
            if ($allowed = 0) {{ return 401; }}
            proxy_pass http://mcp;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer bench-upstream-secret";
            proxy_buffering off;
            proxy_read_timeout 3600s;
        }}
    }}
}}
"#
    )
}
