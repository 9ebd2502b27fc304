//! What a login must show again when it comes back from a provider: the state, which went through the
//! browser, and the nonce and PKCE verifier, which nobody has seen. It counts once, in the browser that
//! began the login (A31, OA-19).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::id::IdentityProviderUid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use token::random_bits;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    error::Error,
    oauth::login::Transaction,
    store::{OneTenant, Tx},
    vault::{Place, Vault},
};

/// A login on its way to a provider.
pub(super) struct Errand {
    /// Travels through the browser and the provider.
    pub(super) state: String,
    pub(super) secrets: Secrets,
}

/// What is kept from everybody meanwhile.
#[derive(Serialize, Deserialize, Zeroize)]
#[zeroize(drop)]
pub(super) struct Secrets {
    pub(super) nonce: String,
    pub(super) verifier: String,
}

/// What stands in the row.
#[derive(Serialize, Deserialize)]
struct Noted {
    provider: Uuid,
    state_sha256: String,
}

impl Errand {
    pub(super) fn new(transaction: Uuid, verifier: String) -> Self {
        Self {
            state: format!("{}.{}", transaction.simple(), *random_bits()),
            secrets: Secrets {
                nonce: random_bits().to_string(),
                verifier,
            },
        }
    }

    /// Notes it in the transaction.
    pub(super) async fn note(
        &self,
        tx: &mut Tx<OneTenant>,
        vault: &Vault,
        transaction: Uuid,
        provider: IdentityProviderUid,
    ) -> Result<(), Error> {
        let noted = Noted {
            provider: provider.uuid(),
            state_sha256: hash(&self.state),
        };
        let noted = serde_json::to_value(noted).expect("an id and a text");
        let secrets = serde_json::to_vec(&self.secrets).expect("two texts");
        let secrets = Zeroizing::new(secrets);
        let keys = tx.tenant_keys().await?;
        let place = Place::login(tx.tenant().uid, transaction);
        let sealed = vault.seal(&keys, &place, &secrets)?;
        tx.set_login_upstream(transaction, Some((&noted, &sealed)))
            .await?;
        Ok(())
    }
}

/// The transaction that a state names; whether it is right is not said by that.
pub(super) fn transaction_of(state: &str) -> Option<Uuid> {
    let (transaction, _) = state.split_once('.')?;
    Uuid::try_parse(transaction).ok()
}

/// What was noted, if this provider's answer may be for it. It counts no second time, right or wrong.
pub(super) async fn take(
    tx: &mut Tx<OneTenant>,
    vault: &Vault,
    transaction: &Transaction,
    provider: IdentityProviderUid,
    state: &str,
) -> Result<Option<Secrets>, Error> {
    let (Some(noted), Some(sealed)) = (&transaction.upstream, &transaction.upstream_sealed) else {
        return Ok(None);
    };
    tx.set_login_upstream(transaction.id, None).await?;
    if !matches(noted, provider, state) {
        return Ok(None);
    }
    let keys = tx.tenant_keys().await?;
    let place = Place::login(tx.tenant().uid, transaction.id);
    let secrets = vault.open(&keys, &place, sealed)?;
    Ok(serde_json::from_slice(&secrets).ok())
}

fn matches(noted: &Value, provider: IdentityProviderUid, state: &str) -> bool {
    // Hashes are compared, so that the time it takes tells nothing.
    Noted::deserialize(noted)
        .is_ok_and(|noted| noted.provider == provider.uuid() && noted.state_sha256 == hash(state))
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(token::sha256_of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A31, A33: the state is of one login at one provider.
    #[test]
    fn a_state_matches_its_own_login_and_provider() {
        let transaction = Uuid::new_v4();
        let provider = |number| IdentityProviderUid::from_uuid(Uuid::from_u128(number));
        let (one, other) = (errand(transaction), errand(transaction));
        let noted = serde_json::to_value(Noted {
            provider: provider(1).uuid(),
            state_sha256: hash(&one.state),
        });
        let noted = noted.unwrap();
        assert!(matches(&noted, provider(1), &one.state));
        assert!(!matches(&noted, provider(2), &one.state));
        assert!(!matches(&noted, provider(1), &other.state));
        assert!(!matches(&Value::Null, provider(1), &one.state));
        assert_eq!(transaction_of(&one.state), Some(transaction));
        assert_eq!(transaction_of("x.y"), None);
        assert_eq!(transaction_of(""), None);
    }

    fn errand(transaction: Uuid) -> Errand {
        Errand::new(transaction, "verifier".to_owned())
    }
}
