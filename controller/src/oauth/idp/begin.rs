//! The way to a provider: a form of our login page leads to the provider's page, with a state, a nonce
//! and a PKCE challenge that only this login has.

use std::time::Duration;

use axum::{
    extract::{Path, Request},
    response::Response,
};
use openidconnect::{
    CsrfToken, Nonce, PkceCodeChallenge, Scope,
    core::{CoreAuthPrompt, CoreAuthenticationFlow},
};
use proto::name::Slug;

use super::{
    directory::{Inquiry, Metadata},
    errand::Errand,
    mishap::Mishap,
    redeem::{Party, Refusal},
    redirect_uri,
};
use crate::{
    oauth::{
        browser,
        client::shelf::Asker,
        guest::Guest,
        login::{self, Purpose, Transaction},
        pages::Onward,
        params::Params,
    },
    store::{OneTenant, StoreError, Tx, identity_provider::IdentityProvider},
};

/// `POST /login/{provider}` with `t` and `csrf`.
pub(super) async fn begin(
    guest: Guest,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    let mut transaction = None;
    let begun = begun(&guest, &provider, request, &mut transaction).await;
    match begun {
        Ok(response) => response,
        Err(mishap) => mishap.response(&guest, transaction.as_ref()).await,
    }
}

async fn begun(
    guest: &Guest,
    provider: &str,
    request: Request,
    transaction: &mut Option<Transaction>,
) -> Result<Response, Mishap> {
    let form = guest.form(request).await?;
    let mut tx = guest.enter("users.signIn").await?;
    let transaction = transaction.insert(login::of_form(guest, &mut tx, &form).await?);
    guest.check_form(&browser::of_transaction(transaction.id), &form)?;
    let provider = find(&mut tx, provider).await?.ok_or(Mishap::NoProvider)?;
    let asker = Asker::of(&tx, &guest.visit);
    drop(tx);

    // Asked for anew unless that was just done: a provider that is gone is noticed here, where another
    // way can be offered, and not by the browser.
    let inquiry = Inquiry::of(&guest.desk, &asker);
    let found = inquiry.find(&provider.issuer, JUST_NOW).await?;
    let metadata = found.metadata;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let errand = Errand::new(transaction.id, verifier.into_secret());
    let url = url(guest, &provider, &metadata, &errand, challenge, transaction)?;
    note(guest, &form, &provider, &errand).await?;
    let onward = Onward {
        look: guest.look.clone(),
        provider: shown(&provider),
        url,
    };
    Ok(onward.response())
}

/// The authorization request (`OpenID` Connect Core §3.1.2.1).
fn url(
    guest: &Guest,
    provider: &IdentityProvider,
    metadata: &Metadata,
    errand: &Errand,
    challenge: PkceCodeChallenge,
    transaction: &Transaction,
) -> Result<String, Refusal> {
    let party = Party {
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        secret: None,
        redirect_uri: redirect_uri(&guest.issuer, &provider.slug),
    };
    let (state, nonce) = (errand.state.clone(), errand.secrets.nonce.clone());
    let client = party.client(metadata)?;
    let mut asked = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        )
        .set_pkce_challenge(challenge);
    for scope in scopes(provider) {
        asked = asked.add_scope(Scope::new(scope));
    }
    // Who asks may want people to sign in although they are.
    let again = match &transaction.purpose {
        Purpose::Authorize(asked) => asked.prompt.login,
        Purpose::Connections | Purpose::Device { .. } => false,
    };
    if again {
        asked = asked.add_prompt(CoreAuthPrompt::Login);
    }
    let (url, _, _) = asked.url();
    Ok(url.into())
}

async fn note(
    guest: &Guest,
    form: &Params,
    provider: &IdentityProvider,
    errand: &Errand,
) -> Result<(), Mishap> {
    let mut tx = guest.enter("users.signIn").await?;
    // It may be over by now.
    let transaction = login::of_form(guest, &mut tx, form).await?;
    let vault = &guest.desk.vault;
    errand
        .note(&mut tx, vault, transaction.id, provider.uid)
        .await?;
    tx.commit_unrecorded().await?;
    Ok(())
}

/// The provider of this name, if it is offered.
pub(super) async fn find(
    tx: &mut Tx<OneTenant>,
    slug: &str,
) -> Result<Option<IdentityProvider>, StoreError> {
    let slug: Option<Slug> = slug.parse().ok();
    let Some(slug) = slug else { return Ok(None) };
    let found = tx.identity_provider(&slug).await?;
    Ok(found.filter(|provider| !provider.disabled))
}

fn shown(provider: &IdentityProvider) -> String {
    let names = [&provider.display_name, &provider.slug];
    let name = names.into_iter().find(|name| !name.is_empty());
    name.cloned().unwrap_or_default()
}

fn scopes(provider: &IdentityProvider) -> Vec<String> {
    if provider.scopes.is_empty() {
        return vec!["profile".to_owned(), "email".to_owned()];
    }
    let asked = provider.scopes.iter().filter(|scope| *scope != "openid");
    asked.cloned().collect()
}

const JUST_NOW: Duration = Duration::from_secs(10);
