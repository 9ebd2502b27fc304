//! Where to before: the metadata of an MCP URL (RFC 9728), which tells clients where to get a token for
//! it. It is computed from the URL, so a server that does not exist has it like any other.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

use crate::{
    authn,
    error::Error,
    route::Target,
    upstream::{Answer, Content},
};

/// Answers a request for the metadata of this MCP URL, which there is where clients may come with a
/// token of the tenant's authorization server.
pub(crate) fn answer(target: &Target, method: &Method) -> Result<Answer, Error> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed);
    }
    if !authn::authenticators(target).has_oauth() {
        return Err(Error::UnknownPath);
    }
    let mut response = Response::new(Content::Whole(document(target)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, ONE_HOUR);
    Ok(Answer {
        response,
        slot: None,
    })
}

/// PRM-2 to PRM-5: clients compare `resource` with what their user typed, read the first issuer alone,
/// and ask for all scopes that stand here. There is no `null` in it.
fn document(target: &Target) -> Bytes {
    let mut document = Map::new();
    document.insert("resource".into(), target.url().into());
    document.insert("authorization_servers".into(), json!([target.issuer()]));
    document.insert("scopes_supported".into(), json!([authn::SCOPE]));
    document.insert("bearer_methods_supported".into(), json!(["header"]));
    if let Some(tenant) = target.tenant()
        && !tenant.look.tenant.is_empty()
    {
        document.insert("resource_name".into(), tenant.look.tenant.as_str().into());
    }
    Value::Object(document).to_string().into()
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ONE_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
