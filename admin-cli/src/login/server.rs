//! A tenant's authorization server, as its metadata describes it (RFC 8414).

use serde_json::Value;
use url::Url;

use crate::{
    failure::Failure,
    web::{Ask, Web},
};

/// Where its endpoints are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) revocation_endpoint: Option<String>,
    /// Whether every answer names the issuer (RFC 9207).
    pub(super) names_itself: bool,
}

impl Server {
    /// Asks the tenant's address for it.
    pub(super) async fn discover(web: &Web, tenant_url: &str) -> Result<Self, Failure> {
        let issuer = tenant_url.trim_end_matches('/');
        let url = well_known(issuer)?;
        let answer = web.send(&Ask::get(&url)).await?;
        let metadata = answer.json().filter(|_| answer.status.is_success());
        let metadata = metadata.ok_or_else(|| {
            Failure::Usage(format!(
                "--tenant-url: {url} holds no metadata of an authorization server (status {}); use the tenant's canonical address, as `aldgate tenant get` shows it",
                answer.status.as_u16()
            ))
        })?;
        Self::read(issuer, &metadata)
    }

    fn read(issuer: &str, metadata: &Value) -> Result<Self, Failure> {
        let text = |name: &str| metadata[name].as_str().map(str::to_owned);
        let required = |name: &str| {
            text(name)
                .ok_or_else(|| Failure::SignIn(format!("the metadata of {issuer} lacks `{name}`")))
        };
        let named = required("issuer")?;
        if named != issuer {
            return Err(Failure::SignIn(format!(
                "the authorization server at {issuer} calls itself {named}; use that as --tenant-url"
            )));
        }
        Ok(Self {
            issuer: named,
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            device_authorization_endpoint: text("device_authorization_endpoint"),
            revocation_endpoint: text("revocation_endpoint"),
            names_itself: metadata["authorization_response_iss_parameter_supported"] == true,
        })
    }
}

/// Where the metadata of an issuer is: before its path.
fn well_known(issuer: &str) -> Result<String, Failure> {
    let wrong =
        || Failure::Usage("--tenant-url: not a URL such as https://acme.example.com".into());
    let mut url: Url = issuer.parse().map_err(|_| wrong())?;
    if url.cannot_be_a_base() {
        return Err(wrong());
    }
    let path = match url.path() {
        "/" => "/.well-known/oauth-authorization-server".to_owned(),
        path => format!("/.well-known/oauth-authorization-server{path}"),
    };
    url.set_path(&path);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_place_stands_before_the_path() {
        for (issuer, url) in [
            (
                "https://acme.test",
                "https://acme.test/.well-known/oauth-authorization-server",
            ),
            (
                "https://gw.test/t/acme",
                "https://gw.test/.well-known/oauth-authorization-server/t/acme",
            ),
        ] {
            assert_eq!(well_known(issuer).unwrap(), url);
        }
        assert!(well_known("acme").is_err());
    }

    #[test]
    fn another_issuer_is_refused() {
        let metadata = serde_json::json!({
            "issuer": "https://evil.test",
            "authorization_endpoint": "https://evil.test/authorize",
            "token_endpoint": "https://evil.test/token",
        });
        assert!(Server::read("https://evil.test", &metadata).is_ok());
        assert!(Server::read("https://acme.test", &metadata).is_err());
    }
}
