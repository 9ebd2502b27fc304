//! What the authenticators look at: who was called, header fields, the peer's address and the time.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use proto::id::ServerUid;

use super::Presented;
use crate::{config::snapshot::Tenant, route::Target};

/// One request, before its body is read.
pub(super) struct Request<'a> {
    /// What was called.
    pub(super) target: &'a Target,
    /// Whose it is.
    pub(super) tenant: Option<&'a Arc<Tenant>>,
    /// The server that the URL names, if there is such.
    pub(super) server: Option<ServerUid>,
    pub(super) headers: &'a HeaderMap,
    /// Who is at the other end of the connection.
    pub(super) peer: IpAddr,
    pub(super) now: SystemTime,
}

impl<'a> Request<'a> {
    /// What stands after `Bearer ` in `Authorization`.
    pub(super) fn bearer(&self) -> Option<&'a str> {
        self.after_scheme(&AUTHORIZATION, "bearer")
    }

    /// What stands after this scheme in a header (RFC 6750 §2.1; the scheme's case does not matter,
    /// RFC 9110 §11.1). After another scheme, or none, stands a credential nobody has.
    pub(super) fn after_scheme(&self, name: &HeaderName, scheme: &str) -> Option<&'a str> {
        let line = self.line(name)?;
        match line.split_once(' ') {
            Some((found, credential)) if found.eq_ignore_ascii_case(scheme) => Some(credential),
            _ => Some(""),
        }
    }

    /// The one line of a header. Two lines, or one that is not text, are a credential nobody has.
    pub(super) fn line(&self, name: &HeaderName) -> Option<&'a str> {
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next()?;
        if lines.next().is_some() {
            return Some("");
        }
        Some(std::str::from_utf8(line.as_bytes()).unwrap_or_default())
    }

    /// A header to hand on as it came.
    pub(super) fn presented(&self, name: &HeaderName) -> Option<Presented> {
        let mut value = self.headers.get(name)?.clone();
        value.set_sensitive(true);
        Some(Presented {
            header: name.clone(),
            value,
        })
    }
}
