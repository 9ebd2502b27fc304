//! The attack table of the authorization server (`docs/attack-catalogue.md`, group OAuth), from the
//! outside: each attack beside its positive twin, on a cluster with a tenant whose people sign in.

mod authorize;
mod code;
mod pages;
mod refresh;
mod registration;
mod token;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Pkce},
    http::{Request, Response, host_of},
};
use url::Url;

use crate::{calls::tool_call, people::People};

/// A tenant, and a client that is registered there.
pub(crate) struct Field {
    pub(crate) people: People,
    pub(crate) client: String,
}

impl Field {
    pub(crate) const REDIRECT: &'static str = "https://app.example/cb";

    pub(crate) async fn new() -> Result<Self> {
        Self::on(People::start().await?).await
    }

    pub(crate) async fn on(people: People) -> Result<Self> {
        let agent = Agent::new(people.cluster.gateways[0].address(), &people.origins[0]);
        let client = agent.register_public("App", &[Self::REDIRECT]).await?;
        Ok(Self { people, client })
    }

    /// Somebody's browser at the first gateway, without any cookie.
    pub(crate) fn agent(&self) -> Agent {
        Agent::new(
            self.people.cluster.gateways[0].address(),
            &self.people.origins[0],
        )
    }

    /// The parameters of a good authorization request.
    pub(crate) fn good<'a>(&'a self, pkce: &'a Pkce) -> Vec<(&'a str, &'a str)> {
        vec![
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", Self::REDIRECT),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
            ("state", "s"),
        ]
    }

    /// Ada consents; the callback with its code.
    pub(crate) async fn consent(&self, pkce: &Pkce) -> Result<Url> {
        let params = self.good(pkce);
        let ada = &self.people.ada;
        self.agent().authorize(ada, &params, "allow").await
    }

    /// Ada is connected: the token answer.
    pub(crate) async fn connect(&self) -> Result<Value> {
        let pkce = Pkce::new();
        let callback = self.consent(&pkce).await?;
        let agent = self.agent();
        let redeeming = agent.redeem(&self.client, Self::REDIRECT, &callback, &pkce);
        let answer = redeeming.await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        answer.json()
    }

    /// Calls a tool with this token at one of the gateways.
    pub(crate) async fn call(&self, node: usize, token: &str) -> Result<Response> {
        let gateway = &self.people.cluster.gateways[node];
        let host = host_of(&self.people.origins[node]);
        let call: Request = tool_call("/mcp/demo", "add", &json!({"a": 1, "b": 2}));
        call.host(host).bearer(token).send(gateway.address()).await
    }
}

/// The member of a token answer.
pub(crate) fn text<'a>(json: &'a Value, member: &str) -> Result<&'a str> {
    json[member]
        .as_str()
        .with_context(|| format!("{member} in {json}"))
}

/// The `error` of an answer, with the status it must have.
pub(crate) fn error_of(answer: &Response, status: u16) -> Result<String> {
    ensure!(
        answer.status == status,
        "{}: {}",
        answer.status,
        answer.text()
    );
    Ok(text(&answer.json()?, "error")?.to_owned())
}
