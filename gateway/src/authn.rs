//! Who: the API key a client presents → [`Caller`]. It looks at the `Authorization` header and
//! nothing else, before any body is read; a key in the URL does not exist for us.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, header::AUTHORIZATION};
use proto::id::ServerUid;
use token::ApiKey;
use uuid::Uuid;

use crate::{
    config::snapshot::{Key, Tenant},
    error::Error,
    limit::Gauge,
    route::Target,
};

/// Somebody with a valid key of the tenant. Only [`authenticate`] makes one.
#[derive(Clone)]
pub struct Caller {
    tenant: Arc<Tenant>,
    key: Arc<Key>,
}

impl Caller {
    /// The tenant whose key it is.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The principal's id, to which sessions are bound.
    pub fn principal(&self) -> Uuid {
        self.key.uid.uuid()
    }

    /// The key's name, for the record.
    pub fn key(&self) -> &str {
        self.key.slug.as_str()
    }

    /// What the principal has open.
    pub fn gauge(&self) -> &Arc<Gauge> {
        self.key.gauge()
    }

    /// Whether the key opens this server.
    pub fn opens(&self, server: ServerUid) -> bool {
        self.key.servers.contains(server)
    }
}

/// Finds the caller. Unknown, disabled, expired and foreign keys fail alike.
pub fn authenticate(
    target: &Target,
    headers: &HeaderMap,
    now: SystemTime,
) -> Result<Caller, Error> {
    let presented = presented(headers)?.ok_or(Error::NoCredential)?;
    let tenant = target.tenant().ok_or(Error::InvalidCredential)?;
    let hash = ApiKey::lookup(presented).map_err(|_| Error::InvalidCredential)?;
    let key = tenant
        .key(&hash)
        .filter(|key| !key.disabled && key.expires.is_none_or(|expires| now < expires))
        .ok_or(Error::InvalidCredential)?;
    Ok(Caller {
        tenant: Arc::clone(tenant),
        key: Arc::clone(key),
    })
}

/// The text after `Bearer `, if there is exactly one such line (RFC 6750 §2.1; the scheme's case
/// does not matter, RFC 9110 §11.1). Another scheme is a credential we do not know.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(Error::TwoCredentials);
    }
    let line = line.to_str().map_err(|_| Error::InvalidCredential)?;
    match line.split_once(' ') {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(credential)),
        _ => Err(Error::InvalidCredential),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// HN-14, HN-16, TK-10.
    #[test]
    fn exactly_one_bearer_line_presents_a_credential() {
        for good in ["Bearer x", "bearer x", "BEARER x"] {
            let headers = lines(&[good]);
            assert_eq!(presented(&headers).unwrap(), Some("x"), "{good}");
        }
        assert!(presented(&lines(&[])).unwrap().is_none());
        for bad in ["Bearer", "Basic eDp5", "x", "", "Bearerx"] {
            let headers = lines(&[bad]);
            let outcome = presented(&headers);
            assert!(matches!(outcome, Err(Error::InvalidCredential)), "{bad}");
        }
        let headers = lines(&["Bearer x", "Bearer x"]);
        assert!(matches!(presented(&headers), Err(Error::TwoCredentials)));
    }

    /// HN-16: what follows the scheme is taken whole, so no part of a list can match.
    #[test]
    fn a_list_of_credentials_is_no_key() {
        let key = ApiKey::generate();
        assert!(ApiKey::parse(key.expose()).is_ok());
        for bad in [
            format!("{0}, Bearer {0}", key.expose()),
            format!(" {}", key.expose()),
            format!("{} x", key.expose()),
        ] {
            let headers = lines(&[&format!("Bearer {bad}")]);
            let text = presented(&headers).unwrap().unwrap();
            assert!(ApiKey::parse(text).is_err(), "{bad}");
        }
    }

    fn lines(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()))
            .collect()
    }
}
