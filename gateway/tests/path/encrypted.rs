//! TLS on the public door.

use std::sync::Arc;

use gateway::serve::ServeSettings;
use rustls::{ClientConfig, RootCertStore};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    client::within,
    upstream::RESULT,
    world::{HOST_A, World},
};

#[tokio::test]
async fn the_door_speaks_tls_with_the_configured_certificate() {
    runtime::tls::install_provider();
    let own = rcgen::generate_simple_self_signed([HOST_A.to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&cert, own.cert.pem()).unwrap();
    write_secret(&key, &own.signing_key.serialize_pem());
    let tls = runtime::tls::public_server_config(&cert, &key).unwrap();
    let world = World::with(|settings| {
        settings.serve = ServeSettings {
            tls: Some(tls),
            ..ServeSettings::default()
        };
    })
    .await;

    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(world.address).await.unwrap();
    let name = HOST_A.try_into().unwrap();
    let connecting = TlsConnector::from(Arc::new(client)).connect(name, socket);
    let mut stream = within(connecting).await.unwrap();

    let request = world.call().with("Connection", "close");
    stream.write_all(&request.bytes()).await.unwrap();
    let mut reply = String::new();
    let (read, _call) = tokio::join!(stream.read_to_string(&mut reply), world.one.answer());
    assert!(read.is_ok() || !reply.is_empty());
    assert!(
        reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with(RESULT),
        "{reply}"
    );

    let mut plain = TcpStream::connect(world.address).await.unwrap();
    plain.write_all(&world.call().bytes()).await.unwrap();
    let mut alert = Vec::new();
    // However it ends, no HTTP comes back.
    let _ = within(plain.read_to_end(&mut alert)).await;
    assert!(!alert.starts_with(b"HTTP"));
    assert!(world.one.is_untouched());
}

fn write_secret(path: &std::path::Path, text: &str) {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};

    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
