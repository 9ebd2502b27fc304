//! Who asks for tokens. A client is in the database, or in a document at the address that it has for
//! an id, or built in; endpoints see no difference.

use std::sync::Arc;

use proto::{id::ClientUid, name::Slug};
use time::OffsetDateTime;
use token::jwt::KeySet;
use uuid::Uuid;

pub(crate) use self::authenticate::{authenticate, unproven};
use self::{
    document::Document,
    shelf::{Asker, Shelf},
};
use super::{budget::Budgets, issuer::Issuer, redirect::Redirect, rules::Rules};
pub(crate) use crate::store::client::{AuthMethod, Metadata, Registration, Trust, Version};
use crate::{
    auth::{Desk, Visit},
    error::Error,
    store::{OneTenant, StoreError, Tx, client as stored},
};

/// How a client proves who it is.
mod authenticate;

/// By a token of its own.
mod assertion;

/// What is taken over of what a client says.
pub(crate) mod intake;

/// Metadata documents.
mod document;

/// Well-known clients.
mod known;

/// What other hosts publish.
pub(crate) mod shelf;

/// What a controller remembers about clients from one request to the next. It may forget all of it.
pub(crate) struct Clients {
    documents: Shelf<Document>,
    keys: Shelf<KeySet>,
    /// How fast they may register.
    pub(crate) budgets: Budgets,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            documents: document::shelf(),
            keys: assertion::shelf(),
            budgets: Budgets::default(),
        }
    }
}

/// A client as endpoints see it.
#[expect(
    clippy::struct_field_names,
    reason = "`client_id` is what everybody calls it"
)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Client {
    /// Its row; `None` for a client without one yet, see [`keep`].
    pub(crate) uid: Option<ClientUid>,
    /// The last segment of its name, where it has a row.
    pub(crate) slug: Option<String>,
    /// What it calls itself.
    pub(crate) client_id: String,
    /// How it came to be known.
    pub(crate) registration: Registration,
    /// What it, or an operator, says that people call it. Only as true as it is `verified`.
    pub(crate) name: String,
    /// Where its users may be sent back to.
    pub(crate) redirect_uris: Vec<String>,
    /// What it may ask for tokens with.
    pub(crate) grant_types: Vec<String>,
    /// How it proves who it is; after [`authenticate`], how it did.
    pub(crate) auth_method: AuthMethod,
    /// All the ways that are good.
    pub(crate) auth_methods: Vec<AuthMethod>,
    /// Its public keys.
    pub(crate) keys: Keys,
    /// What the tenant thinks of it.
    pub(crate) trust: Trust,
    /// Whether it is a well-known client: its document is at that client's address, or it is ours.
    pub(crate) verified: bool,
    /// The host of its document.
    pub(crate) host: Option<String>,
    /// The roles of tokens that it gets for itself.
    pub(crate) roles: Vec<String>,
    /// When it last got a token, as far as that was noted.
    pub(crate) last_used_at: Option<OffsetDateTime>,
    /// What it was made of; `None` where that is not to be had again.
    pub(crate) source: Option<Source>,
}

/// What makes a client what it is: the same again means the same client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// The state of its row.
    pub(crate) row: Version,
    /// Its document, as it was fetched.
    document: Option<Arc<Document>>,
}

