//! What is presented to a server: set, replaced, removed, and detached from an origin that was left.

use egress::Origin;
use proto::{admin::v1, name::ServerName};

use super::{commit, url};
use crate::{
    admin::{
        Actor, Admin, check_etag, credential,
        field::{self, Checks},
    },
    error::Error,
    store::{
        OneTenant, Tx,
        server::{Auth, Server},
    },
    vault::{AuthScheme, SealedCredential},
};

pub(super) async fn set_credential(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetServerCredentialRequest,
) -> Result<v1::SetServerCredentialResponse, Error> {
    let name: ServerName = field::name("name", &request.name)?;
    let input = field::required("credential", request.credential)?;
    let mut checks = Checks::new();
    let given = credential::read(&mut checks, input);
    let (Some(given), []) = (given, checks.found()) else {
        return Err(checks.into_error());
    };

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let before = tx.lock_server(&name.server).await?;
    let before = before.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, before.revision)?;
    let mut after = before.clone();
    let origin = url::read(&before.url)?.origin;
    match present(admin, &mut tx, &mut after, &origin, given).await? {
        Some(sealed) => tx.put_credential(&sealed).await?,
        None => tx.remove_credential(after.uid).await?,
    }
    tx.update_server(&after).await?;
    let (server, revision) = commit(tx, Some(&before), after).await?;
    Ok(v1::SetServerCredentialResponse {
        server: Some(server),
        revision,
    })
}

/// Gives the server what it is presented from now on, as its next generation, and returns the
/// sealed value to store.
pub(super) async fn present(
    admin: &Admin,
    tx: &mut Tx<OneTenant>,
    server: &mut Server,
    origin: &Origin,
    given: credential::Given,
) -> Result<Option<SealedCredential>, Error> {
    let (scheme, header, value) = match given {
        credential::Given::None if server.auth == Auth::none() => return Ok(None),
        credential::Given::None => {
            server.auth = Auth {
                generation: server.auth.generation + 1,
                updated_at: Some(tx.time()),
                ..Auth::none()
            };
            server.lease_generation += 1;
            return Ok(None);
        }
        credential::Given::Some {
            scheme,
            header,
            value,
        } => (scheme, header, value),
    };
    let row = SealedCredential {
        tenant: tx.tenant().uid,
        server: server.uid,
        generation: server.auth.generation + 1,
        origin: origin.to_string(),
        scheme,
        sealed: Vec::new(),
    };
    let keys = tx.tenant_keys().await?;
    let new = admin
        .0
        .vault
        .seal_credential(&keys, row, value.as_bytes())?;
    server.auth = Auth {
        scheme: Some(scheme),
        header,
        generation: new.row.generation,
        detached: false,
        fingerprint: new.fingerprint,
        updated_at: Some(tx.time()),
    };
    server.lease_generation += 1;
    Ok(Some(new.row))
}

/// After a change of origin nothing may be sent there that was meant for the origin before: neither
/// the credential, nor the static tokens of clients; their headers are bound to the origin by
/// themselves.
pub(super) async fn detach(tx: &mut Tx<OneTenant>, server: &mut Server) -> Result<(), Error> {
    server.lease_generation += 1;
    tx.stop_passing_tokens_on(server).await?;
    if server.auth.scheme == Some(AuthScheme::None) || server.auth.detached {
        return Ok(());
    }
    tx.remove_credential(server.uid).await?;
    server.auth.generation += 1;
    server.auth.detached = true;
    server.auth.fingerprint = String::new();
    server.auth.updated_at = Some(tx.time());
    Ok(())
}
