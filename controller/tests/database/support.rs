//! A controller of one's own: the real program on a private Postgres, driven through its gRPC door.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use token::AdminToken;
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use self::{
    pki::{Authority, Signed},
    postgres::{Postgres, write_private},
};

/// A browser that signs in.
pub(crate) mod browser;

/// Somebody who goes from page to page.
pub(crate) mod visitor;

/// A gateway at the auth door.
pub(crate) mod gateway;

/// Locks that a test holds.
pub(crate) mod hold;

/// A host of documents, over TLS.
pub(crate) mod host;

/// A node at the config stream.
pub(crate) mod node;

/// Certificates.
mod pki;

/// An OpenID provider that the test holds.
pub(crate) mod provider;

/// The database.
pub(crate) mod postgres;

/// One controller with all it needs. Everything stops with it.
pub(crate) struct Stack {
    pub(crate) postgres: Postgres,
    pub(crate) token: AdminToken,
    controller: Option<Child>,
    address: String,
    auth: String,
    authority: Authority,
    folder: TempDir,
    documents: &'static str,
}

impl Stack {
    /// A controller that has booted on an empty database.
    pub(crate) async fn start() -> Self {
        Self::start_with_documents("127.0.0.0/8").await
    }

    /// The same, with these networks besides public ones for what OAuth clients publish.
    pub(crate) async fn start_with_documents(networks: &'static str) -> Self {
        let postgres = Postgres::start().await;
        let folder = tempfile::tempdir().unwrap();
        let (authority, token) = (Authority::new(), AdminToken::generate());
        let own = authority.sign(&["localhost", "127.0.0.1"], "spiffe://aldgate/controller");
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        fs::write(folder.path().join("cert.pem"), &own.cert).unwrap();
        write_private(&folder.path().join("key.pem"), own.key.as_bytes());
        write_private(&folder.path().join("token"), token.expose().as_bytes());
        let mut stack = Self {
            postgres,
            token,
            controller: None,
            address: String::new(),
            auth: String::new(),
            authority,
            folder,
            documents: networks,
        };
        stack.write_kek(&[7; 32]);
        stack.boot().await;
        stack
    }

    /// Replaces the key-encryption key's file.
    pub(crate) fn write_kek(&self, key: &[u8; 32]) {
        write_private(&self.file("kek"), key);
    }

