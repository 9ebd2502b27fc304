//! Puts the server's credential into a request. It goes to the one origin it was stored for, or
//! nowhere (security.md D5).

use http::HeaderMap;

use super::UpstreamError;
use crate::{config::lease::Lease, policy::Permit};

/// Sets the credential's header; nothing for a server without one.
pub(super) fn attach(permit: &Permit, headers: &mut HeaderMap) -> Result<(), UpstreamError> {
    match permit.lease() {
        None => Ok(()),
        Some(lease) => attach_for(lease, &permit.server().endpoint.origin, headers),
    }
}

fn attach_for(
    lease: &Lease,
    origin: &egress::Origin,
    headers: &mut HeaderMap,
) -> Result<(), UpstreamError> {
    if lease.origin != *origin {
        return Err(UpstreamError::CredentialOrigin);
    }
    if let Some((name, value)) = lease.header() {
        headers.insert(name.clone(), value.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use egress::Endpoint;
    use http::header::AUTHORIZATION;

    use super::*;

    /// CL-06, at the last moment before sending.
    #[test]
    fn a_credential_goes_to_its_own_origin_only() {
        let origin = |url: &str| Endpoint::parse(url).unwrap().origin;
        let lease = Lease::new(
            1,
            (AUTHORIZATION, b"Bearer CANARY"),
            origin("https://a.test/mcp"),
            SystemTime::UNIX_EPOCH,
        )
        .unwrap();

        let mut headers = HeaderMap::new();
        attach_for(&lease, &origin("https://a.test/other"), &mut headers).unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer CANARY");
        assert!(headers[AUTHORIZATION].is_sensitive());

        for other in [
            "https://b.test/mcp",
            "http://a.test/mcp",
            "https://a.test:444/mcp",
        ] {
            let mut headers = HeaderMap::new();
            let outcome = attach_for(&lease, &origin(other), &mut headers);
            assert!(
                matches!(outcome, Err(UpstreamError::CredentialOrigin)),
                "{other}"
            );
            assert!(headers.is_empty());
        }
    }
}