/// Where a client's public keys are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Keys {
    /// It has none.
    None,
    /// Here.
    Here(serde_json::Value),
    /// There.
    At(String),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoClient {
    /// Nobody has this id.
    #[error("no such client")]
    Unknown,
    /// The tenant refuses it.
    #[error("the client is blocked")]
    Blocked,
    /// Its document cannot be had.
    #[error("the client's document cannot be had")]
    Unreachable,
    /// Its document is not what it must be.
    #[error("the client's document is unfit: {0}")]
    Unfit(String),
    /// The database.
    #[error("the client cannot be looked up")]
    Inside(#[source] Error),
}

impl Source {
    /// Whether the document of this client, where it has one, is still the same.
    pub(crate) fn is_fresh(&self, client_id: &str, clients: &Clients) -> bool {
        let document = self.document.as_ref();
        document.is_none_or(|document| clients.documents.has(client_id, document))
    }
}

impl Client {
    /// Where its users go back to, if that is one of its addresses.
    pub(crate) fn redirect(&self, asked: Option<&str>) -> Option<Redirect> {
        Redirect::choose(&self.redirect_uris, asked)
    }

    /// Whether it may ask for tokens in this way.
    pub(crate) fn may(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|own| own == grant_type)
    }

    /// Whether it is the command line of this product.
    pub(crate) fn is_ours(&self) -> bool {
        self.client_id == OURS
    }

    /// The command line of this product: every tenant has it.
    fn ours() -> Self {
        Self {
            uid: None,
            slug: None,
            client_id: OURS.to_owned(),
            registration: Registration::Manual,
            name: "Aldgate CLI".to_owned(),
            redirect_uris: OUR_REDIRECTS.map(str::to_owned).to_vec(),
            grant_types: [AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE]
                .map(str::to_owned)
                .to_vec(),
            auth_method: AuthMethod::None,
            auth_methods: vec![AuthMethod::None],
            keys: Keys::None,
            trust: Trust::Ask,
            verified: true,
            host: None,
            roles: Vec::new(),
            last_used_at: None,
            source: None,
        }
    }

    /// What is stored of it.
    fn metadata(&self) -> Metadata {
        let (jwks, jwks_uri) = match &self.keys {
            Keys::None => (None, None),
            Keys::Here(keys) => (Some(keys.clone()), None),
            Keys::At(uri) => (None, Some(uri.clone())),
        };
        let further = self.auth_methods.iter().copied();
        Metadata {
            redirect_uris: self.redirect_uris.clone(),
            grant_types: self.grant_types.clone(),
            token_endpoint_auth_method: self.auth_method,
            further_auth_methods: further
                .filter(|method| *method != self.auth_method)
                .collect(),
            jwks,
            jwks_uri,
            ..Metadata::default()
        }
    }

    /// A client as its row has it. Of ours, the row says no more than what the tenant thinks of it.
    fn of_row(row: stored::Client) -> Self {
        let source = Source {
            row: row.version(),
            document: None,
        };
        let metadata = row.metadata;
        let known = Self {
            uid: Some(row.uid),
            slug: Some(row.slug),
            trust: row.trust,
            last_used_at: row.last_used_at,
            source: Some(source),
            ..Self::ours()
        };
        if row.client_id == OURS {
            return known;
        }
        let auth_method = metadata.token_endpoint_auth_method;
        let further = metadata.further_auth_methods.into_iter();
        let auth_methods = [auth_method].into_iter().chain(further).collect();
        let keys = match (metadata.jwks, metadata.jwks_uri) {
            (Some(keys), _) => Keys::Here(keys),
            (None, Some(uri)) => Keys::At(uri),
            (None, None) => Keys::None,
        };
        Self {
            client_id: row.client_id,
            registration: row.registration,
            name: row.display_name,
            redirect_uris: metadata.redirect_uris,
            grant_types: metadata.grant_types,
            auth_method,
            auth_methods,
            keys,
            verified: false,
            host: None,
            roles: row.roles,
            ..known
        }
    }
}

/// For whom, and where, a client is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Seeker<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) visit: &'a Visit,
    pub(crate) issuer: &'a Issuer,
    pub(crate) rules: &'a Rules,
}

