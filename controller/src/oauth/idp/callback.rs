//! The way back from a provider: in the browser that left for it, once, with the provider's own answer.

use std::time::Duration;

use axum::{
    Extension,
    extract::{Path, Request, State},
    response::Response,
};
use egress::Dialer;
use http::HeaderMap;
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    admit::{self, Arrival},
    begin,
    directory::{Directory, Known},
    errand::{self, Secrets},
    mishap::{Mishap, Scene},
    redeem::{Party, Refusal},
    redirect_uri,
};
use crate::{
    auth::{Desk, Visit},
    oauth::{
        issuer::Issuer,
        login::{self, Transaction},
        params::Params,
        setback::Setback,
    },
    store::{OneTenant, Tx, identity_provider::IdentityProvider},
    vault::Place,
};

/// `GET /callback/{provider}` with `state` and `code` or `error`, and perhaps `iss`.
pub(super) async fn callback(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<Response, Mishap> {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let params = Params::parse(query.as_bytes()).map_err(Setback::from)?;
    let returned = Returned::of(&desk, &visit, &parts.headers, &provider, &params).await?;
    let transaction = returned.transaction;
    let (arrival, issuer) = returned.arrive(&desk, &params).await?;

    admit::welcome(&desk, &visit, &arrival).await?;
    let mut tx = enter(&desk, &visit).await?;
    let transaction = in_browser(&mut tx, &issuer, &parts.headers, transaction).await?;
    let user = admit::refresh(&mut tx, &arrival).await?;
    Ok(login::complete(&desk, &issuer, tx, transaction, user, &parts.headers).await?)
}

async fn enter(desk: &Desk, visit: &Visit) -> Result<Tx<OneTenant>, Mishap> {
    let tx = desk.enter(visit, "users.signIn").await?;
    Ok(tx.ok_or(Setback::NoTenant)?)
}

async fn in_browser(
    tx: &mut Tx<OneTenant>,
    issuer: &Issuer,
    headers: &HeaderMap,
    transaction: Uuid,
) -> Result<Transaction, Mishap> {
    let found = login::transaction(tx, issuer, headers, transaction).await?;
    Ok(found.ok_or(Setback::NoTransaction)?)
}

/// A login that is back in its browser, with what was kept from everybody meanwhile.
struct Returned {
    transaction: Uuid,
    issuer: Issuer,
    provider: IdentityProvider,
    secret: Option<Zeroizing<String>>,
    scene: Scene,
    secrets: Secrets,
    time: OffsetDateTime,
}

impl Returned {
    /// Takes what was noted when the browser left; a second answer finds nothing.
    async fn of(
        desk: &Desk,
        visit: &Visit,
        headers: &HeaderMap,
        provider: &str,
        params: &Params,
    ) -> Result<Self, Mishap> {
        let mut tx = enter(desk, visit).await?;
        let issuer = Issuer::of(tx.tenant(), visit);
        let state = params.get("state").unwrap_or_default();
        let transaction = errand::transaction_of(state).ok_or(Setback::NoTransaction)?;
        let transaction = in_browser(&mut tx, &issuer, headers, transaction).await?;
        let (provider, scene) = begin::find(&mut tx, &issuer, provider).await?;
        let taken = errand::take(&mut tx, &desk.vault, &transaction, provider.uid, state).await?;
        let secret = secret(desk, &mut tx, &provider).await?;
        let time = tx.time();
        tx.commit_unrecorded().await?;
        let Some(secrets) = taken else {
            return Err(Mishap::Refused(Box::new(scene), Refusal::State));
        };
        Ok(Self {
            transaction: transaction.id,
            issuer,
            provider,
            secret,
            scene,
            secrets,
            time,
        })
    }

    /// Whom the provider vouches for.
    async fn arrive(self, desk: &Desk, params: &Params) -> Result<(Arrival, Issuer), Mishap> {
        let scene = Box::new(self.scene);
        let found = desk
            .providers
            .find(&desk.dialer, &self.provider.issuer, AGE);
        let known = match found.await {
            Ok(known) => known,
            Err(error) => return Err(Mishap::Unavailable(scene, error)),
        };
        if !is_from(&self.provider.issuer, &known, params.get("iss")) {
            return Err(Mishap::Refused(scene, Refusal::Issuer));
        }
        if let Some(error) = params.get("error") {
            return Err(Mishap::Declined(scene, shown(error)));
        }
        let Some(code) = params.get("code") else {
            return Err(Mishap::Refused(scene, Refusal::NoCode));
        };
        let party = Party {
            issuer: &self.provider.issuer,
            client_id: &self.provider.client_id,
            secret: self.secret,
            redirect_uri: redirect_uri(&self.issuer, &self.provider.slug),
        };
        let (dialer, directory): (&Dialer, &Directory) = (&desk.dialer, &desk.providers);
        let code = code.to_owned();
        let redeemed = party.redeem(dialer, directory, known, code, &self.secrets, self.time);
        let person = match redeemed.await {
            Ok(person) => person,
            Err(refusal) => return Err(Mishap::Refused(scene, refusal)),
        };
        let arrival = Arrival {
            person,
            provider: self.provider,
            scene,
        };
        Ok((arrival, self.issuer))
    }
}

async fn secret(
    desk: &Desk,
    tx: &mut Tx<OneTenant>,
    provider: &IdentityProvider,
) -> Result<Option<Zeroizing<String>>, Mishap> {
    let Some(sealed) = &provider.secret_sealed else {
        return Ok(None);
    };
    let keys = tx.tenant_keys().await?;
    let place = Place::provider_secret(tx.tenant().uid, provider.uid);
    let opened = desk.vault.open(&keys, &place, sealed)?;
    let text = String::from_utf8(opened.to_vec()).map_err(|_| crate::vault::Unreadable)?;
    Ok(Some(Zeroizing::new(text)))
}

/// RFC 9207 §2.4: who says from whom it is must be right, and who announced to say so must.
fn is_from(issuer: &str, known: &Known, said: Option<&str>) -> bool {
    let further = known.metadata.additional_metadata();
    match said {
        Some(said) => said == issuer,
        None => !further.authorization_response_iss_parameter_supported,
    }
}

/// An error code as the specifications have them (RFC 6749 §4.1.2.1), and nothing else that a browser
/// might bring.
fn shown(error: &str) -> String {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if error.len() <= 64 && error.bytes().all(letter) {
        error.to_owned()
    } else {
        "an error".to_owned()
    }
}

/// Endpoints rarely move; keys that are not known are asked for anew.
const AGE: Duration = Duration::from_hours(1);
