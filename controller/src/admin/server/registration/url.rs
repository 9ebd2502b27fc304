//! Where a server is, and whether it may be there.

use egress::{DialError, Endpoint, Origin};

use crate::{
    admin::{Admin, origin},
    error::Error,
    store::{OneTenant, Tx},
};

/// Reads a server's URL.
pub(crate) fn read(text: &str) -> Result<Endpoint, Error> {
    Endpoint::parse(text).map_err(|error| Error::invalid(FIELD, error.to_string()))
}

/// Refuses addresses that may not be called. A name that has no address yet is accepted; every call
/// is checked again.
pub(crate) async fn vet(admin: &Admin, origin: &Origin) -> Result<(), Error> {
    match admin.0.dialer.vet(origin).await {
        Err(error @ DialError::Forbidden(_)) => Err(Error::invalid(FIELD, error.to_string())),
        Ok(())
        | Err(
            DialError::Resolve(_) | DialError::Connect(_) | DialError::Tls(_) | DialError::Deadline,
        ) => Ok(()),
    }
}

/// Refuses this installation itself (HN-19). Asked before the transaction locks anything.
pub(crate) async fn refuse_own(tx: &mut Tx<OneTenant>, origin: &Origin) -> Result<(), Error> {
    let places = origin::same_place(origin);
    let ours: Vec<String> = places.iter().map(origin::canonical).collect();
    if tx.serves_any(&ours).await? {
        return Err(Error::invalid(
            FIELD,
            "leads back to this installation; give the server's own address",
        ));
    }
    Ok(())
}

const FIELD: &str = "server.url";
