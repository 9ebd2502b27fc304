//! What clients find out about a tenant's authorization server (RFC 8414, OpenID Connect Discovery).
//! It is there under the issuer alone: an alias must not tell of an issuer that is not its own.

use axum::{
    Extension, Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, header::CACHE_CONTROL};
use proto::access::v1::DocumentPolicy;
use serde_json::{Value, json};

use super::{
    client::{AUTHORIZATION_CODE, AuthMethod, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN},
    fault::Fault,
    issuer::{Found, Issuer},
    rules::Rules,
    scope,
};
use crate::auth::{Desk, Visit, problem::Problem};

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(oauth))
        .route("/.well-known/openid-configuration", get(openid))
}

async fn oauth(State(desk): State<Desk>, Extension(visit): Extension<Visit>) -> Response {
    answer(&desk, &visit, document).await
}

async fn openid(State(desk): State<Desk>, Extension(visit): Extension<Visit>) -> Response {
    answer(&desk, &visit, openid_document).await
}

async fn answer(desk: &Desk, visit: &Visit, what: fn(&Issuer, &Rules) -> Value) -> Response {
    match found(desk, visit).await {
        Ok(Some((issuer, rules))) => {
            let mut response = Json(what(&issuer, &rules)).into_response();
            let fresh = HeaderValue::from_static("public, max-age=300");
            response.headers_mut().insert(CACHE_CONTROL, fresh);
            response
        }
        Ok(None) => Problem::Path.into_response(),
        Err(fault) => fault.into_response(),
    }
}

/// The authorization server, where it was called by its own address.
async fn found(desk: &Desk, visit: &Visit) -> Result<Option<(Issuer, Rules)>, Fault> {
    let Some(tx) = desk.enter(visit, "oauth.metadata").await? else {
        return Ok(None);
    };
    let issuer = Issuer::of(tx.tenant(), visit);
    match issuer.found() {
        Found::Alias(_) => Ok(None),
        Found::Canonical => {
            let rules = Rules::of(tx.oauth_settings()?);
            Ok(Some((issuer, rules)))
        }
    }
}

/// RFC 8414 §2. What is off is left out: some clients read `null` as a mistake.
fn document(issuer: &Issuer, rules: &Rules) -> Value {
    let methods = AuthMethod::ALL.map(AuthMethod::as_str);
    let mut document = json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": issuer.url("/authorize"),
        "token_endpoint": issuer.url("/token"),
        "revocation_endpoint": issuer.url("/revoke"),
        "introspection_endpoint": issuer.url("/introspect"),
        "device_authorization_endpoint": issuer.url("/device_authorization"),
        "jwks_uri": issuer.url("/jwks"),
        "scopes_supported": scope::published(rules),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported":
            [AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS, DEVICE_CODE],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": methods[1..],
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": rules.documents != DocumentPolicy::Off,
        "service_documentation": issuer.url("/"),
    });
    if rules.dynamic {
        document["registration_endpoint"] = issuer.url("/register").into();
    }
    document
}

/// The same for those who look for an identity provider, with what their readers insist on.
fn openid_document(issuer: &Issuer, rules: &Rules) -> Value {
    let mut document = document(issuer, rules);
    document["subject_types_supported"] = json!(["public"]);
    document["id_token_signing_alg_values_supported"] = json!(["ES256"]);
    document
}

const ALGORITHMS: [&str; 2] = ["RS256", "ES256"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::issuer::tests::at;

    /// ASM-2, ASM-4, ASM-5, A11: golden.
    #[test]
    fn the_document_says_all_that_clients_ask_for_and_no_null() {
        let issuer = at("https://acme.test");
        let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let plain = document(&issuer, &Rules::default());
        insta::assert_snapshot!(text(&plain));
        let openid = openid_document(&issuer, &Rules::default());
        assert!(!text(&openid).contains("null"));
        for (name, value) in plain.as_object().unwrap() {
            assert_eq!(&openid[name], value);
        }
        assert_eq!(openid["subject_types_supported"], json!(["public"]));
    }

    #[test]
    fn what_is_off_is_not_offered() {
        let rules = Rules {
            dynamic: false,
            documents: DocumentPolicy::Off,
            ..Rules::default()
        };
        let document = document(&at("https://gw.test/t/acme"), &rules);
        assert_eq!(document.get("registration_endpoint"), None);
        assert_eq!(document["client_id_metadata_document_supported"], false);
        assert_eq!(document["issuer"], "https://gw.test/t/acme");
        assert_eq!(document["token_endpoint"], "https://gw.test/t/acme/token");
    }
}
