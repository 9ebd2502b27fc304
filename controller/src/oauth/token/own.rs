//! Tokens of a client that acts for itself (RFC 6749 §4.4): only for clients that an operator
//! registered and that prove who they are.

use super::{
    super::{
        call::Call,
        client::{AuthMethod, CLIENT_CREDENTIALS, Registration},
        resource, scope,
    },
    Code, Fault, Issued,
    exchange::{beyond, resources},
    mint::{self, Bearer},
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
    let bearer = Bearer {
        subject: client.client_id.clone(),
        username: format!("clients/{slug}"),
        roles: call.rules.roles_with(&client.roles, &scopes),
        groups: Vec::new(),
        scopes,
        resources,
        grant: None,
        until: None,
    };
    call.note_use(&mut tx).await?;
    let issued = mint::mint(&mut tx, call, bearer, None).await?;
    let entry = Entry {
        resource: format!("{}/clients/{slug}", tx.tenant().name()),
        before: None,
        after: None,
    };
    tx.commit_recorded(&entry).await?;
    Ok(issued)
}
