//! Where a server is, and whether it may be there.

use egress::{DialError, Endpoint, Origin};

use crate::{
    admin::{Admin, origin},
    error::Error,
};

/// Reads a server's URL.
pub(crate) fn read(text: &str) -> Result<Endpoint, Error> {
    Endpoint::parse(text).map_err(|error| Error::invalid(FIELD, error.to_string()))
}

/// Refuses what may not be called: forbidden addresses, and this installation itself (HN-19). A name
/// that has no address yet is accepted; every call is checked again.
pub(crate) async fn vet(admin: &Admin, origin: &Origin) -> Result<(), Error> {
    let authority = origin.authority();
    let ours = [
        origin::canonical(origin),
        format!("http://{authority}"),
        format!("https://{authority}"),
    ];
    if admin.0.store.serves_any(&ours).await? {
        return Err(Error::invalid(
            FIELD,
            "leads back to this installation; give the server's own address",
        ));
    }
    match admin.0.dialer.vet(origin).await {
        Err(error @ DialError::Forbidden(_)) => Err(Error::invalid(FIELD, error.to_string())),
        Ok(())
        | Err(
            DialError::Resolve(_) | DialError::Connect(_) | DialError::Tls(_) | DialError::Deadline,
        ) => Ok(()),
    }
}

const FIELD: &str = "server.url";
