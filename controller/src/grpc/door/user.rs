//! Users of a tenant at the admin API: they come with an access token of the tenant's authorization
//! server that is for the admin API, and reach as far as their role in that tenant. Whether the token
//! still counts is asked of the database, each time.

use token::access::{self, AccessToken};
use uuid::Uuid;

use super::Caller;
use crate::{
    admin::{actor::Clearance, actor::Role},
    error::Error,
    oauth::{
        client::OURS,
        resource, scope,
        standing::{self, Holder},
    },
    store::{Author, Reach, Store, tenant::Tenant, user::AdminRole},
};

/// Whose token this is; `None` when it is nobody's.
pub(super) async fn caller(store: &Store, text: &str, peer: &str) -> Result<Option<Caller>, Error> {
    let Some(claimed) = access::claimed(text) else {
        return Ok(None);
    };
    let author = Author {
        actor: String::new(),
        token: None,
        request: Uuid::now_v7(),
        peer: peer.to_owned(),
        action: "oauth.admin".to_owned(),
    };
    let Some(mut tx) = store.tenant_of(author, claimed.tenant).await? else {
        return Ok(None);
    };
    if !is_issuer(tx.tenant(), &claimed.issuer) {
        return Ok(None);
    }
    let token = standing::read(&mut tx, &claimed.issuer, text).await?;
    let Some(token) = token.filter(is_for_admin) else {
        return Ok(None);
    };
    let Some(Holder::User(rights)) = standing::holder(&mut tx, &token).await? else {
        return Ok(None);
    };
    let role = match rights.admin_role {
        AdminRole::None => return Ok(None),
        AdminRole::Viewer => Role::Viewer,
        AdminRole::Admin => Role::Admin,
    };
    let tenant = tx.tenant().clone();
    tx.commit_unrecorded().await?;
    Ok(Some(Caller {
        name: format!("{}/users/{}", tenant.name(), token.subject),
        token: None,
        clearance: Clearance {
            reach: Reach::Tenant(tenant.uid),
            role,
        },
    }))
}

/// Only this tenant's keys verify the token, so this says no more than which of its addresses it was.
fn is_issuer(tenant: &Tenant, issuer: &str) -> bool {
    issuer == tenant.canonical_origin() || issuer.ends_with(&format!("/t/{}", tenant.slug))
}

fn is_for_admin(token: &AccessToken) -> bool {
    *token.client == *OURS
        && token.audiences.iter().any(|one| **one == *resource::ADMIN)
        && token.scopes.iter().any(|one| **one == *scope::ADMIN)
}
