//! What a request to a server presents: the stored credential, the caller's own where that may go on,
//! and the headers of its static token. What is stored goes to the one origin it was stored for, or
//! nowhere (security.md D5); what is ours never leaves.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, Entry, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

use super::UpstreamError;
use crate::{
    authn::{Caller, Forwarding, Presented},
    config::{
        lease::{Header, Lease},
        snapshot::{EgressMode, Server},
    },
    policy::Grant,
};

/// Sets the headers. Where two have one name, the stored credential counts before the headers of a
/// static token, and those before what the caller brought.
pub(super) fn attach(grant: &Grant, headers: &mut HeaderMap) -> Result<(), UpstreamError> {
    let (caller, server) = (grant.caller(), &**grant.server());
    if let Some(lease) = grant.lease() {
        let lease = for_origin(lease, &server.endpoint.origin)?;
        if let (EgressMode::Shared, Some(stored)) = (server.egress, lease.header()) {
            set(headers, stored);
        }
    }
    if let Some(token) = caller.static_token().filter(|token| token.has_headers) {
        let lease = grant.lease();
        let own = lease.and_then(|lease| lease.token_headers(token.uid));
        // Without them there was no grant.
        for header in own.unwrap_or_default() {
            set(headers, header);
        }
    }
    if let Some(Presented { header, value }) = forwarded(caller, server) {
        set(headers, &(header.clone(), value.clone()));
    }
    Ok(())
}

fn for_origin<'a>(lease: &'a Lease, origin: &egress::Origin) -> Result<&'a Lease, UpstreamError> {
    if lease.origin == *origin {
        Ok(lease)
    } else {
        Err(UpstreamError::CredentialOrigin)
    }
}

/// The caller's own credential, where it goes on (S0-3): a static token that an operator said so of,
/// or, instead of the stored credential, a token that was issued for this very server.
fn forwarded<'a>(caller: &'a Caller, server: &Server) -> Option<&'a Presented> {
    let goes_on = match (server.egress, caller.forwarding()) {
        (EgressMode::None, _)
        | (EgressMode::Shared, Forwarding::Audience(_))
        | (_, Forwarding::Never) => false,
        (EgressMode::Shared | EgressMode::Passthrough, Forwarding::Always) => true,
        (EgressMode::Passthrough, Forwarding::Audience(audiences)) => is_for(audiences, server),
    };
    caller.presented().filter(|_| goes_on)
}

/// Whether one of the audiences is the server's URL or its origin, letter for letter.
fn is_for(audiences: &[Box<str>], server: &Server) -> bool {
    let origin = &server.endpoint.origin;
    let origin = format!("{}://{}", origin.scheme().as_str(), origin.authority());
    audiences
        .iter()
        .any(|audience| **audience == *server.url || **audience == *origin)
}

/// Sets a header that is not set yet. One that frames the request is nobody's credential.
fn set(headers: &mut HeaderMap, (name, value): &Header) {
    if FRAMING.contains(name) {
        return;
    }
    if let Entry::Vacant(vacant) = headers.entry(name) {
        let mut value: HeaderValue = value.clone();
        value.set_sensitive(true);
        vacant.insert(value);
    }
}

const FRAMING: [HeaderName; 6] = [
    CONNECTION,
    CONTENT_LENGTH,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

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

        let own = for_origin(&lease, &origin("https://a.test/other")).unwrap();
        let mut headers = HeaderMap::new();
        set(&mut headers, own.header().unwrap());
        assert_eq!(headers[AUTHORIZATION], "Bearer CANARY");
        assert!(headers[AUTHORIZATION].is_sensitive());

        for other in [
            "https://b.test/mcp",
            "http://a.test/mcp",
            "https://a.test:444/mcp",
        ] {
            let outcome = for_origin(&lease, &origin(other));
            assert!(
                matches!(outcome, Err(UpstreamError::CredentialOrigin)),
                "{other}"
            );
        }
    }
}