    /// Starts the controller and waits until it is up.
    pub(crate) async fn boot(&mut self) {
        let ports = self.file("ports");
        drop(fs::remove_file(&ports));
        self.controller = Some(self.command().spawn().unwrap());
        let start = Instant::now();
        let ports = loop {
            if let Ok(text) = fs::read_to_string(&ports) {
                break text;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let ports: serde_json::Value = serde_json::from_str(&ports).unwrap();
        self.address = format!("https://{}", ports["grpc"].as_str().unwrap());
        ports["auth"].as_str().unwrap().clone_into(&mut self.auth);
    }

    /// Starts one more controller on the same database, and waits until it is up.
    pub(crate) async fn second(&self) -> Second {
        let ports = self.file("ports-2");
        let child = self.command().env("ALDGATE_PORT_FILE", &ports).spawn();
        let mut second = Second {
            child: child.unwrap(),
            auth: String::new(),
        };
        let start = Instant::now();
        while !ports.exists() {
            assert!(start.elapsed() < Duration::from_mins(1), "{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ports: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&ports).unwrap()).unwrap();
        ports["auth"].as_str().unwrap().clone_into(&mut second.auth);
        second
    }

    /// Starts a controller that is expected to give up.
    pub(crate) fn fail_to_boot(&self) -> Output {
        self.command().stderr(Stdio::piped()).output().unwrap()
    }

    /// Asks the controller to stop, and waits.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.controller.take() {
            let pid = child.id().to_string();
            Command::new("kill").arg(&pid).status().unwrap();
            assert!(child.wait().unwrap().success(), "{}", self.log());
        }
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// A connection like an operator's.
    pub(crate) async fn channel(&self) -> Channel {
        self.dial(None).await
    }

    /// A connection like a node's.
    pub(crate) async fn node_channel(&self) -> Channel {
        let signed = self
            .authority
            .sign(&[], "spiffe://aldgate/pool/default/node/gw-1");
        self.dial(Some(signed)).await
    }

    /// Where the auth door is.
    pub(crate) fn auth_address(&self) -> &str {
        &self.auth
    }

    /// The certificate that all of ours are signed by.
    pub(crate) fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    /// A certificate of ours with this name.
    pub(crate) fn sign(&self, uri: &str) -> Signed {
        self.authority.sign(&[], uri)
    }

    /// A certificate of ours for `localhost`.
    pub(crate) fn sign_host(&self) -> Signed {
        self.authority
            .sign(&["localhost"], "spiffe://elsewhere/host")
    }

    /// A certificate of somebody else's.
    pub(crate) fn foreign(uri: &str) -> Signed {
        Authority::new().sign(&[], uri)
    }

    async fn dial(&self, own: Option<Signed>) -> Channel {
        let ca = Certificate::from_pem(self.authority.pem());
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(ca)
            .domain_name("localhost");
        if let Some(own) = own {
            tls = tls.identity(Identity::from_pem(own.cert, own.key));
        }
        let endpoint = Endpoint::from_shared(self.address.clone()).unwrap();
        endpoint.tls_config(tls).unwrap().connect().await.unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aldgate-controller"));
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file("log"))
            .unwrap();
        command
            .env("ALDGATE_GRPC_ADDR", "127.0.0.1:0")
            .env("ALDGATE_AUTH_ADDR", "127.0.0.1:0")
            .env("ALDGATE_OPS_ADDR", "127.0.0.1:0")
            .env("ALDGATE_PORT_FILE", self.file("ports"))
            .env("ALDGATE_TLS_CERT_FILE", self.file("cert.pem"))
            .env("ALDGATE_TLS_KEY_FILE", self.file("key.pem"))
            .env("ALDGATE_TLS_CA_FILE", self.file("ca.pem"))
            .env("ALDGATE_DATABASE_URL", self.postgres.address("aldgate_app"))
            .env(
                "ALDGATE_DATABASE_FEED_URL",
                self.postgres.address("aldgate_feed"),
            )
            .env(
                "ALDGATE_DATABASE_OWNER_URL",
                self.postgres.address("aldgate_owner"),
            )
            // What the platform trusts.
            .env("SSL_CERT_FILE", self.file("ca.pem"))
            .env("ALDGATE_KEK_FILE", self.file("kek"))
            .env("ALDGATE_BOOTSTRAP_TOKEN_FILE", self.file("token"))
            .env("ALDGATE_PUBLIC_SCHEME", "http")
            .env("ALDGATE_ALLOWED_NETWORKS", "127.0.0.0/8")
            .env("ALDGATE_DOCUMENT_NETWORKS", self.documents)
            .env("ALDGATE_DENIED_ADDRESSES", "127.0.0.1:5432")
            .stderr(log);
        command
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// One more controller; stops when it is dropped.
pub(crate) struct Second {
    child: Child,
    /// Where its auth door is.
    pub(crate) auth: String,
}

impl Drop for Second {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(mut child) = self.controller.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// A request that presents this token.
pub(crate) fn with_token<T>(token: &AdminToken, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(format!("Bearer {}", token.expose())).unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// The reason and the fields at fault that a refusal names.
pub(crate) fn told(status: &Status) -> (String, Vec<String>) {
    use tonic_types::StatusExt as _;
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    let fields = details.bad_request().map(|request| {
        let fields = request.field_violations.iter();
        fields.map(|violation| violation.field.clone()).collect()
    });
    (reason.unwrap_or_default(), fields.unwrap_or_default())
}
