//! How callers prove who they are: the rules that a tenant's and a server's authenticators share,
//! and the tenant's own, which hold where a server does not say.

use egress::{DialError, Endpoint};
use proto::{
    access::v1::{Authenticator, Authenticators, authenticator::Kind},
    admin::v1,
    name::TenantName,
};
use uuid::Uuid;
use zeroize::Zeroizing;

pub(super) use self::check::check_roles;
use self::check::read;
use super::{
    Actor, Admin, check_etag, digest, etag,
    field::{self, Checks},
};
use crate::{
    error::{Error, Violation},
    store::{OneTenant, Tx, audit::Entry},
    vault::Place,
};

/// The rules.
mod check;

/// Authenticators as given, checked, with what the database does not keep in the open.
#[derive(Default)]
pub(super) struct Given {
    /// Each with its field in the request.
    list: Vec<(String, Kind, Secret)>,
}

/// The shared secret of a JWT issuer, as given.
enum Secret {
    /// The kind has none, or other keys.
    None,
    /// None was given: the one that is stored stays.
    Stored,
    New(Zeroizing<String>),
}

/// Returns the tenant's authenticators.
pub(super) async fn get(
    admin: &Admin,
    actor: &Actor,
    request: &v1::GetAuthenticatorsRequest,
) -> Result<v1::GetAuthenticatorsResponse, Error> {
    let name: TenantName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    Ok(v1::GetAuthenticatorsResponse {
        authenticators: tx.authenticators().await?,
        etag: etag(tx.tenant().revision),
    })
}

/// Replaces the tenant's authenticators.
pub(super) async fn set(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetAuthenticatorsRequest,
) -> Result<v1::SetAuthenticatorsResponse, Error> {
    let name: TenantName = field::name("name", &request.name)?;
    let mut checks = Checks::new();
    let given = Given::read(&mut checks, FIELD, request.authenticators);
    if !checks.found().is_empty() {
        return Err(checks.into_error());
    }
    // The tenant first: whoever may not see it learns nothing of what names resolve to.
    drop(actor.enter(&admin.0.store, &name.tenant, &name).await?);
    if let Some(given) = &given {
        given.vet(admin).await?;
    }

    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let tenant = tx.lock_tenant().await?;
    let tenant = tenant.ok_or_else(|| Error::NotFound(name.to_string()))?;
    check_etag(&request.etag, tenant.revision)?;
    let before = tx.authenticators().await?;
    let after = settle(admin, &mut tx, given, before.as_ref()).await?;
    tx.set_authenticators(after.as_ref()).await?;
    let entry = Entry {
        resource: format!("{name}/authenticators"),
        before: Some(digest_of(before)),
        after: Some(digest_of(after.clone())),
    };
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::SetAuthenticatorsResponse {
        authenticators: after,
        revision: committed.revision,
    })
}

/// There always are some, and be it those that hold where none were set.
fn digest_of(authenticators: Option<Authenticators>) -> [u8; 32] {
    let shown = v1::GetAuthenticatorsResponse {
        authenticators,
        etag: String::new(),
    };
    digest::of("aldgate.admin.v1.GetAuthenticatorsResponse", &shown)
}

impl Given {
    /// Reads authenticators that may be left out.
    pub(super) fn read(
        checks: &mut Checks,
        field: &str,
        given: Option<Authenticators>,
    ) -> Option<Self> {
        given.map(|given| read(checks, field, given))
    }

    /// Refuses issuers at addresses that may not be called. A name that has no address yet is
    /// accepted; every fetch is checked again.
    pub(super) async fn vet(&self, admin: &Admin) -> Result<(), Error> {
        for (field, kind, _) in &self.list {
            let Kind::Jwt(jwt) = kind else { continue };
            if jwt.jwks_uri.is_empty() {
                continue;
            }
            let field = format!("{field}.jwks_uri");
            let endpoint = Endpoint::parse(&jwt.jwks_uri)
                .map_err(|error| Error::invalid(&field, error.to_string()))?;
            match admin.0.dialer.vet(&endpoint.origin).await {
                Err(error @ DialError::Forbidden(_)) => {
                    return Err(Error::invalid(field, error.to_string()));
                }
                Ok(())
                | Err(
                    DialError::Resolve(_)
                    | DialError::Connect(_)
                    | DialError::Tls(_)
                    | DialError::Deadline,
                ) => {}
            }
        }
        Ok(())
    }
}

/// What is to be stored for what was given: new secrets are sealed and stored, those left out stay
/// with their issuer, those no longer named go. The tenant is locked.
pub(super) async fn settle(
    admin: &Admin,
    tx: &mut Tx<OneTenant>,
    given: Option<Given>,
    before: Option<&Authenticators>,
) -> Result<Option<Authenticators>, Error> {
    let after = match given {
        None => None,
        Some(given) => Some(store_secrets(admin, tx, given, before).await?),
    };
    let kept = secrets(after.as_ref());
    let mut gone = secrets(before);
    gone.retain(|secret| !kept.contains(secret));
    tx.delete_jwt_secrets(&gone).await?;
    Ok(after)
}

async fn store_secrets(
    admin: &Admin,
    tx: &mut Tx<OneTenant>,
    given: Given,
    before: Option<&Authenticators>,
) -> Result<Authenticators, Error> {
    let mut list = Vec::with_capacity(given.list.len());
    let mut missing = Vec::new();
    for (field, mut kind, secret) in given.list {
        if let Kind::Jwt(jwt) = &mut kind {
            match secret {
                Secret::None => {}
                Secret::Stored => match stored(before, &jwt.issuer) {
                    Some(uid) => uid.clone_into(&mut jwt.secret_uid),
                    None => missing.push(Violation::new(field, NO_KEYS)),
                },
                Secret::New(value) => {
                    let uid = Uuid::now_v7();
                    let keys = tx.tenant_keys().await?;
                    let place = Place::jwt_secret(tx.tenant().uid, uid);
                    let sealed = admin.0.vault.seal(&keys, &place, value.as_bytes())?;
                    tx.insert_jwt_secret(uid, &sealed).await?;
                    jwt.secret_uid = uid.to_string();
                }
            }
        }
        list.push(Authenticator { kind: Some(kind) });
    }
    if !missing.is_empty() {
        return Err(Error::Invalid(missing));
    }
    Ok(Authenticators {
        list,
        provider: String::new(),
    })
}

/// The secret that is stored for an issuer.
fn stored<'a>(before: Option<&'a Authenticators>, issuer: &str) -> Option<&'a str> {
    let mut list = before?.list.iter();
    list.find_map(|authenticator| match &authenticator.kind {
        Some(Kind::Jwt(jwt)) if jwt.issuer == issuer && !jwt.secret_uid.is_empty() => {
            Some(jwt.secret_uid.as_str())
        }
        _ => None,
    })
}

/// The secrets that authenticators name.
pub(super) fn secrets(authenticators: Option<&Authenticators>) -> Vec<Uuid> {
    let list = authenticators.map_or(&[][..], |authenticators| &authenticators.list);
    list.iter()
        .filter_map(|authenticator| match &authenticator.kind {
            Some(Kind::Jwt(jwt)) => jwt.secret_uid.parse().ok(),
            _ => None,
        })
        .collect()
}

const FIELD: &str = "authenticators";
const NO_KEYS: &str = "needs exactly one of `jwks_uri`, `jwks` and `secret`; no secret is stored for \
                       this issuer";
