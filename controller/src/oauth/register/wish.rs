//! What a program wants to be registered as (RFC 7591 §2). Whatever can be made sense of is; nothing
//! is refused for being unknown, because clients send what they send to everybody.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};
use token::jwt::KeySet;

use crate::oauth::{
    client::{AUTHORIZATION_CODE, AuthMethod, DEVICE_CODE, Metadata, intake},
    fault::{Code, Fault},
    redirect,
    rules::Rules,
    scope,
};

/// What will be stored, and what is said back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    /// What it calls itself, as far as that can be shown.
    pub(super) name: Option<String>,
    /// What endpoints will need.
    pub(super) metadata: Metadata,
    /// What its tokens may be for, of what it asked.
    scope: Option<String>,
}

impl Wish {
    /// Reads a body.
    pub(super) fn read(body: &[u8], rules: &Rules) -> Result<Self, Fault> {
        let sent: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_| unfit("The body must be a JSON object, application/json"))?;
        // RFC 7591 §2: left out and null are one.
        let sent: Map<String, Value> = sent.into_iter().filter(|(_, v)| !v.is_null()).collect();
        let grants = sent.get("grant_types").and_then(intake::strings);
        let mut grant_types = intake::grants(grants.as_deref());
        if !grant_types
            .iter()
            .any(|grant| grant == AUTHORIZATION_CODE || grant == DEVICE_CODE)
        {
            grant_types.insert(0, AUTHORIZATION_CODE.to_owned());
        }
        let redirect_uris = redirects(&sent, &grant_types)?;
        let (jwks, jwks_uri) = keys(&sent)?;
        let (method, further) = method(&sent, jwks.is_some() || jwks_uri.is_some())?;
        let asked = sent.get("scope").and_then(Value::as_str);
        let scope = asked
            .filter(|asked| !asked.trim().is_empty())
            .and_then(|asked| {
                let published = scope::published(rules);
                let kept = asked.split_ascii_whitespace();
                let kept: Vec<_> = kept.filter(|scope| published.contains(scope)).collect();
                (!kept.is_empty()).then(|| kept.join(" "))
            });
        Ok(Self {
            name: sent
                .get("client_name")
                .and_then(Value::as_str)
                .and_then(intake::name),
            metadata: Metadata {
                redirect_uris,
                grant_types,
                token_endpoint_auth_method: method,
                further_auth_methods: further,
                jwks,
                jwks_uri,
                software_id: intake::label(sent.get("software_id")),
                software_version: intake::label(sent.get("software_version")),
            },
            scope,
        })
    }

    /// What is the same for all who register alike: `None` with a secret, which is nobody else's.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        if self.metadata.token_endpoint_auth_method.has_secret() {
            return None;
        }
        let mut metadata = self.metadata.clone();
        for uri in &mut metadata.redirect_uris {
            if let Some(portless) = redirect::without_port(uri) {
                *uri = portless;
            }
        }
        metadata.redirect_uris.sort();
        metadata.redirect_uris.dedup();
        metadata.grant_types.sort();
        let stable = json!([self.name, metadata]).to_string();
        let hash = digest(&SHA256, stable.as_bytes());
        Some(*hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes"))
    }

    /// The client as the program reads it (RFC 7591 §3.2.1): all that counts, and nothing empty.
    pub(super) fn answer(&self, client_id: &str, issued_at: i64, secret: Option<&str>) -> Value {
        let metadata = &self.metadata;
        let has_code = metadata
            .grant_types
            .iter()
            .any(|grant| grant == AUTHORIZATION_CODE);
        let response_types: &[&str] = if has_code { &["code"] } else { &[] };
        let mut answer = json!({
            "client_id": client_id,
            "client_id_issued_at": issued_at,
            "redirect_uris": metadata.redirect_uris,
            "grant_types": metadata.grant_types,
            "response_types": response_types,
            "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
        });
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                answer[name] = value;
            }
        };
        add("client_secret", secret.map(Into::into));
        add("client_secret_expires_at", secret.map(|_| 0.into()));
        add("client_name", self.name.clone().map(Into::into));
        add("scope", self.scope.clone().map(Into::into));
        add("jwks", metadata.jwks.clone());
        add("jwks_uri", metadata.jwks_uri.clone().map(Into::into));
        add("software_id", metadata.software_id.clone().map(Into::into));
        add(
            "software_version",
            metadata.software_version.clone().map(Into::into),
        );
        answer
    }
}

fn redirects(sent: &Map<String, Value>, grants: &[String]) -> Result<Vec<String>, Fault> {
    let wrong = |text: &str| Fault::new(Code::InvalidRedirectUri, text);
    let given = match sent.get("redirect_uris") {
        None => Vec::new(),
        Some(given) => intake::strings(given)
            .ok_or_else(|| wrong("redirect_uris must be a list of strings"))?,
    };
    if given.len() > intake::MOST_REDIRECTS {
        return Err(wrong("redirect_uris must be at most 32"));
    }
    let kept = intake::redirects(&given);
    let needs_one = grants.iter().any(|grant| grant == AUTHORIZATION_CODE);
    if kept.is_empty() && (needs_one || !given.is_empty()) {
        return Err(wrong(
            "None of redirect_uris can be used: https, http on 127.0.0.1, [::1] or localhost, or a \
             scheme of your own, without fragment and wildcard",
        ));
    }
    Ok(kept)
}

/// Its way to prove who it is, and others that are as good. Whoever does not say gets a secret
/// (RFC 7591 §2) and may present it in either way (TOK-8).
fn method(
    sent: &Map<String, Value>,
    has_keys: bool,
) -> Result<(AuthMethod, Vec<AuthMethod>), Fault> {
    let named = sent
        .get("token_endpoint_auth_method")
        .and_then(Value::as_str);
    match named.and_then(AuthMethod::of) {
        Some(AuthMethod::PrivateKeyJwt) if !has_keys => {
            Err(unfit("private_key_jwt needs jwks or jwks_uri"))
        }
        Some(method) => Ok((method, Vec::new())),
        None => Ok((
            AuthMethod::ClientSecretBasic,
            vec![AuthMethod::ClientSecretPost],
        )),
    }
}

fn keys(sent: &Map<String, Value>) -> Result<(Option<Value>, Option<String>), Fault> {
    let uri = sent
        .get("jwks_uri")
        .and_then(Value::as_str)
        .filter(|uri| !uri.is_empty());
    match (sent.get("jwks"), uri) {
        (Some(_), Some(_)) => Err(unfit("Only one of jwks and jwks_uri")),
        (Some(jwks), None) => {
            let text = jwks.to_string();
            let keys = KeySet::parse_jwks(text.as_bytes()).ok();
            let usable = keys.is_some_and(|keys| !keys.is_empty() && text.len() <= LONGEST_JWKS);
            if !usable || intake::holds_zero(jwks) {
                return Err(unfit("jwks must be a set of public keys, at most 16 KiB"));
            }
            Ok((Some(jwks.clone()), None))
        }
        (None, Some(uri)) => {
            let fits = uri.starts_with("https://") && egress::Endpoint::parse(uri).is_ok();
            if !fits {
                return Err(unfit("jwks_uri must be an https URL"));
            }
            Ok((None, Some(uri.to_owned())))
        }
        (None, None) => Ok((None, None)),
    }
}

fn unfit(text: &str) -> Fault {
    Fault::new(Code::InvalidClientMetadata, text)
}

const LONGEST_JWKS: usize = 16 << 10;

#[cfg(test)]
mod tests;
