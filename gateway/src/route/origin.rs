//! Which web pages may call, and what their browsers may read (design.md §4, mcp.md §1.11). A
//! request without `Origin` does not come from a page and passes.

use http::{
    HeaderMap, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
    },
};

use crate::{config::snapshot::Tenant, error::Error};

/// Which page may read the reply.
#[derive(Debug, Clone)]
pub enum Cors {
    /// Any, because nothing in the reply depends on who asks; no browser sends cookies then.
    Everybody,
    /// Those of this origin.
    Origin(HeaderValue),
}

impl Cors {
    /// Lets the page read the reply and the headers it needs.
    pub fn expose(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        let origin = match self {
            Self::Everybody => ANY,
            Self::Origin(origin) => {
                headers.append(VARY, BY_ORIGIN);
                origin.clone()
            }
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// Completes the answer to a preflight: the headers that may be sent, those `Mcp-Param-*` included
/// that the page asks for, since no wildcard for a part of a name exists.
pub fn allow(request: &HeaderMap, reply: &mut HeaderMap) {
    let asked = request
        .get(ACCESS_CONTROL_REQUEST_HEADERS)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut allowed = String::from(SENDABLE);
    let parameters = asked
        .split(',')
        .map(str::trim)
        .filter(|name| is_parameter(name));
    for name in parameters.take(16) {
        allowed.push_str(", ");
        allowed.push_str(name);
    }
    let value = HeaderValue::from_str(&allowed).expect("header names are header values");
    reply.insert(ACCESS_CONTROL_ALLOW_HEADERS, value);
}

/// The calling page's origin, if it is one of the tenant's own, of `own`, or allowed by the tenant.
pub(super) fn check(
    headers: &HeaderMap,
    tenant: Option<&Tenant>,
    own: Option<&str>,
) -> Result<Option<Cors>, Error> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(value) = origins.next() else {
        return Ok(None);
    };
    let origin = value.to_str().map_err(|_| Error::ForeignOrigin)?;
    let known =
        own == Some(origin) || tenant.is_some_and(|tenant| tenant.is_own_or_allowed_origin(origin));
    if known && origins.next().is_none() {
        Ok(Some(Cors::Origin(value.clone())))
    } else {
        Err(Error::ForeignOrigin)
    }
}

fn is_parameter(name: &str) -> bool {
    name.get(..PARAMETER.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PARAMETER))
        && name.len() <= 80
        && http::HeaderName::try_from(name).is_ok()
}

const PARAMETER: &str = "mcp-param-";
const SENDABLE: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID";
const ANY: HeaderValue = HeaderValue::from_static("*");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version");
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_may_name_parameters_and_nothing_else() {
        let mut request = HeaderMap::new();
        let asked = "mcp-param-region, x-evil, Mcp-Param-A b, authorization";
        request.insert(
            ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static(asked),
        );
        let mut reply = HeaderMap::new();
        allow(&request, &mut reply);
        let allowed = reply[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert_eq!(allowed, format!("{SENDABLE}, mcp-param-region"));
    }
}
