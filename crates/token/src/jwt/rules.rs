//! What an authenticator accepts: the configuration, checked field by field and ready to use. Both
//! sides compile it, the controller to refuse what is wrong and the nodes to serve.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::Algorithm;
use prost::Message as _;
use proto::access::v1::{JwtAuthenticator, RequiredClaim};
use url::Url;

use super::keys::{KeySet, algorithm_of, is_shared};

/// One compiled authenticator.
pub struct Rules {
    pub(super) issuer: Box<str>,
    pub(super) audiences: Box<[Box<str>]>,
    pub(super) algorithms: Box<[Algorithm]>,
    pub(super) subject_claim: Box<str>,
    pub(super) subject_prefix: Box<str>,
    pub(super) roles_claim: Box<str>,
    pub(super) groups_claim: Box<str>,
    pub(super) required: Box<[Required]>,
    pub(super) token_type: Box<str>,
    source: Source,
    header: Box<str>,
    bare: bool,
    identity: [u8; 32],
}

/// Where the issuer's keys come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A JWK set at this URL, to be fetched and refreshed.
    Remote(Box<str>),
    /// The keys themselves.
    Pinned(PinnedKeys),
    /// A shared secret, stored under this id; empty until it is stored.
    Secret(Box<str>),
}

/// Keys from the configuration.
#[derive(Clone)]
pub struct PinnedKeys {
    json: Box<str>,
    keys: Arc<KeySet>,
}

/// A field of the configuration that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Fault {
    /// Its path from the authenticator, for example `required_claims[0].type`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A claim that must be there.
#[derive(Debug)]
pub(super) struct Required {
    pub(super) name: Box<str>,
    pub(super) form: Form,
}

/// What it must be; an empty list means anything of that type.
#[derive(Debug)]
pub(super) enum Form {
    Text(Box<[Box<str>]>),
    Number(Box<[f64]>),
    Boolean(Box<[bool]>),
    Array(Box<[Box<str>]>),
}

impl Rules {
    /// The rules of this configuration, or the first field that is wrong.
    pub fn compile(config: &JwtAuthenticator) -> Result<Self, Fault> {
        if config.issuer.is_empty() || config.issuer.len() > MAX_TEXT {
            return Err(fault("issuer", "required, at most 2048 bytes"));
        }
        if config.audiences.is_empty() {
            return Err(fault("audiences", "at least one is required"));
        }
        for (at, audience) in config.audiences.iter().enumerate() {
            if audience.is_empty() || audience.len() > MAX_TEXT {
                let field = format!("audiences[{at}]");
                return Err(fault(field, "1 to 2048 bytes"));
            }
        }
        let source = source(config)?;
        let subject_claim = match &*config.subject_claim {
            "" => "sub",
            name => name,
        };
        if !config.subject_prefix.is_empty()
            && (config.subject_prefix.len() > MAX_PREFIX
                || !crate::is_subject(&format!("{}x", config.subject_prefix)))
        {
            let problem = "at most 128 bytes, no control characters, not `keys/` or `tokens/`";
            return Err(fault("subject_prefix", problem));
        }
        Ok(Self {
            issuer: (&*config.issuer).into(),
            audiences: config
                .audiences
                .iter()
                .map(|text| (&**text).into())
                .collect(),
            algorithms: algorithms(config, &source)?,
            subject_claim: subject_claim.into(),
            subject_prefix: (&*config.subject_prefix).into(),
            roles_claim: (&*config.roles_claim).into(),
            groups_claim: (&*config.groups_claim).into(),
            required: required(&config.required_claims)?,
            token_type: (&*config.token_type).into(),
            source,
            header: header(&config.header_name)?,
            bare: config.bare,
            identity: identity(config),
        })
    }

    /// The rules of assertions with which a client proves who it is (RFC 7523 §3): issued by itself,
    /// for one of these audiences, signed RS256, PS256 or ES256. Who checks one has its keys.
    pub fn of_assertions(client: &str, audiences: &[&str]) -> Self {
        Self {
            issuer: client.into(),
            audiences: audiences.iter().map(|&text| text.into()).collect(),
            algorithms: [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256].into(),
            subject_claim: "sub".into(),
            subject_prefix: "".into(),
            roles_claim: "".into(),
            groups_claim: "".into(),
            required: Box::default(),
            token_type: "".into(),
            source: Source::Remote("".into()),
            header: "".into(),
            bare: true,
            identity: [0; 32],
        }
    }

    /// What `iss` must be.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the keys come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The header that carries the token, in lower case.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Whether the header carries the token alone, without `Bearer `.
    pub fn is_bare(&self) -> bool {
        self.bare
    }

    /// A digest of the whole configuration: other rules have another one.
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("issuer", &self.issuer)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl PinnedKeys {
    /// The keys.
    pub fn keys(&self) -> &Arc<KeySet> {
        &self.keys
    }
}

impl PartialEq for PinnedKeys {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Eq for PinnedKeys {}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(url) => f.debug_tuple("Remote").field(url).finish(),
            Self::Pinned(pinned) => f.debug_tuple("Pinned").field(&pinned.keys).finish(),
            Self::Secret(uid) => f.debug_tuple("Secret").field(uid).finish(),
        }
    }
}

fn source(config: &JwtAuthenticator) -> Result<Source, Fault> {
    let secret = !config.secret.is_empty() || !config.secret_uid.is_empty();
    match (config.jwks_uri.is_empty(), config.jwks.is_empty(), secret) {
        (false, true, false) => remote(&config.jwks_uri),
        (true, false, false) => pinned(&config.jwks),
        (true, true, true) => shared(config),
        _ => {
            let problem = "exactly one of `jwks_uri`, `jwks` and `secret` is required";
            Err(fault("jwks_uri", problem))
        }
    }
}

