//! The way to a provider: a form of our login page leads to the provider's page, with a state, a nonce
//! and a PKCE challenge that only this login has.

use std::time::Duration;

use axum::{
    Extension,
    extract::{Path, Request, State},
    response::Response,
};
use http::HeaderMap;
use openidconnect::{
    CsrfToken, Nonce, PkceCodeChallenge, Scope,
    core::{CoreAuthPrompt, CoreAuthenticationFlow},
};
use proto::name::Slug;
use uuid::Uuid;

use super::{
    errand::Errand,
    mishap::{Mishap, Scene},
    redeem::Party,
    redirect_uri,
};
use crate::{
    auth::{Desk, Visit, visit},
    oauth::{
        browser,
        issuer::Issuer,
        login::{self, Purpose, Transaction},
        pages::{Look, Onward},
        params::Params,
        rules::Rules,
        setback::Setback,
    },
    store::{OneTenant, Tx, identity_provider::IdentityProvider},
};

/// `POST /login/{provider}` with `t` and `csrf`.
pub(super) async fn begin(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<Response, Mishap> {
    let (parts, body) = visit::body(request).await?;
    let params = Params::parse(&body).map_err(Setback::from)?;
    let (_, begun) = enter(&desk, &visit, &parts.headers, &provider, &params).await?;
    let Begun {
        issuer,
        transaction,
        provider,
        scene,
    } = begun;

    // Asked for anew unless that was just done: a provider that is gone is noticed here, where another
    // way can be offered, and not by the browser.
    let found = desk
        .providers
        .find(&desk.dialer, &provider.issuer, JUST_NOW);
    let known = match found.await {
        Ok(known) => known,
        Err(error) => return Err(Mishap::Unavailable(Box::new(scene), error)),
    };
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let errand = Errand::new(transaction.id, verifier.into_secret());
    let party = Party {
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        secret: None,
        redirect_uri: redirect_uri(&issuer, &provider.slug),
    };
    let client = party.client(&known.metadata);
    let client = client.map_err(|refusal| Mishap::Refused(Box::new(scene.clone()), refusal))?;
    let (state, nonce) = (errand.state.clone(), errand.secrets.nonce.clone());
    let mut asked = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        )
        .set_pkce_challenge(challenge);
    for scope in scopes(&provider) {
        asked = asked.add_scope(Scope::new(scope));
    }
    if asks_for_login(&transaction) {
        asked = asked.add_prompt(CoreAuthPrompt::Login);
    }
    let (url, _, _) = asked.url();

    let (mut tx, again) = enter(&desk, &visit, &parts.headers, &provider.slug, &params).await?;
    let id = again.transaction.id;
    errand.note(&mut tx, &desk.vault, id, provider.uid).await?;
    tx.commit_unrecorded().await?;
    let onward = Onward {
        look: scene.look,
        provider: scene.provider,
        url: url.into(),
    };
    Ok(onward.response())
}

/// A login that may go to this provider.
struct Begun {
    issuer: Issuer,
    transaction: Transaction,
    provider: IdentityProvider,
    scene: Scene,
}

async fn enter(
    desk: &Desk,
    visit: &Visit,
    headers: &HeaderMap,
    provider: &str,
    params: &Params,
) -> Result<(Tx<OneTenant>, Begun), Mishap> {
    let tx = desk.enter(visit, "users.signIn").await?;
    let mut tx = tx.ok_or(Setback::NoTenant)?;
    let issuer = Issuer::of(tx.tenant(), visit);
    let id = params.get("t").and_then(|text| Uuid::try_parse(text).ok());
    let id = id.ok_or(Setback::NoTransaction)?;
    let transaction = login::transaction(&mut tx, &issuer, headers, id).await?;
    let transaction = transaction.ok_or(Setback::NoTransaction)?;
    if !browser::csrf_holds(&issuer, headers, id, params.get("csrf")) {
        return Err(Setback::Form.into());
    }
    let (provider, scene) = find(&mut tx, &issuer, provider).await?;
    let begun = Begun {
        issuer,
        transaction,
        provider,
        scene,
    };
    Ok((tx, begun))
}

/// A provider that is offered, and what people are told of it.
pub(super) async fn find(
    tx: &mut Tx<OneTenant>,
    issuer: &Issuer,
    slug: &str,
) -> Result<(IdentityProvider, Scene), Mishap> {
    let rules = Rules::of(tx.oauth_settings().await?);
    let look = Look::of(tx.tenant(), &rules, issuer);
    let slug: Option<Slug> = slug.parse().ok();
    let found = match &slug {
        Some(slug) => tx.identity_provider(slug).await?,
        None => None,
    };
    match found.filter(|provider| !provider.disabled) {
        None => Err(Mishap::NoProvider(Box::new(look))),
        Some(provider) => {
            let names = [&provider.display_name, &provider.slug];
            let name = names.into_iter().find(|name| !name.is_empty());
            let scene = Scene {
                look,
                provider: name.cloned().unwrap_or_default(),
            };
            Ok((provider, scene))
        }
    }
}

fn scopes(provider: &IdentityProvider) -> Vec<String> {
    if provider.scopes.is_empty() {
        return vec!["profile".to_owned(), "email".to_owned()];
    }
    let asked = provider.scopes.iter().filter(|scope| *scope != "openid");
    asked.cloned().collect()
}

/// Whether whoever asks wants people to sign in although they are.
fn asks_for_login(transaction: &Transaction) -> bool {
    match &transaction.purpose {
        Purpose::Authorize(asked) => asked.prompt.login,
        Purpose::Connections | Purpose::Device { .. } => false,
    }
}

const JUST_NOW: Duration = Duration::from_secs(10);
