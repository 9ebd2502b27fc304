//! Hints for operators: what well-known services call their credentials, and where one is made. They
//! are data, in `hint/services.yaml`; nothing about a service is looked up.
//!
//! Only the host of a server's URL is looked at (S4-16 says the URL): a path or a query is whatever
//! somebody wrote there, and a hint for the wrong service would have a credential sent to it.

use std::sync::LazyLock;

use proto::admin::v1::{self, hint_service_server::HintService};
use serde::Deserialize;
use tonic::{Request, Response, Status};
use url::Url;

use super::{Admin, called};
use crate::error::Error;

#[tonic::async_trait]
impl HintService for Admin {
    async fn get_credential_hint(
        &self,
        request: Request<v1::GetCredentialHintRequest>,
    ) -> Result<Response<v1::GetCredentialHintResponse>, Status> {
        let (_, request) = called(request)?;
        let hint = find(&request.url)?;
        Ok(Response::new(v1::GetCredentialHintResponse {
            hint: Some(hint),
        }))
    }
}

/// A service that is recognised by its host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    #[serde(rename = "service")]
    name: String,
    hosts: Vec<String>,
    credential: String,
    location: String,
    url: String,
    #[serde(default)]
    note: String,
}

/// The hint for a server's URL; a generic one where nothing is known about its host.
fn find(url: &str) -> Result<v1::CredentialHint, Error> {
    let invalid = || Error::invalid("url", "must be the URL of a server, with its scheme");
    let url = Url::parse(url).map_err(|_| invalid())?;
    let host = url.host_str().ok_or_else(invalid)?.to_lowercase();
    let knows = |service: &&Service| service.hosts.iter().any(|part| host.contains(part));
    Ok(SERVICES
        .iter()
        .find(knows)
        .map_or_else(generic, Service::hint))
}

impl Service {
    fn hint(&self) -> v1::CredentialHint {
        v1::CredentialHint {
            service: self.name.clone(),
            credential: self.credential.clone(),
            location: self.location.clone(),
            url: self.url.clone(),
            note: self.note.clone(),
        }
    }
}

fn generic() -> v1::CredentialHint {
    v1::CredentialHint {
        credential: "API key or access token".to_owned(),
        location: "The account or developer settings of the service".to_owned(),
        ..v1::CredentialHint::default()
    }
}

static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    serde_norway::from_str(include_str!("hint/services.yaml")).expect("a test reads it")
});

#[cfg(test)]
mod tests {
    use super::*;

    /// S4-15, S4-16.
    #[test]
    fn twelve_services_are_recognised_by_their_hosts() {
        for (url, service, credential) in [
            ("https://mcp.honeycomb.io/mcp", "Honeycomb", "API Key"),
            (
                "https://API.GitHubCopilot.com/mcp/",
                "GitHub",
                "Personal Access Token",
            ),
            ("https://mcp.sentry.dev/mcp", "Sentry", "Auth Token"),
            ("https://mcp.linear.app/mcp", "Linear", "API Key"),
            ("https://mcp.notion.com/mcp", "Notion", "Integration Token"),
            ("https://mcp.slack.com/mcp", "Slack", "Bot/User Token"),
            (
                "https://x.grafana.net/mcp",
                "Grafana",
                "Service Account Token",
            ),
            (
                "https://gitlab.com/api/v4/mcp",
                "GitLab",
                "Personal Access Token",
            ),
            ("https://mcp.atlassian.com/v1/mcp", "Jira", "API Token"),
            ("https://mcp.cloudflare.com/mcp", "Cloudflare", "API Token"),
            ("https://mcp.datadoghq.com/mcp", "Datadog", "API Key"),
            ("https://mcp.pagerduty.com/mcp", "PagerDuty", "API Key"),
        ] {
            let hint = find(url).unwrap();
            assert_eq!(
                (&*hint.service, &*hint.credential),
                (service, credential),
                "{url}"
            );
            assert!(hint.url.starts_with("https://") && !hint.location.is_empty());
        }
        assert_eq!(SERVICES.len(), 12);
        let notes = SERVICES.iter().filter(|service| !service.note.is_empty());
        assert_eq!(notes.count(), 4);
    }

    /// S4-17.
    #[test]
    fn an_unknown_host_gets_a_generic_hint_whatever_stands_behind_it() {
        for url in [
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/github",
            "https://mcp.example.com/?for=slack",
            "https://github@mcp.example.com/",
            "http://127.0.0.1:9101/mcp",
        ] {
            let hint = find(url).unwrap();
            assert_eq!(hint, generic(), "{url}");
        }
        for bad in ["", "github.com", "mailto:a@github.com"] {
            assert!(find(bad).is_err(), "{bad}");
        }
    }
}
