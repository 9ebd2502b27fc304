//! What is kept of a login between two commands: a file of the person's own for each endpoint of an admin
//! API, which nobody else can read, and a lock beside it.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::{
    issued::{Issued, now},
    server::Server,
};
use crate::failure::Failure;

/// A login as it is kept.
pub(super) struct Kept {
    endpoint: String,
    pub(super) issuer: String,
    pub(super) token_endpoint: String,
    pub(super) revocation_endpoint: Option<String>,
    pub(super) access_token: SecretString,
    refresh_token: Option<SecretString>,
    /// In seconds since 1970.
    pub(super) good_until: u64,
}

/// Where the login for one endpoint is kept.
pub(super) struct Store {
    endpoint: String,
    path: PathBuf,
}

/// Holds other runs off while it lives.
pub(super) struct Lock {
    _file: File,
}

/// A login could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// There is no place for it.
    #[error("there is no place to keep a login: set HOME or XDG_CONFIG_HOME")]
    NoPlace,
    /// The file does not work.
    #[error("{} cannot be used", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} holds no login; `aldgate logout` deletes it", .0.display())]
    Damaged(PathBuf),
    /// Another run does not finish.
    #[error("another run of aldgate holds {}", .0.display())]
    Busy(PathBuf),
}

impl Kept {
    pub(super) fn of(endpoint: &str, server: &Server, issued: Issued) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            issuer: server.issuer.clone(),
            token_endpoint: server.token_endpoint.clone(),
            revocation_endpoint: server.revocation_endpoint.clone(),
            access_token: issued.access_token,
            refresh_token: issued.refresh_token,
            good_until: issued.good_until,
        }
    }

    /// The same login with what was issued now.
    pub(super) fn renewed(self, issued: Issued) -> Self {
        Self {
            access_token: issued.access_token,
            // A server that does not rotate leaves the old one good.
            refresh_token: issued.refresh_token.or(self.refresh_token),
            good_until: issued.good_until,
            ..self
        }
    }

    /// Whether the access token is good for as long as a command takes.
    pub(super) fn is_fresh(&self) -> bool {
        self.good_until > now() + MARGIN.as_secs()
    }

    pub(super) fn refresh_token(&self) -> Result<&str, Failure> {
        let token = self.refresh_token.as_ref();
        token.map(ExposeSecret::expose_secret).ok_or_else(|| {
            Failure::SignIn("the login has ended; `aldgate login` starts a new one".into())
        })
    }

    /// The token whose revocation ends the whole login.
    pub(super) fn best_token(&self) -> &str {
        let refresh = self.refresh_token.as_ref();
        refresh.unwrap_or(&self.access_token).expose_secret()
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Some(Self {
            endpoint: text("endpoint")?,
            issuer: text("issuer")?,
            token_endpoint: text("token_endpoint")?,
            revocation_endpoint: text("revocation_endpoint"),
            access_token: text("access_token")?.into(),
            refresh_token: text("refresh_token").map(Into::into),
            good_until: value["good_until"].as_u64()?,
        })
    }

    fn write(&self) -> Zeroizing<String> {
        let refresh_token = self.refresh_token.as_ref();
        let value = json!({
            "endpoint": self.endpoint,
            "issuer": self.issuer,
            "token_endpoint": self.token_endpoint,
            "revocation_endpoint": self.revocation_endpoint,
            "access_token": self.access_token.expose_secret(),
            "refresh_token": refresh_token.map(ExposeSecret::expose_secret),
            "good_until": self.good_until,
        });
        Zeroizing::new(value.to_string())
    }
}

impl Store {
    /// In the person's own folder for configuration.
    pub(super) fn of(endpoint: &str) -> Result<Self, KeptError> {
        let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let base = folder("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".config")));
        Ok(Self::under(&base.ok_or(KeptError::NoPlace)?, endpoint))
    }

    pub(super) fn under(base: &Path, endpoint: &str) -> Self {
        let endpoint = endpoint.trim_end_matches('/');
        let place = endpoint
            .split_once("://")
            .map_or(endpoint, |(_, place)| place);
        let keep = |c: char| {
            if c.is_ascii_alphanumeric() || ".-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: String = place.chars().map(keep).collect();
        Self {
            endpoint: endpoint.to_owned(),
            path: base.join("aldgate").join(format!("login-{name}.json")),
        }
    }

    pub(super) fn read(&self) -> Result<Option<Kept>, KeptError> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => Zeroizing::new(read.map_err(|source| self.failed(source))?),
        };
        let kept = Kept::parse(&text).ok_or_else(|| KeptError::Damaged(self.path.clone()))?;
        // Two endpoints may share a file name; they never share a token.
        Ok((kept.endpoint.trim_end_matches('/') == self.endpoint).then_some(kept))
    }

    /// Replaces the file as a whole, so that nobody ever reads half of it.
    pub(super) fn write(&self, kept: &Kept) -> Result<(), KeptError> {
        let new = self.path.with_extension("new");
        let write = || -> io::Result<()> {
            self.make_folder()?;
            let mut file = private(&new, true)?;
            file.write_all(kept.write().as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.path)
        };
        write().map_err(|source| self.failed(source))
    }

    pub(super) fn delete(&self) -> Result<(), KeptError> {
        fs::remove_file(&self.path).map_err(|source| self.failed(source))
    }

    /// Waits until no other run changes the file.
    pub(super) async fn lock(&self) -> Result<Lock, KeptError> {
        let path = self.path.with_extension("lock");
        let open = || {
            self.make_folder()?;
            private(&path, false)
        };
        let file = open().map_err(|source| self.failed(source))?;
        let end = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::Error(source)) => return Err(self.failed(source)),
                Err(TryLockError::WouldBlock) if Instant::now() > end => {
                    return Err(KeptError::Busy(path));
                }
                Err(TryLockError::WouldBlock) => sleep(AGAIN).await,
            }
        }
    }

    fn make_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        if folder.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    fn failed(&self, source: io::Error) -> KeptError {
        KeptError::File {
            path: self.path.clone(),
            source,
        }
    }
}

/// A file that nobody else can read. One that is left over is not written into: its mode is not ours.
fn private(path: &Path, new: bool) -> io::Result<File> {
    if new && path.exists() {
        fs::remove_file(path)?;
    }
    OpenOptions::new()
        .write(true)
        .create(!new)
        .create_new(new)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Longer than a command takes.
const MARGIN: Duration = Duration::from_mins(1);
/// Longer than a refresh takes.
const PATIENCE: Duration = Duration::from_mins(1);
const AGAIN: Duration = Duration::from_millis(50);
