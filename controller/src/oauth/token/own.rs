//! Tokens of a client that acts for itself (RFC 6749 §4.4): only for clients that an operator
//! registered and that prove who they are.

use super::{
    super::{
        call::Call,
        client::{AuthMethod, CLIENT_CREDENTIALS, Registration, Trust},
        resource, scope,
    },
    Code, Fault, Issued,
    bearer::Bearer,
    exchange::{beyond, resources},
    mint::{Mint, Signing},
};
use crate::store::{OneTenant, Tx, audit::Entry};

pub(super) async fn issue(call: &Call, mut tx: Tx<OneTenant>) -> Result<Issued, Fault> {
    call.must_be_allowed(CLIENT_CREDENTIALS)?;
    let client = &call.client;
    let trusted =
        client.registration == Registration::Manual && client.auth_method != AuthMethod::None;
    let (true, Some(slug)) = (trusted, &client.slug) else {
        let text = "Only registered confidential clients act for themselves";
        return Err(Fault::new(Code::UnauthorizedClient, text));
    };
    let scopes = scope::choose(call.params.get("scope"), &call.rules);
    let scopes = scopes
        .ok()
        .filter(|scopes| scopes.iter().all(|scope| scope != scope::ADMIN));
    let scopes = scopes.ok_or_else(|| Fault::new(Code::InvalidScope, "No such scope"))?;
    let mut resources = resources(call)?;
    if resources.iter().any(|one| one == resource::ADMIN) {
        return Err(beyond());
    }
    if resources.is_empty() {
        resources.push(resource::all(&call.issuer));
    }

    tx.turn_to("oauth.client_credentials");
    let roles = roles(call, &mut tx).await?;
    let bearer = Bearer {
        subject: client.client_id.clone(),
        username: format!("clients/{slug}"),
        roles: call.rules.roles_with(&roles, &scopes),
        groups: Vec::new(),
        scopes,
        resources,
        grant: None,
        until: None,
    };
    call.note_use(&mut tx).await?;
    let signing = Signing::now(&mut tx, call).await?;
    let issued = Mint::of(call, &tx).issue(&signing, bearer, None)?;
    let entry = Entry {
        resource: format!("{}/clients/{slug}", tx.tenant().name()),
        before: None,
        after: None,
    };
    tx.commit_recorded(&entry).await?;
    Ok(issued)
}

/// The roles that the client has now, which stay so until the transaction ends. While its keys were
/// fetched it may have been given others, or been blocked or removed.
async fn roles(call: &Call, tx: &mut Tx<OneTenant>) -> Result<Vec<String>, Fault> {
    let row = match call.client.uid {
        Some(uid) => tx.hold_client(uid).await?,
        None => None,
    };
    let row = row.filter(|row| row.trust != Trust::Blocked);
    let row = row.ok_or_else(|| Fault::client(false, "The client may not come in any more"))?;
    Ok(row.roles)
}
