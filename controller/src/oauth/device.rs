//! Device codes (RFC 8628): a program without a browser asks for one (`POST /device_authorization`) and
//! shows its user a short code, which the user types on our page. What the page does stands here, too.

use std::time::Duration;

use axum::{
    Extension, Json, Router,
    extract::{Request, State as Shared},
    response::Response,
    routing::post,
};
use proto::id::{ClientUid, UserUid};
use serde_json::json;
use token::{DeviceCode, random_text, sha256_of};

use super::{
    attempts,
    call::{self, Call, Form},
    client::{self, DEVICE_CODE},
    fault::Fault,
    grant::{self, NewGrant},
    register,
    rules::Rules,
    wish::Wish,
};
use crate::{
    auth::{Desk, Visit},
    store::{
        OneTenant, StoreError, Tx,
        device::{Device, State},
    },
};

/// The route of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/device_authorization", post(ask))
}

async fn ask(
    Shared(desk): Shared<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Fault> {
    let network = attempts::network(visit.peer.ip());
    let form = Form::read(request).await?;
    let reading = Call::begin(desk, visit, form, "oauth.device_authorization");
    let (call, mut tx) = reading.await?;
    call.must_be_allowed(DEVICE_CODE)?;
    let wish = Wish::read(&call.issuer, &call.rules, &call.client, &call.params);
    let Wish { resources, scopes } = wish.map_err(|(code, text)| Fault::new(code, text))?;

    let (all, own) = tx.count_devices(&network).await?;
    if all >= MOST || own >= MOST_OF_ONE {
        return Err(Fault::Slow(LIFE.as_secs()));
    }
    // Everybody's document would get a row, and keep it.
    if call.client.uid.is_none() && !call.client.is_ours() {
        register::admit(&call.desk, &mut tx, &network).await?;
    }
    let (code, user_code) = (DeviceCode::generate(), random_text(LETTERS, USER_CODE));
    let device = Device {
        client: client::hold(&mut tx, &call.client).await?,
        resources,
        scopes,
        state: State::Pending,
        interval_secs: INTERVAL,
        polled_at: None,
        peer: network,
        expires_at: tx.time() + LIFE,
    };
    tx.insert_device(&code.sha256(), &sha256_of(&user_code), &device)
        .await?;
    tx.commit_unrecorded().await?;
    Ok(told(&call, &code, &user_code))
}

fn told(call: &Call, code: &DeviceCode, user_code: &str) -> Response {
    let (head, tail) = user_code.split_at(USER_CODE / 2);
    let page = call.issuer.url("/device");
    call::answer(Json(json!({
        "device_code": code.expose(),
        "user_code": format!("{head}-{tail}"),
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={head}-{tail}"),
        "expires_in": LIFE.as_secs(),
        "interval": INTERVAL,
    })))
}

/// Who asks, for the user to recognise.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// The client.
    pub(crate) client: ClientUid,
    /// What it calls itself towards us.
    pub(crate) client_id: String,
    /// The MCP URLs that it asks for.
    pub(crate) resources: Vec<String>,
    /// The scopes that it asks for.
    pub(crate) scopes: Vec<String>,
    /// From where it asked.
    pub(crate) peer: String,
}

/// Who waits for an answer with this user code, however it was typed; `None` when nobody does.
pub(crate) async fn pending(
    tx: &mut Tx<OneTenant>,
    user_code: &str,
) -> Result<Option<Pending>, StoreError> {
    let Some(sha256) = lookup(user_code) else {
        return Ok(None);
    };
    let found = tx.lock_asking(&sha256).await?;
    Ok(found.map(|(_, asking)| Pending {
        client: asking.device.client,
        client_id: asking.client_id,
        resources: asking.device.resources,
        scopes: asking.device.scopes,
        peer: asking.device.peer,
    }))
}

/// Gives whoever waits with this code what it asked for; whether somebody did.
pub(crate) async fn approve(
    tx: &mut Tx<OneTenant>,
    rules: &Rules,
    user_code: &str,
    user: UserUid,
    user_agent: &str,
) -> Result<bool, StoreError> {
    let Some(sha256) = lookup(user_code) else {
        return Ok(false);
    };
    let Some((device, asking)) = tx.lock_asking(&sha256).await? else {
        return Ok(false);
    };
    let new = NewGrant {
        user,
        client: asking.device.client,
        redirect_origin: "",
        resources: asking.device.resources,
        scopes: asking.device.scopes,
        user_agent,
    };
    let grant = grant::open_for(tx, rules, &new, LIFE).await?;
    tx.note_granted(new.client).await?;
    tx.set_device_state(&device, State::Approved(grant)).await?;
    Ok(true)
}

/// Tells whoever waits with this code that it gets nothing; whether somebody did.
pub(crate) async fn deny(tx: &mut Tx<OneTenant>, user_code: &str) -> Result<bool, StoreError> {
    let Some(sha256) = lookup(user_code) else {
        return Ok(false);
    };
    let Some((device, _)) = tx.lock_asking(&sha256).await? else {
        return Ok(false);
    };
    tx.set_device_state(&device, State::Denied).await?;
    Ok(true)
}

/// The hash under which a user code is found: people write it in any case, with or without the hyphen.
fn lookup(typed: &str) -> Option<[u8; 32]> {
    let letters = typed.chars().filter(|c| !matches!(c, '-' | ' '));
    let code: String = letters
        .map(|c| c.to_ascii_uppercase())
        .take(USER_CODE + 1)
        .collect();
    let known = code.len() == USER_CODE && code.bytes().all(|byte| LETTERS.contains(&byte));
    known.then(|| sha256_of(&code))
}

/// How long a device code lives.
pub(crate) const LIFE: Duration = Duration::from_mins(10);
/// Consonants, so that no code is a word; none that are taken for another.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE: usize = 8;
/// How long a client waits between polls, in seconds.
const INTERVAL: u32 = 5;
/// How many a tenant has at once: codes stay rare among what could be guessed.
const MOST: i64 = 1000;
/// How many of them from one network.
const MOST_OF_ONE: i64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A38.
    #[test]
    fn user_codes_are_eight_consonants_each_time_others() {
        let code = |_| random_text(LETTERS, USER_CODE).to_string();
        let codes: std::collections::HashSet<_> = (0..200).map(code).collect();
        assert_eq!(codes.len(), 200);
        for code in codes {
            assert!(lookup(&code).is_some(), "{code}");
        }
    }

    #[test]
    fn a_user_code_is_found_however_it_is_typed() {
        let found = lookup("BCDF-GHJK").unwrap();
        for typed in ["bcdfghjk", " bcdf ghjk ", "B-C-D-F-G-H-J-K"] {
            assert_eq!(lookup(typed), Some(found), "{typed}");
        }
        for typed in [
            "",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "ACDF-GHJK",
            "BCDF-GHJ0",
            "ÄCDFGHJK",
        ] {
            assert_eq!(lookup(typed), None, "{typed}");
        }
    }
}
