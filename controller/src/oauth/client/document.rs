//! Clients that are known by a document at the address that they have for an id (client-id metadata
//! documents): which addresses can be one, what such a document must say, and where it comes from
//! when its host does not answer.

use std::{sync::Arc, time::Duration};

use egress::{Endpoint, Scheme, fetch::Limits};
use serde::Deserialize;
use serde_json::Value;
use token::jwt::KeySet;
use url::Host;

use super::{
    AuthMethod, Client, Keys, NoClient, Registration, Seeker, Source, Trust, intake,
    known::{self, Known},
    shelf::{Asker, Missing, Shelf},
};
use crate::{oauth::issuer::Issuer, store::client as stored};
use proto::access::v1::DocumentPolicy;

/// What a document says, as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// What it calls itself.
    pub(super) name: String,
    /// Where its users may be sent back to.
    pub(super) redirect_uris: Vec<String>,
    /// What it may ask for tokens with.
    pub(super) grant_types: Vec<String>,
    /// How it may prove who it is, what it prefers first.
    pub(super) auth_methods: Vec<AuthMethod>,
    /// Its public keys.
    pub(super) keys: Keys,
}

/// The members that are read. One that is there twice makes a document unreadable.
#[derive(Deserialize)]
struct Sent {
    client_id: String,
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<OneOrMore>,
    token_endpoint_auth_methods_supported: Option<OneOrMore>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    client_secret: Option<Value>,
    client_secret_expires_at: Option<Value>,
}

/// Some write a list where a word belongs.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// The client whose document is at this address. The row, if there is one, says what the tenant
/// thinks of it.
pub(super) async fn client(
    seeker: Seeker<'_>,
    asker: &Asker,
    client_id: &str,
    row: Option<stored::Client>,
) -> Result<Client, NoClient> {
    let known = known::of(client_id);
    match seeker.rules.documents {
        DocumentPolicy::Off => return Err(NoClient::Unknown),
        DocumentPolicy::Known if known.is_none() => {
            let text = "only well-known clients may bring one here";
            return Err(NoClient::Unfit(text.to_owned()));
        }
        DocumentPolicy::Unspecified | DocumentPolicy::Any | DocumentPolicy::Known => {}
    }
    let endpoint =
        address(client_id, seeker.issuer).map_err(|why| NoClient::Unfit(why.to_owned()))?;
    let read = |body: &[u8]| {
        let document = Document::read(client_id, body)?;
        compare(client_id, &document, known.as_ref());
        Ok(document)
    };
    let desk = seeker.desk;
    let documents = &desk.clients.documents;
    let found = documents.get(&desk.documents, &endpoint, asker, read);
    let found = found.await;
    // What is not on the shelf, nobody can compare.
    let source = row.as_ref().zip(found.as_ref().ok());
    let source = source.map(|(row, document)| Source {
        row: row.version(),
        document: Some(Arc::clone(document)),
    });
    let document = match (found, &known, &row) {
        (Ok(document), _, _) => document,
        (Err(_), Some(known), _) => Arc::new(known.pinned.clone()),
        // As it was when somebody let it in.
        (Err(_), None, Some(row)) if row.granted_at.is_some() => Arc::new(Document::of_row(row)),
        (Err(Missing::Unreachable), None, _) => return Err(NoClient::Unreachable),
        (Err(Missing::Unfit(why)), None, _) => return Err(NoClient::Unfit(why.to_owned())),
    };
    let name = known.as_ref().map_or(&*document.name, |known| known.name);
    Ok(Client {
        uid: row.as_ref().map(|row| row.uid),
        slug: row.as_ref().map(|row| row.slug.clone()),
        client_id: client_id.to_owned(),
        registration: Registration::Document,
        name: name.to_owned(),
        redirect_uris: document.redirect_uris.clone(),
        grant_types: document.grant_types.clone(),
        auth_method: document.auth_methods.first().copied().unwrap_or_default(),
        auth_methods: document.auth_methods.clone(),
        keys: document.keys.clone(),
        trust: row.as_ref().map_or(Trust::Ask, |row| row.trust),
        last_used_at: row.and_then(|row| row.last_used_at),
        verified: known.is_some(),
        host: Some(endpoint.origin.authority()),
        roles: Vec::new(),
        source,
    })
}

/// The address that an id is, if one can be (CIMD-1): https, a name for a host, a path, and spelled
/// in the one way in which it would be written back.
pub(super) fn address(client_id: &str, issuer: &Issuer) -> Result<Endpoint, &'static str> {
    let endpoint = Endpoint::parse(client_id).map_err(|_| "its address is none")?;
    if endpoint.origin.scheme() != Scheme::Https {
        return Err("its address must be https");
    }
    if !matches!(endpoint.origin.host(), Host::Domain(_)) {
        return Err("its address must have a host by name");
    }
    if endpoint.path_and_query.path() == "/" || endpoint.to_string() != client_id {
        return Err("its address must have a path and be spelled in the usual way");
    }
    if Endpoint::parse(issuer.origin()).is_ok_and(|own| own.origin == endpoint.origin) {
        return Err("its address is ours");
    }
    Ok(endpoint)
}

