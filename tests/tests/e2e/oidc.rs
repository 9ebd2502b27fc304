//! Users who sign in at the tenant's identity provider, an independent one (`tests/idp`), and connect
//! their clients like everybody else.

use anyhow::{Context, Result, ensure};
use proto::admin::v1::{CreateIdentityProviderRequest, GroupRoles, IdentityProvider};
use tests::{
    agent::{Agent, Ended, Form, Pkce, encoded},
    http::Response,
    idp::Idp,
};
use url::{Position, Url};

use crate::{attacks::Field, people::People};

/// Must-hold 7: first sign-in to tool call, with a role that a group gives; then with keys that changed while
/// the person was away.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_whom_the_provider_knows_connects_and_new_keys_change_nothing() -> Result<()> {
    let mut world = Box::pin(World::start()).await?;
    let token = world.connect("grace").await?;
    let call = world.field.call(0, &token).await?;
    ensure!(call.status == 200, "{}: {}", call.status, call.text());

    let (mut agent, pkce) = (world.field.agent(), Pkce::new());
    let url = world.leave(&mut agent, &pkce).await?;
    world.idp.start_again("Engineers").await?;
    let back = world.idp.sign_in(&url, "grace").await?;
    let answer = world.back(&mut agent, &back).await?;
    let token = world.consent(&mut agent, answer, &pkce).await?;
    let call = world.field.call(1, &token).await?;
    ensure!(call.status == 200, "{}: {}", call.status, call.text());

    // Whom no group gives a role may sign in, and do nothing.
    world.idp.start_again("").await?;
    let token = world.connect("linus").await?;
    let call = world.field.call(0, &token).await?;
    ensure!(call.status == 404, "{}: {}", call.status, call.text());
    Ok(())
}

/// Must-hold 7, OA-19, OA-20, A31, A33: an answer that is not the provider's, not for this login or not in this
/// browser signs nobody in.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_wrong_iss_or_nonce_signs_nobody_in() -> Result<()> {
    let world = Box::pin(World::start()).await?;
    world.connect("grace").await?;
    let pkce = Pkce::new();

    let mut agent = world.field.agent();
    let url = world.leave(&mut agent, &pkce).await?;
    let back = world.idp.sign_in(&url, "grace").await?;
    ensure!(back.query_pairs().any(|(name, _)| name == "iss"), "{back}");
    let forged = replaced(&back, "iss", "https://evil.example");
    let answer = world.back(&mut agent, &forged).await?;
    ensure!(answer.status == 400, "{}: {}", answer.status, answer.text());
    let again = world.back(&mut agent, &back).await?;
    ensure!(again.status == 400, "{}: {}", again.status, again.text());
    let mut agent = world.field.agent();
    let url = world.leave(&mut agent, &pkce).await?;
    let back = world.idp.sign_in(&url, "grace").await?;
    let without = replaced(&back, "iss", "");
    let answer = world.back(&mut agent, &without).await?;
    ensure!(answer.status == 400, "{}: {}", answer.status, answer.text());

    let mut agent = world.field.agent();
    let url = world.leave(&mut agent, &pkce).await?;
    let url = replaced(&Url::parse(&url)?, "nonce", "another");
    let back = world.idp.sign_in(url.as_str(), "grace").await?;
    let answer = world.back(&mut agent, &back).await?;
    ensure!(answer.status == 400, "{}: {}", answer.status, answer.text());

    let mut agent = world.field.agent();
    let url = world.leave(&mut agent, &pkce).await?;
    let back = world.idp.sign_in(&url, "grace").await?;
    let answer = world.back(&mut world.field.agent(), &back).await?;
    ensure!(answer.status == 403, "{}: {}", answer.status, answer.text());
    let answer = world.back(&mut agent, &back).await?;
    ensure!(answer.status == 303, "{}: {}", answer.status, answer.text());
    Ok(())
}

/// Must-hold 7: an outage is told on the login page, where other ways still work; when it is over, it is over.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_is_out_passwords_still_open() -> Result<()> {
    let mut world = Box::pin(World::start()).await?;
    world.connect("grace").await?;
    world.idp.stop();
    let (mut agent, pkce) = (world.field.agent(), Pkce::new());
    // What was asked for just before holds for a moment.
    let page = loop {
        let answer = world.press(&mut agent, &pkce).await?;
        if answer.status == 503 {
            break answer;
        }
        ensure!(answer.status == 200, "{}", answer.status);
    };
    let ada = &world.field.people.ada;
    let answer = agent.sign_in(&page.text(), ada).await?;
    ensure!(answer.status == 303, "{}: {}", answer.status, answer.text());

    world.idp.start_again("Engineers").await?;
    loop {
        let answer = world.press(&mut world.field.agent(), &pkce).await?;
        if answer.status == 200 {
            break;
        }
        ensure!(answer.status == 503, "{}", answer.status);
    }
    world.connect("grace").await?;
    Ok(())
}

