//! The way back from a provider: in the browser that left for it, once, with the provider's own answer.

use std::time::Duration;

use axum::{
    extract::{Path, RawQuery},
    response::Response,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    admit::{self, Arrival},
    begin,
    directory::{Inquiry, Known},
    errand::{self, Secrets},
    mishap::Mishap,
    person::Person,
    redeem::{Party, Refusal},
    redirect_uri,
};
use crate::{
    oauth::{
        client::shelf::Asker,
        guest::{self, Guest},
        login::{self, Transaction},
        params::Params,
        setback::Setback,
    },
    store::{OneTenant, Tx, identity_provider::IdentityProvider},
    vault::{Place, Unreadable},
};

/// `GET /callback/{provider}` with `state` and `code` or `error`, and perhaps `iss`.
pub(super) async fn callback(
    guest: Guest,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let mut transaction = None;
    let arrived = arrived(&guest, &provider, &query, &mut transaction).await;
    match arrived {
        Ok(response) => response,
        Err(mishap) => mishap.response(&guest, transaction.as_ref()).await,
    }
}

async fn arrived(
    guest: &Guest,
    provider: &str,
    query: &str,
    transaction: &mut Option<Transaction>,
) -> Result<Response, Mishap> {
    let params = guest::params(query.as_bytes())?;
    let mut tx = guest.enter("users.signIn").await?;
    let begun = transaction.insert(in_browser(guest, &mut tx, &params).await?);
    let provider = begin::find(&mut tx, provider).await?;
    let provider = provider.ok_or(Mishap::NoProvider)?;
    let returned = Returned::of(guest, tx, begun, provider, &params).await?;
    let person = returned.person(guest, &params).await?;
    let arrival = Arrival {
        person,
        provider: returned.provider,
    };
    admit::welcome(guest, &arrival).await?;

    let mut tx = guest.enter("users.signIn").await?;
    // It may be over by now.
    let begun = in_browser(guest, &mut tx, &params).await?;
    let user = admit::refresh(&mut tx, &arrival).await?;
    Ok(login::complete(&guest.issuer, tx, begun, user, &guest.headers).await?)
}

/// The login that the state names, if this browser began it (OA-19).
async fn in_browser(
    guest: &Guest,
    tx: &mut Tx<OneTenant>,
    params: &Params,
) -> Result<Transaction, Mishap> {
    let state = params.get("state").unwrap_or_default();
    let id = errand::transaction_of(state).ok_or(Setback::NoTransaction)?;
    let found = login::transaction(tx, &guest.issuer, &guest.headers, id).await?;
    Ok(found.ok_or(Setback::NoTransaction)?)
}

/// A login that is back in its browser, with what was kept from everybody meanwhile.
struct Returned {
    provider: IdentityProvider,
    secret: Option<Zeroizing<String>>,
    secrets: Secrets,
    time: OffsetDateTime,
    asker: Asker,
}

impl Returned {
    /// Takes what was noted when the browser left; a second answer finds nothing.
    async fn of(
        guest: &Guest,
        mut tx: Tx<OneTenant>,
        transaction: &Transaction,
        provider: IdentityProvider,
        params: &Params,
    ) -> Result<Self, Mishap> {
        let vault = &guest.desk.vault;
        let state = params.get("state").unwrap_or_default();
        let taken = errand::take(&mut tx, vault, transaction, provider.uid, state).await?;
        let secret = secret(guest, &mut tx, &provider).await?;
        let (time, asker) = (tx.time(), Asker::of(&tx, &guest.visit));
        tx.commit_unrecorded().await?;
        Ok(Self {
            provider,
            secret,
            secrets: taken.ok_or(Refusal::State)?,
            time,
            asker,
        })
    }

    /// Whom the provider vouches for.
    async fn person(&self, guest: &Guest, params: &Params) -> Result<Person, Mishap> {
        let inquiry = Inquiry::of(&guest.desk, &self.asker);
        let known = inquiry.find(&self.provider.issuer, AGE).await?;
        if !is_from(&self.provider.issuer, &known, params.get("iss")) {
            return Err(Refusal::Issuer.into());
        }
        if let Some(error) = params.get("error") {
            return Err(Mishap::Declined(shown(error)));
        }
        let code = params.get("code").ok_or(Refusal::NoCode)?.to_owned();
        let party = Party {
            issuer: &self.provider.issuer,
            client_id: &self.provider.client_id,
            secret: self.secret.clone(),
            redirect_uri: redirect_uri(&guest.issuer, &self.provider.slug),
        };
        let redeemed = party.redeem(inquiry, known, code, &self.secrets, self.time);
        Ok(redeemed.await?)
    }
}

async fn secret(
    guest: &Guest,
    tx: &mut Tx<OneTenant>,
    provider: &IdentityProvider,
) -> Result<Option<Zeroizing<String>>, Mishap> {
    let Some(sealed) = &provider.secret_sealed else {
        return Ok(None);
    };
    let keys = tx.tenant_keys().await?;
    let place = Place::provider_secret(tx.tenant().uid, provider.uid);
    let opened = guest.desk.vault.open(&keys, &place, sealed)?;
    let text = std::str::from_utf8(&opened).map_err(|_| Unreadable)?;
    Ok(Some(Zeroizing::new(text.to_owned())))
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
