//! Grants: what users allowed clients. They are made by users alone; ending one is a revocation.

use proto::{
    admin::v1,
    id::{ClientUid, GrantUid, UserUid},
    name::{ClientName, GrantName, Slug, TenantName, UserName},
};
use url::Url;

use super::{Actor, Admin, field, last, page::List, timestamp};
use crate::{
    error::Error,
    store::{
        OneTenant, Tx,
        grant::{Connection, Wanted},
        tenant::Tenant,
    },
};

pub(super) async fn get(
    admin: &Admin,
    actor: &Actor,
    request: &v1::GetGrantRequest,
) -> Result<v1::GetGrantResponse, Error> {
    let name: GrantName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let missing = || Error::NotFound(name.to_string());
    let grant: GrantUid = name.grant.as_str().parse().map_err(|_| missing())?;
    let wanted = Wanted {
        grant: Some(grant),
        ended: true,
        limit: 1,
        ..Wanted::default()
    };
    let found = tx.connections(&wanted).await?;
    let found = found.first().ok_or_else(missing)?;
    Ok(v1::GetGrantResponse {
        grant: Some(view(tx.tenant(), found)),
    })
}

pub(super) async fn list(
    admin: &Admin,
    actor: &Actor,
    request: &v1::ListGrantsRequest,
) -> Result<v1::ListGrantsResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let list = List {
        of: "grants.list",
        parent: &request.parent,
    };
    let pages = &admin.0.pages;
    let page = pages.read(list, request.page_size, &request.page_token)?;
    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let wanted = Wanted {
        grant: None,
        user: user(&mut tx, &parent.tenant, &request.user).await?,
        client: client(&mut tx, &parent.tenant, &request.client).await?,
        before: page.after.parse().ok(),
        ended: request.show_ended,
        limit: page.limit(),
    };
    let found = tx.connections(&wanted).await?;
    let mut grants: Vec<_> = found.iter().map(|one| view(tx.tenant(), one)).collect();
    let next_page_token = pages.cut(list, &page, &mut grants, |grant| last(&grant.name));
    Ok(v1::ListGrantsResponse {
        grants,
        next_page_token,
    })
}

/// The user that the list is narrowed to.
async fn user(tx: &mut Tx<OneTenant>, tenant: &Slug, text: &str) -> Result<Option<UserUid>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let name: UserName = field::name("user", text)?;
    let found = if name.tenant == *tenant {
        tx.user(&name.user).await?
    } else {
        None
    };
    let found = found.ok_or_else(|| Error::NotFound(text.to_owned()))?;
    Ok(Some(found.uid))
}

/// The client that the list is narrowed to.
async fn client(
    tx: &mut Tx<OneTenant>,
    tenant: &Slug,
    text: &str,
) -> Result<Option<ClientUid>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let name: ClientName = field::name("client", text)?;
    let found = if name.tenant == *tenant {
        tx.client(&name.client).await?
    } else {
        None
    };
    let found = found.ok_or_else(|| Error::NotFound(text.to_owned()))?;
    Ok(Some(found.uid))
}

fn view(tenant: &Tenant, found: &Connection) -> v1::Grant {
    let name = tenant.name();
    let grant = &found.grant;
    v1::Grant {
        name: format!("{name}/grants/{}", grant.uid),
        user: format!("{name}/users/{}", found.user_slug),
        client: format!("{name}/clients/{}", found.client_slug),
        client_display_name: found.client_name.clone(),
        redirect_host: host(&grant.redirect_origin),
        resources: grant.resources.clone(),
        scopes: grant.scopes.clone(),
        create_time: Some(timestamp(grant.created_at)),
        last_used_time: grant.last_used_at.map(timestamp),
        expire_time: Some(timestamp(grant.ends_at())),
        revoke_time: grant.revoked_at.map(timestamp),
        revoke_reason: grant.revoke_reason.clone(),
    }
}

/// What people recognise of where the codes went.
fn host(origin: &str) -> String {
    let url = Url::parse(origin).ok();
    let host = url.as_ref().and_then(Url::host_str);
    host.unwrap_or(origin).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_shown_and_a_scheme_where_there_is_none() {
        for (origin, shown) in [
            ("https://claude.ai", "claude.ai"),
            ("http://127.0.0.1", "127.0.0.1"),
            ("cursor:", "cursor:"),
            ("", ""),
        ] {
            assert_eq!(host(origin), shown);
        }
    }
}