/// A tenant whose users sign in elsewhere.
struct World {
    field: Field,
    idp: Idp,
}

impl World {
    async fn start() -> Result<Self> {
        let field = Field::new().await?;
        let redirect_uri = format!("{}/callback/corp", field.people.origins[0]);
        let logs = field.people.cluster.logs();
        let idp = Idp::start(&logs, &redirect_uri, "Engineers").await?;
        let request = CreateIdentityProviderRequest {
            parent: People::TENANT.into(),
            identity_provider_id: "corp".into(),
            identity_provider: Some(IdentityProvider {
                display_name: "Corporate".into(),
                issuer: idp.issuer().into(),
                client_id: Idp::CLIENT.into(),
                client_secret: Idp::SECRET.into(),
                scopes: ["profile", "email", "groups"].map(String::from).into(),
                groups_claim: "groups".into(),
                group_roles: vec![GroupRoles {
                    group: "Engineers".into(),
                    roles: vec!["dev".into()],
                }],
                create_users: true,
                ..Default::default()
            }),
        };
        let mut providers = field.people.admin.identity_providers.clone();
        let made = providers.create_identity_provider(request).await?;
        let made = made.into_inner().identity_provider.context("a provider")?;
        ensure!(made.redirect_uri == redirect_uri, "{}", made.redirect_uri);
        Ok(Self { field, idp })
    }

    /// What comes of pressing the provider's button on the login page.
    async fn press(&self, agent: &mut Agent, pkce: &Pkce) -> Result<Response> {
        let query = encoded(&self.field.good(pkce));
        let answer = agent.get(&format!("/authorize?{query}")).await?;
        let Ended::Page(page) = agent.follow(answer).await? else {
            anyhow::bail!("it leads away");
        };
        let html = page.text();
        let forms = Form::all(&html);
        let form = forms
            .iter()
            .find(|form| form.action.ends_with("/login/corp"));
        agent
            .submit(form.with_context(|| format!("a button in {html}"))?, &[])
            .await
    }

    /// Where the browser is sent to at the provider.
    async fn leave(&self, agent: &mut Agent, pkce: &Pkce) -> Result<String> {
        let answer = self.press(agent, pkce).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        let url = answer.header("refresh").strip_prefix("0;url=");
        Ok(url.context("a way on")?.to_owned())
    }

    /// The browser comes back with this URL.
    async fn back(&self, agent: &mut Agent, url: &Url) -> Result<Response> {
        agent.get(&url[Position::BeforePath..]).await
    }

    /// Consents, and redeems the code: the access token.
    async fn consent(&self, agent: &mut Agent, answer: Response, pkce: &Pkce) -> Result<String> {
        ensure!(answer.status == 303, "{}: {}", answer.status, answer.text());
        let Ended::Page(page) = agent.follow(answer).await? else {
            anyhow::bail!("no consent was asked for");
        };
        let answer = agent.decide(&page.text(), "allow").await?;
        let Ended::Away(callback) = agent.follow(answer).await? else {
            anyhow::bail!("it does not lead to the client");
        };
        let redeemed = agent.redeem(&self.field.client, Field::REDIRECT, &callback, pkce);
        let answer: serde_json::Value = redeemed.await?.json()?;
        let token = answer["access_token"].as_str();
        Ok(token.with_context(|| answer.to_string())?.to_owned())
    }

    /// Everything, as this person at the provider.
    async fn connect(&self, login: &str) -> Result<String> {
        let (mut agent, pkce) = (self.field.agent(), Pkce::new());
        let url = self.leave(&mut agent, &pkce).await?;
        let back = self.idp.sign_in(&url, login).await?;
        let answer = self.back(&mut agent, &back).await?;
        self.consent(&mut agent, answer, &pkce).await
    }
}

/// The URL with another value of a parameter; empty takes it away.
fn replaced(url: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear();
    for (known, old) in pairs {
        match (known == name, value) {
            (false, _) => url.query_pairs_mut().append_pair(&known, &old),
            (true, "") => continue,
            (true, value) => url.query_pairs_mut().append_pair(&known, value),
        };
    }
    url
}
