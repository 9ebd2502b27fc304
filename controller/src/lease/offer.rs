//! From a sealed row to what a node attaches to its calls. The plain value is wiped when the message
//! that carries it is dropped; the encoder's and the connection's buffers are beyond us.

use std::time::SystemTime;

use http::HeaderName;
use prost::bytes::Bytes;
use proto::{
    id::TenantUid,
    node::v1::{Lease, Refusal},
    sync::v1::AuthScheme as Scheme,
};
use zeroize::Zeroizing;

use super::token_headers;
use crate::{
    sync::{rows::TenantKeyRow, state::ServerAccess},
    vault::{AuthScheme, SealedCredential, Vault, WrappedTenantKey},
};

/// What a node gets for a server that has a credential.
#[derive(Debug)]
pub(super) enum Offer {
    Lease(Lease),
    Refusal(Refusal),
}

/// Why a credential cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It does not open, or there is none of this generation.
    Unreadable,
    /// It was given for another origin than the server's URL has.
    OriginMismatch,
    /// Its header is none.
    InvalidField,
}

impl Reason {
    fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "CREDENTIAL_UNREADABLE",
            Self::OriginMismatch => "CREDENTIAL_ORIGIN_MISMATCH",
            Self::InvalidField => "INVALID_FIELD",
        }
    }
}

/// Opens a server's credential for a node.
pub(super) fn offer(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[TenantKeyRow],
    access: &ServerAccess,
    not_after: SystemTime,
) -> Offer {
    match lease(vault, tenant, keys, access, not_after) {
        Ok(lease) => Offer::Lease(lease),
        Err(reason) => Offer::Refusal(Refusal {
            server_uid: access.server.to_string(),
            generation: access.generation,
            reason: reason.code().to_owned(),
        }),
    }
}

fn lease(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[TenantKeyRow],
    access: &ServerAccess,
    not_after: SystemTime,
) -> Result<Lease, Reason> {
    let keys = wrapped(keys);
    let endpoint = egress::Endpoint::parse(&access.url).map_err(|_| Reason::OriginMismatch)?;
    let origin = endpoint.origin.to_string();
    let (header_name, header_value) = if access.presents {
        credential(vault, tenant, &keys, access, &origin)?
    } else {
        (String::new(), Bytes::new())
    };
    Ok(Lease {
        server_uid: access.server.to_string(),
        tenant_uid: tenant.to_string(),
        generation: access.generation,
        header_name,
        header_value,
        token_headers: token_headers::of(vault, tenant, &keys, access, &origin),
        origin,
        not_after: Some(not_after.into()),
    })
}

/// The header that every call carries, and its value.
fn credential(
    vault: &Vault,
    tenant: TenantUid,
    keys: &[WrappedTenantKey],
    access: &ServerAccess,
    origin: &str,
) -> Result<(String, Bytes), Reason> {
    let (scheme, header) = match access.scheme {
        Scheme::Bearer => (AuthScheme::Bearer, "authorization"),
        Scheme::ApiKey => (AuthScheme::ApiKey, access.header.as_str()),
        Scheme::None | Scheme::Unspecified => return Err(Reason::Unreadable),
    };
    let row = access
        .credential
        .as_ref()
        .filter(|row| row.generation.cast_unsigned() == access.auth_generation)
        .ok_or(Reason::Unreadable)?;
    if origin != row.origin {
        return Err(Reason::OriginMismatch);
    }
    let header_name: HeaderName = header.parse().map_err(|_| Reason::InvalidField)?;
    let sealed = SealedCredential {
        tenant,
        server: access.server,
        generation: access.auth_generation,
        origin: row.origin.clone(),
        scheme,
        sealed: row.sealed.clone(),
    };
    let value = vault
        .open_credential(keys, &sealed)
        .map_err(|_| Reason::Unreadable)?;
    let value = Bytes::from_owner(presented(scheme, value));
    Ok((header_name.as_str().to_owned(), value))
}

fn presented(scheme: AuthScheme, value: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    match scheme {
        AuthScheme::Bearer => {
            // Grown to its size at once: a reallocation would leave a copy behind.
            let mut header = Zeroizing::new(Vec::with_capacity(BEARER.len() + value.len()));
            header.extend_from_slice(BEARER);
            header.extend_from_slice(&value);
            header
        }
        AuthScheme::ApiKey | AuthScheme::None => value,
    }
}

/// The rows as the vault takes them. A version that no key ever had opens nothing.
pub(super) fn wrapped(keys: &[TenantKeyRow]) -> Vec<WrappedTenantKey> {
    keys.iter()
        .filter_map(|row| {
            Some(WrappedTenantKey {
                tenant: TenantUid::from_uuid(row.tenant_id),
                key_id: row.key_id,
                version: row.version.try_into().ok()?,
                kek_id: row.kek_id.clone(),
                wrapped: row.wrapped.clone(),
            })
        })
        .collect()
}

const BEARER: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests;
