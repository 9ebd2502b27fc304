//! What calls with certain static tokens carry to a server. A token whose headers do not open, or were
//! set for another origin, is left out: calls with it fail on the node, all others go on.

use prost::{Message as _, bytes::Bytes};
use proto::{
    id::{StaticTokenUid, TenantUid},
    node::v1::{TokenHeader, TokenHeaders},
};

use crate::{
    store::static_token::Name,
    sync::{rows::TokenHeadersRow, state::ServerAccess},
    vault::{Place, Unreadable, Vault, WrappedTenantKey},
};

/// The switched-on headers of each token that has any for this origin.
pub(super) fn of(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[WrappedTenantKey],
    access: &ServerAccess,
    origin: &str,
) -> Vec<TokenHeaders> {
    let attached = access
        .token_headers
        .iter()
        .filter(|row| row.headers_origin == origin);
    attached
        .filter_map(|row| {
            let headers = open(vault, tenant, keys, access, row);
            headers.unwrap_or_else(|Unreadable| {
                metrics::counter!("aldgate_token_headers_unreadable_total").increment(1);
                tracing::error!(
                    server.id = %access.server,
                    token.id = %row.static_token_id,
                    "the headers of a static token cannot be leased"
                );
                None
            })
        })
        .collect()
}

fn open(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[WrappedTenantKey],
    access: &ServerAccess,
    row: &TokenHeadersRow,
) -> Result<Option<TokenHeaders>, Unreadable> {
    let names: Vec<Name> = serde_json::from_value(row.headers.clone()).map_err(|_| Unreadable)?;
    if !names.iter().any(|name| name.passthrough) {
        return Ok(None);
    }
    let token = StaticTokenUid::from_uuid(row.static_token_id);
    let place = Place::headers(
        tenant,
        token,
        row.headers_generation.cast_unsigned(),
        access.server,
        &row.headers_origin,
    );
    let sealed = row.headers_sealed.as_deref().ok_or(Unreadable)?;
    let plain = vault.open(keys, &place, sealed)?;
    // The values are slices of the one buffer, which is wiped with the last of them.
    let stored = TokenHeaders::decode(Bytes::from_owner(plain)).map_err(|_| Unreadable)?;
    let value = |name: &str| stored.headers.iter().find(|header| header.name == name);
    let headers: Option<Vec<TokenHeader>> = names
        .iter()
        .filter(|name| name.passthrough)
        .map(|name| value(&name.name).cloned())
        .collect();
    Ok(Some(TokenHeaders {
        token_uid: token.to_string(),
        headers: headers.ok_or(Unreadable)?,
    }))
}
