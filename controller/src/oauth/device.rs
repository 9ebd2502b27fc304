//! Device codes (RFC 8628): a program without a browser shows its user a short code, and the user
//! types it on our page. What the page does stands here.

use std::time::Duration;

use proto::id::{ClientUid, UserUid};
use token::sha256_of;

use super::{
    grant::{self, NewGrant},
    rules::Rules,
};
use crate::store::{OneTenant, StoreError, Tx, client::Registration, device::State};

/// Who asks, for the user to recognise.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// The client.
    pub(crate) client: ClientUid,
    /// What it calls itself towards us.
    pub(crate) client_id: String,
    /// What people call it.
    pub(crate) client_name: String,
    /// How it came to be known.
    pub(crate) registration: Registration,
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
        client_name: asking.client_name,
        registration: asking.registration,
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

#[cfg(test)]
mod tests {
    use super::*;

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