impl Seeker<'_> {
    /// The client of this id.
    pub(crate) async fn find(self, client_id: &str) -> Result<Client, NoClient> {
        let tx = self.desk.enter(self.visit, "oauth.client").await?;
        let tx = tx.ok_or(NoClient::Unknown)?;
        let (client, _) = self.find_in(tx, client_id).await?;
        Ok(client)
    }

    /// The client of this id, and the transaction that it was found in, unless its document had to be
    /// had: none is open while one is fetched.
    async fn find_in(
        self,
        mut tx: Tx<OneTenant>,
        client_id: &str,
    ) -> Result<(Client, Option<Tx<OneTenant>>), NoClient> {
        // That of an assertion comes from JSON, which can say a zero byte.
        if client_id.is_empty() || client_id.len() > LONGEST_ID || client_id.contains('\0') {
            return Err(NoClient::Unknown);
        }
        let row = tx.client_by_id(client_id).await?;
        if row.as_ref().is_some_and(|row| row.trust == Trust::Blocked) {
            return Err(NoClient::Blocked);
        }
        match row {
            row if client_id.starts_with("https://") => {
                let asker = Asker::of(&tx, self.visit);
                drop(tx);
                let client = document::client(self, &asker, client_id, row).await?;
                Ok((client, None))
            }
            Some(row) => Ok((Client::of_row(row), Some(tx))),
            None if client_id == OURS => Ok((Client::ours(), Some(tx))),
            None => Err(NoClient::Unknown),
        }
    }
}

/// Whether a document at this address is a well-known client's.
pub(crate) fn is_well_known(client_id: &str) -> bool {
    known::of(client_id).is_some()
}

/// Whether this is the id of a well-known client.
pub(crate) fn is_known(client_id: &str) -> bool {
    client_id == OURS || known::of(client_id).is_some()
}

/// The client's row, which is made if need be. It has a grant from now on and is not forgotten.
pub(crate) async fn keep(tx: &mut Tx<OneTenant>, client: &Client) -> Result<ClientUid, StoreError> {
    let uid = hold(tx, client).await?;
    tx.note_granted(uid).await?;
    Ok(uid)
}

/// The client's row, which is made if need be, and forgotten when it gets no grant. That of a
/// document client holds what its document says now, in case that cannot be had later.
pub(crate) async fn hold(tx: &mut Tx<OneTenant>, client: &Client) -> Result<ClientUid, StoreError> {
    if let (Some(uid), Registration::Manual | Registration::Dynamic) =
        (client.uid, client.registration)
    {
        return Ok(uid);
    }
    let row = stored::Client {
        uid: client
            .uid
            .unwrap_or_else(|| ClientUid::from_uuid(Uuid::now_v7())),
        slug: slug(client),
        client_id: client.client_id.clone(),
        registration: client.registration,
        display_name: client.name.clone(),
        metadata: client.metadata(),
        roles: Vec::new(),
        trust: Trust::Ask,
        granted_at: None,
        last_used_at: None,
        etag: 1,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    tx.insert_document_client(&row).await
}

/// A name for a client that nobody named: what it calls itself, as far as that fits, and some digits
/// that nobody else has.
fn slug(client: &Client) -> String {
    if client.is_ours() {
        return OURS.to_owned();
    }
    slug_of(client.host.as_deref().unwrap_or(&client.name))
}

/// A name made of this text and random digits.
pub(super) fn slug_of(text: &str) -> String {
    let mut words = String::new();
    for byte in text.bytes().take(WORDS) {
        match byte.to_ascii_lowercase() {
            byte if byte.is_ascii_alphanumeric() => words.push(char::from(byte)),
            _ if words.is_empty() || words.ends_with('-') => {}
            _ => words.push('-'),
        }
    }
    let words = words.trim_end_matches('-');
    let digits = Uuid::new_v4().simple().to_string();
    let digits = &digits[..DIGITS];
    let slug = match words {
        "" => digits.to_owned(),
        words => format!("{words}-{digits}"),
    };
    debug_assert!(slug.parse::<Slug>().is_ok(), "{slug}");
    slug
}

impl From<StoreError> for NoClient {
    fn from(error: StoreError) -> Self {
        Self::Inside(error.into())
    }
}

/// The id and the name of our own client.
pub(crate) const OURS: &str = "aldgate-cli";
/// Grant types.
pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";
pub(crate) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

const OUR_REDIRECTS: [&str; 3] = [
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "http://localhost/callback",
];
/// A client may be the subject of its own tokens, and subjects have no more bytes.
const LONGEST_ID: usize = 256;
const WORDS: usize = 24;
const DIGITS: usize = 12;