/// Whether the address may be called is decided when it is called.
fn remote(text: &str) -> Result<Source, Fault> {
    let bad = |problem: &str| fault("jwks_uri", problem);
    if text.len() > MAX_TEXT {
        return Err(bad("at most 2048 bytes"));
    }
    let url = Url::parse(text).map_err(|_| bad("not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("not an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(bad("neither user, password nor fragment may stand in it"));
    }
    Ok(Source::Remote(text.into()))
}

fn pinned(json: &str) -> Result<Source, Fault> {
    if json.len() > MAX_JWKS {
        return Err(fault("jwks", "at most 65536 bytes"));
    }
    let keys =
        KeySet::parse_jwks(json.as_bytes()).map_err(|error| fault("jwks", error.to_string()))?;
    if keys.is_empty() {
        return Err(fault("jwks", "no usable signature key"));
    }
    Ok(Source::Pinned(PinnedKeys {
        json: json.into(),
        keys: Arc::new(keys),
    }))
}

fn shared(config: &JwtAuthenticator) -> Result<Source, Fault> {
    if !config.secret.is_empty() && !SECRET_BYTES.contains(&config.secret.len()) {
        return Err(fault("secret", "32 to 1024 bytes"));
    }
    Ok(Source::Secret((&*config.secret_uid).into()))
}

fn algorithms(config: &JwtAuthenticator, source: &Source) -> Result<Box<[Algorithm]>, Fault> {
    let with_secret = matches!(source, Source::Secret(_));
    if config.algorithms.is_empty() {
        return Ok(if with_secret {
            [Algorithm::HS256].into()
        } else {
            [Algorithm::RS256, Algorithm::ES256].into()
        });
    }
    let mut list = Vec::with_capacity(config.algorithms.len());
    for (at, name) in config.algorithms.iter().enumerate() {
        let bad = |problem: &str| Err(fault(format!("algorithms[{at}]"), problem));
        let Some(algorithm) = algorithm_of(name) else {
            return bad("unknown algorithm");
        };
        if list.contains(&algorithm) {
            return bad("named twice");
        }
        match (is_shared(algorithm), with_secret) {
            (true, false) => return bad("needs a shared secret"),
            (false, true) => return bad("does not go with a shared secret"),
            (true, true) | (false, false) => list.push(algorithm),
        }
    }
    Ok(list.into())
}

/// A header that a client may set for us, and that neither we nor HTTP use for something else.
fn header(name: &str) -> Result<Box<str>, Fault> {
    if name.is_empty() {
        return Ok("authorization".into());
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.len() > MAX_HEADER || !name.bytes().all(is_token) {
        return Err(fault("header_name", "not a header name"));
    }
    let name = name.to_ascii_lowercase();
    if RESERVED_HEADERS.contains(&&*name)
        || RESERVED_STARTS.iter().any(|start| name.starts_with(start))
    {
        return Err(fault("header_name", "this header has another use"));
    }
    Ok(name.into())
}

fn required(claims: &[RequiredClaim]) -> Result<Box<[Required]>, Fault> {
    claims
        .iter()
        .enumerate()
        .map(|(at, claim)| {
            let field = |name| format!("required_claims[{at}].{name}");
            if claim.name.is_empty() {
                return Err(fault(field("name"), "required"));
            }
            if claims[..at].iter().any(|other| other.name == claim.name) {
                return Err(fault(field("name"), "named twice"));
            }
            let values = || claim.values.iter().map(|text| (&**text).into()).collect();
            let form = match &*claim.r#type {
                "" | "string" => Form::Text(values()),
                "array" => Form::Array(values()),
                "number" => Form::Number(parsed(claim, &field("values"), "not a number")?),
                "boolean" => Form::Boolean(parsed(claim, &field("values"), "not a boolean")?),
                _ => {
                    let problem = "`string`, `number`, `boolean` or `array`";
                    return Err(fault(field("type"), problem));
                }
            };
            Ok(Required {
                name: (&*claim.name).into(),
                form,
            })
        })
        .collect()
}

fn parsed<T: serde::de::DeserializeOwned>(
    claim: &RequiredClaim,
    field: &str,
    problem: &str,
) -> Result<Box<[T]>, Fault> {
    claim
        .values
        .iter()
        .map(|text| serde_json::from_str(text).map_err(|_| fault(field, problem)))
        .collect()
}

/// The secret itself stays out: keys have fingerprints of their own.
fn identity(config: &JwtAuthenticator) -> [u8; 32] {
    let config = JwtAuthenticator {
        secret: String::new(),
        ..config.clone()
    };
    digest(&SHA256, &config.encode_to_vec())
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

fn fault(field: impl Into<String>, problem: impl Into<String>) -> Fault {
    Fault {
        field: field.into(),
        problem: problem.into(),
    }
}

const MAX_TEXT: usize = 2048;
const MAX_PREFIX: usize = 128;
const MAX_JWKS: usize = 64 * 1024;
const MAX_HEADER: usize = 256;
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 32..=1024;
const RESERVED_HEADERS: [&str; 14] = [
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "last-event-id",
    "origin",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
const RESERVED_STARTS: [&str; 6] = [
    "accept",
    "content-",
    "mcp-",
    "proxy-connection",
    "trace",
    "x-forwarded-",
];
