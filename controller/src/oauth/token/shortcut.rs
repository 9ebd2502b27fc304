//! The short way to further tokens. Nearly every refresh of a client is like the one before, so a
//! controller remembers what it found when a client last came the long way, and asks the database to
//! rotate if all of that is still so. What is remembered is not believed but compared: a document with
//! what is on the shelf, all else where the token is rotated and in the same moment. So it cannot be
//! out of date, and it may be forgotten.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use proto::access::v1::Branding;
use seal::TenantKey;
use token::{RefreshToken, access::SigningKey};
use zeroize::Zeroizing;

use super::{
    super::{
        call::{Call, Form},
        client::{AuthMethod, REFRESH_TOKEN, Source, unproven},
        issuer::Issuer,
        resource,
        rules::Rules,
    },
    Fault, Issued,
    bearer::{Bearer, Share},
    mint::{Mint, Signing},
};
use crate::{
    auth::{Desk, Visit},
    store::refresh::expected::{Expected, Rotated, Rotation},
};

/// One for each client at each address. Cloning is cheap.
#[derive(Clone, Default)]
pub(crate) struct Shortcuts(Arc<Mutex<Known>>);

/// By address and client.
type Known = HashMap<String, Arc<Shortcut>>;

/// What the tokens of a client are made of, besides its grant.
pub(super) struct Shortcut {
    expected: Expected,
    issuer: Issuer,
    rules: Rules,
    client_id: String,
    source: Source,
    refresh_key: Zeroizing<[u8; 32]>,
    signer: Arc<SigningKey>,
}

impl Shortcuts {
    /// Remembers a client as it came, if there is a short way for it: it has nothing to prove, and what
    /// it is made of can be compared. Our own goes the long way, which alone knows of the admin API.
    pub(super) fn learn(&self, call: &Call, key: &TenantKey, signer: &Arc<SigningKey>) {
        let (client, tenant) = (&call.client, &call.tenant);
        let (Some(uid), Some(source), AuthMethod::None, false) = (
            client.uid,
            &client.source,
            client.auth_method,
            client.is_ours(),
        ) else {
            return;
        };
        let shortcut = Shortcut {
            expected: Expected {
                tenant: tenant.uid,
                tenant_version: (tenant.revision, tenant.updated_at),
                tenant_key: (key.id(), key.version()),
                signing_key: signer.kid().to_owned(),
                client: uid,
                client_version: source.row,
            },
            issuer: call.issuer.clone(),
            rules: Rules {
                branding: Branding::default(),
                ..call.rules.clone()
            },
            client_id: client.client_id.clone(),
            source: source.clone(),
            refresh_key: key.refresh_key(),
            signer: Arc::clone(signer),
        };
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        let name = name(call.issuer.called(), &client.client_id);
        known.insert(name, Arc::new(shortcut));
    }

    fn of(&self, visit: &Visit, form: &Form) -> Option<Arc<Shortcut>> {
        // What is asked for less often goes the long way.
        let usual = form.params.get("grant_type") == Some(REFRESH_TOKEN)
            && form.params.get("scope").is_none();
        let client = usual.then(|| unproven(&form.headers, &form.params))??;
        let known = self.known();
        known.get(&name(&visit.base, &client)).map(Arc::clone)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No address holds a space.
fn name(address: &str, client_id: &str) -> String {
    format!("{address} {client_id}")
}

/// Tokens for a refresh token, or `None` if this is not the usual: then nothing has changed, and the
/// long way finds out what it is.
pub(super) async fn issue(
    desk: &Desk,
    visit: &Visit,
    form: &Form,
) -> Result<Option<Issued>, Fault> {
    let shortcut = desk.shortcuts.of(visit, form);
    let shortcut = shortcut.filter(|shortcut| shortcut.is_fresh(desk));
    let Some(shortcut) = shortcut else {
        return Ok(None);
    };
    let presented = form.params.get("refresh_token").map(RefreshToken::parse);
    let resources = resource::canonical(&shortcut.issuer, &form.params.resources());
    let (Some(Ok(presented)), Ok(resources)) = (presented, resources) else {
        return Ok(None);
    };
    let successor = presented.successor(&shortcut.refresh_key);
    let time = desk.store.now();
    let rotation = Rotation {
        presented: &presented.sha256(),
        successor: &successor.sha256(),
        resources: &resources,
        idle: shortcut.rules.idle_life,
    };
    let rotated = desk
        .store
        .rotate_as_expected(&shortcut.expected, rotation, time);
    let Some(rotated) = rotated.await? else {
        return Ok(None);
    };
    let signing = Signing {
        key: Arc::clone(&shortcut.signer),
        moment: rotated.moment,
        time,
    };
    let bearer = shortcut.bearer(rotated, resources)?;
    let issued = shortcut.mint().issue(&signing, bearer, Some(&successor))?;
    metrics::counter!("aldgate_token_refreshes_total", "way" => "short").increment(1);
    Ok(Some(issued))
}

impl Shortcut {
    fn is_fresh(&self, desk: &Desk) -> bool {
        self.source.is_fresh(&self.client_id, &desk.clients)
    }

    fn bearer(&self, rotated: Rotated, wanted: Vec<String>) -> Result<Bearer, Fault> {
        let share = Share {
            grant: rotated.grant,
            user: rotated.user,
            scopes: rotated.scopes,
            resources: if wanted.is_empty() {
                rotated.resources
            } else {
                wanted
            },
            until: rotated.expires_at,
        };
        Bearer::of(&self.rules, false, rotated.rights, share)
    }

    fn mint(&self) -> Mint<'_> {
        Mint {
            tenant: self.expected.tenant,
            issuer: &self.issuer,
            rules: &self.rules,
            client_id: &self.client_id,
        }
    }
}

/// Some KiB each, mostly the tenant's scopes and the client's document.
const MOST: usize = 10_000;