/// The copy that we ship should say what the original says.
fn compare(client_id: &str, document: &Document, known: Option<&Known>) {
    if known.is_some_and(|known| known.pinned.redirect_uris != document.redirect_uris) {
        tracing::warn!(
            client_id,
            "a well-known client's document is not what we have of it"
        );
    }
}

impl Document {
    /// Reads a document that was at this address (CIMD-2, CIMD-6, CIMD-7).
    pub(super) fn read(client_id: &str, body: &[u8]) -> Result<Self, &'static str> {
        let sent: Sent = serde_json::from_slice(body).map_err(|_| "it cannot be read")?;
        if sent.client_id != client_id {
            return Err("its client_id is not its address");
        }
        if sent.client_secret.is_some() || sent.client_secret_expires_at.is_some() {
            return Err("it holds a secret");
        }
        let name = sent.client_name.as_deref().and_then(intake::name);
        let name = name.ok_or("it has no client_name")?;
        let redirects = sent.redirect_uris.unwrap_or_default();
        if redirects.len() > intake::MOST_REDIRECTS {
            return Err("it has more than 32 redirect_uris");
        }
        let redirects: Vec<_> = redirects.iter().map(String::as_str).collect();
        let redirect_uris = intake::redirects(&redirects);
        if redirect_uris.is_empty() {
            return Err("none of its redirect_uris can be used");
        }
        let grants = sent.grant_types.as_ref();
        let grants = grants.map(|grants| grants.iter().map(String::as_str).collect::<Vec<_>>());
        let grant_types = intake::grants(grants.as_deref());
        if grant_types.is_empty() {
            return Err("none of its grant_types is known");
        }
        let keys = keys(client_id, sent.jwks, sent.jwks_uri)?;
        let named = [
            sent.token_endpoint_auth_method,
            sent.token_endpoint_auth_methods_supported,
        ];
        let auth_methods = methods(named, &keys);
        if auth_methods.is_empty() {
            return Err("none of its ways to authenticate is known");
        }
        Ok(Self {
            name,
            redirect_uris,
            grant_types,
            auth_methods,
            keys,
        })
    }

    fn of_row(row: &stored::Client) -> Self {
        let client = Client::of_row(row.clone());
        Self {
            name: client.name,
            redirect_uris: client.redirect_uris,
            grant_types: client.grant_types,
            auth_methods: client.auth_methods,
            keys: client.keys,
        }
    }
}

/// The ways that both sides know. Saying nothing means none: a secret nobody could have.
fn methods(named: [Option<OneOrMore>; 2], keys: &Keys) -> Vec<AuthMethod> {
    let mut kept = Vec::new();
    let mut silent = true;
    for named in named.into_iter().flatten() {
        silent = false;
        let list = match named {
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(list) => list,
        };
        for method in list.iter().filter_map(|name| AuthMethod::of(name)) {
            let possible = match method {
                AuthMethod::None => true,
                AuthMethod::PrivateKeyJwt => *keys != Keys::None,
                AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => false,
            };
            if possible && !kept.contains(&method) {
                kept.push(method);
            }
        }
    }
    if silent {
        kept.push(AuthMethod::None);
    }
    kept
}

/// Public keys alone, and only from the document's own host.
fn keys(client_id: &str, jwks: Option<Value>, uri: Option<String>) -> Result<Keys, &'static str> {
    if let Some(jwks) = jwks {
        if intake::holds_zero(&jwks) {
            return Err("its jwks cannot be used");
        }
        let text = jwks.to_string();
        let set = KeySet::parse_jwks(text.as_bytes()).map_err(|_| "its jwks cannot be used")?;
        return Ok(if set.is_empty() {
            Keys::None
        } else {
            Keys::Here(jwks)
        });
    }
    let Some(uri) = uri else {
        return Ok(Keys::None);
    };
    let origin = |text: &str| Endpoint::parse(text).ok().map(|endpoint| endpoint.origin);
    let own = origin(client_id);
    Ok(if own.is_some() && origin(&uri) == own {
        Keys::At(uri)
    } else {
        Keys::None
    })
}

/// Documents that were fetched.
pub(super) fn shelf() -> Shelf<Document> {
    Shelf::new(
        2048,
        Limits {
            time: Duration::from_secs(5),
            bytes: 5 << 10,
        },
    )
}

#[cfg(test)]
mod tests;
