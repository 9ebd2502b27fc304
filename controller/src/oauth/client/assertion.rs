//! Assertions: a client proves who it is by a token that it signed itself (RFC 7523 §2.2, §3). Good
//! for ten minutes at most, for this issuer alone, and once.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use egress::{Endpoint, fetch::Limits};
use serde_json::Value;
use time::OffsetDateTime;
use token::{
    jwt::{self, Claims, KeySet, LEEWAY, Refusal, Rules},
    sha256_of,
};

use super::{
    Client, Keys, Seeker,
    shelf::{Asker, Shelf},
};
use crate::{
    auth::{Desk, Visit},
    oauth::{fault::Fault, issuer::Issuer},
    store::StoreError,
};

/// Checks the assertion of a client and uses it up. `false` for one that proves nothing.
pub(super) async fn holds(
    seeker: Seeker<'_>,
    client: &Client,
    assertion: &str,
) -> Result<bool, Fault> {
    let (desk, visit) = (seeker.desk, seeker.visit);
    let Some(tx) = desk.enter(visit, "oauth.authenticate").await? else {
        return Ok(false);
    };
    let (now, asker) = (tx.time(), Asker::of(&tx, visit));
    drop(tx);
    let rules = rules(seeker.issuer, client);
    let Some(claims) = verified(desk, &asker, client, &rules, assertion, now.into()).await else {
        return Ok(false);
    };
    let longest = SystemTime::from(now) + LONGEST + LEEWAY + LEEWAY;
    let Some(id) = member(assertion, "jti").filter(|id| id.len() <= LONGEST_ID) else {
        return Ok(false);
    };
    if *claims.subject != *client.client_id || claims.expires > longest {
        return Ok(false);
    }
    let once = sha256_of(&format!("{}\n{id}", client.client_id));
    Ok(spend(desk, visit, &once, claims.expires.into()).await?)
}

/// What an assertion says before anybody has checked it.
pub(super) fn member(assertion: &str, name: &str) -> Option<String> {
    let payload = assertion.split('.').nth(1)?;
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let value = payload.get(name)?.as_str()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// `iss` is the client, `aud` we, under any of the names that clients know us by.
fn rules(issuer: &Issuer, client: &Client) -> Rules {
    let token = issuer.url("/token");
    let audiences = [
        issuer.as_str(),
        &issuer.url("/"),
        &token,
        &format!("{token}/"),
    ];
    Rules::of_assertions(&client.client_id, &audiences)
}

async fn verified(
    desk: &Desk,
    asker: &Asker,
    client: &Client,
    rules: &Rules,
    assertion: &str,
    now: SystemTime,
) -> Option<Claims> {
    match &client.keys {
        Keys::None => None,
        Keys::Here(set) => {
            let keys = KeySet::parse_jwks(set.to_string().as_bytes()).ok()?;
            jwt::verify(assertion, rules, &keys, now).ok()
        }
        Keys::At(uri) => {
            let endpoint = Endpoint::parse(uri).ok()?;
            let shelf = &desk.clients.keys;
            let keys = shelf
                .get(&desk.documents, &endpoint, asker, read)
                .await
                .ok()?;
            match jwt::verify(assertion, rules, &keys, now) {
                Ok(claims) => Some(claims),
                // Signed with a key that the client has changed to meanwhile.
                Err(Refusal::UnknownKey) => {
                    let found = shelf.get_younger(&desk.documents, &endpoint, asker, RENEWED, read);
                    jwt::verify(assertion, rules, &*found.await.ok()?, now).ok()
                }
                Err(Refusal::Malformed | Refusal::Invalid | Refusal::Expired) => None,
            }
        }
    }
}

async fn spend(
    desk: &Desk,
    visit: &Visit,
    sha256: &[u8; 32],
    expires: OffsetDateTime,
) -> Result<bool, StoreError> {
    let Some(mut tx) = desk.enter(visit, "oauth.authenticate").await? else {
        return Ok(false);
    };
    let first = tx.spend_assertion(sha256, expires).await?;
    tx.commit_unrecorded().await?;
    Ok(first)
}

fn read(body: &[u8]) -> Result<KeySet, &'static str> {
    KeySet::parse_jwks(body).map_err(|_| "it is no JWK set")
}

/// Key sets that were fetched.
pub(super) fn shelf() -> Shelf<KeySet> {
    Shelf::new(
        512,
        Limits {
            // A document may have been fetched before, and the request has its own deadline.
            time: Duration::from_secs(3),
            bytes: 64 << 10,
        },
    )
}

const LONGEST: Duration = Duration::from_mins(10);
const LONGEST_ID: usize = 256;
/// How old a key set is at least that is fetched again for the sake of an unknown key.
const RENEWED: Duration = Duration::from_secs(30);
