//! How a client proves who it is (RFC 6749 §2.3): not at all, by a secret, or by an assertion. Only
//! in the way, or one of the ways, that it is registered with.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};
use token::sha256_of;

use super::{AuthMethod, Client, NoClient, Seeker, assertion};
use crate::{
    oauth::{
        fault::{Code, Fault},
        params::{Params, Unfit},
    },
    store::{OneTenant, Tx},
};

/// What came with a request.
enum Presented {
    /// An id and nothing to prove it.
    Nothing { client_id: String },
    /// A secret.
    Secret {
        method: AuthMethod,
        client_id: String,
        /// The hashes of what the secret may be: Basic is read encoded and as it is (TOK-7).
        hashes: Vec<[u8; 32]>,
    },
    /// An assertion.
    Assertion {
        client_id: String,
        assertion: String,
    },
}

/// The client that makes a request, which proved who it is in a way that it is registered with, and
/// the transaction that it was found in, unless something had to be fetched meanwhile.
pub(crate) async fn authenticate(
    seeker: Seeker<'_>,
    tx: Tx<OneTenant>,
    headers: &HeaderMap,
    params: &Params,
) -> Result<(Client, Option<Tx<OneTenant>>), Fault> {
    let presented = Presented::read(headers, params)?;
    let (method, basic) = (presented.method(), presented.is_basic());
    let refused = || Fault::client(basic, "Unknown client, or its credentials are wrong");
    let found = seeker.find_in(tx, presented.client_id()).await;
    let (mut client, mut tx) = found.map_err(|no| fault(no, basic))?;
    if !client.auth_methods.contains(&method) {
        let wanted = client.auth_method.as_str();
        let text = format!("This client must authenticate with {wanted}");
        return Err(Fault::client(basic, text));
    }
    match presented {
        Presented::Nothing { .. } => {}
        Presented::Secret { hashes, .. } => {
            // Those who have a secret have no document.
            let (Some(uid), Some(tx)) = (client.uid, &mut tx) else {
                return Err(refused());
            };
            let mut right = false;
            for hash in &hashes {
                right |= tx.is_client_secret(uid, hash).await?;
            }
            if !right {
                return Err(refused());
            }
        }
        Presented::Assertion { assertion, .. } => {
            // Its keys may have to be fetched.
            drop(tx.take());
            if !assertion::holds(seeker, &client, &assertion).await? {
                return Err(refused());
            }
        }
    }
    client.auth_method = method;
    Ok((client, tx))
}

/// The id of a client that sent nothing to prove who it is.
pub(crate) fn unproven(headers: &HeaderMap, params: &Params) -> Option<String> {
    match Presented::read(headers, params) {
        Ok(Presented::Nothing { client_id }) => Some(client_id),
        Ok(Presented::Secret { .. } | Presented::Assertion { .. }) | Err(_) => None,
    }
}

/// What a program is told that no client can be found for.
fn fault(no: NoClient, basic: bool) -> Fault {
    match no {
        NoClient::Unknown | NoClient::Blocked => {
            Fault::client(basic, "Unknown client, or its credentials are wrong")
        }
        NoClient::Unreachable => Fault::client(
            basic,
            "The client's metadata document cannot be fetched: its address must be public and \
             answer 200 with JSON of at most 5 KB",
        ),
        NoClient::Unfit(why) => Fault::client(basic, format!("The client's document: {why}")),
        NoClient::Inside(error) => Fault::Inside(error),
    }
}

impl Presented {
    fn read(headers: &HeaderMap, params: &Params) -> Result<Self, Fault> {
        let invalid = |text: &str| Fault::new(Code::InvalidRequest, text);
        let basic = basic(headers)?;
        let assertion = params.get("client_assertion");
        let secret = params.get("client_secret");
        let ways = [basic.is_some(), assertion.is_some(), secret.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(invalid("More than one way of client authentication"));
        }
        let client_id = params.get("client_id");
        if let Some(Basic { id, hashes }) = basic {
            if client_id.is_some_and(|named| named != id) {
                return Err(invalid("client_id is not the one in Authorization"));
            }
            return Ok(Self::Secret {
                method: AuthMethod::ClientSecretBasic,
                client_id: id,
                hashes,
            });
        }
        let client_id = client_id.map(str::to_owned);
        let missing = || Fault::client(false, "No client_id");
        match (secret, assertion) {
            (Some(secret), _) => Ok(Self::Secret {
                method: AuthMethod::ClientSecretPost,
                client_id: client_id.ok_or_else(missing)?,
                hashes: vec![sha256_of(secret)],
            }),
            (None, Some(assertion)) => {
                if params.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                    return Err(invalid("Unknown client_assertion_type"));
                }
                // RFC 7521 §4.2: the assertion alone may say who it is.
                let named = client_id.or_else(|| assertion::member(assertion, "sub"));
                Ok(Self::Assertion {
                    client_id: named.ok_or_else(missing)?,
                    assertion: assertion.to_owned(),
                })
            }
            (None, None) => Ok(Self::Nothing {
                client_id: client_id.ok_or_else(missing)?,
            }),
        }
    }

    fn client_id(&self) -> &str {
        match self {
            Self::Nothing { client_id }
            | Self::Secret { client_id, .. }
            | Self::Assertion { client_id, .. } => client_id,
        }
    }

    fn method(&self) -> AuthMethod {
        match self {
            Self::Nothing { .. } => AuthMethod::None,
            Self::Secret { method, .. } => *method,
            Self::Assertion { .. } => AuthMethod::PrivateKeyJwt,
        }
    }

    fn is_basic(&self) -> bool {
        self.method() == AuthMethod::ClientSecretBasic
    }
}

/// What `Authorization: Basic` holds.
struct Basic {
    id: String,
    hashes: Vec<[u8; 32]>,
}

/// Reads the header, whose parts are form-urlencoded by RFC 6749 §2.3.1 and as they are by many
/// clients.
fn basic(headers: &HeaderMap) -> Result<Option<Basic>, Fault> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line,
        (Some(_), Some(_)) => {
            let text = "More than one Authorization header";
            return Err(Fault::new(Code::InvalidRequest, text));
        }
    };
    let unreadable = || Fault::client(true, "Authorization cannot be read");
    let text = line.to_str().map_err(|_| unreadable())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(unreadable)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let pair = STANDARD.decode(rest.trim()).map_err(|_| unreadable())?;
    let pair = String::from_utf8(pair).map_err(|_| unreadable())?;
    let (id, secret) = pair.split_once(':').ok_or_else(unreadable)?;
    let (plain_id, plain_secret) = (decoded(id), decoded(secret));
    if plain_id.contains('\0') {
        return Err(Fault::from(Unfit::Zero));
    }
    let mut hashes = vec![sha256_of(secret)];
    if plain_secret != secret {
        hashes.push(sha256_of(&plain_secret));
    }
    Ok(Some(Basic {
        id: plain_id,
        hashes,
    }))
}

/// Form-urlencoded text; text that is not comes back as it is.
fn decoded(text: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((name, value)), None) if value.is_empty() && !text.contains('=') => name.into_owned(),
        _ => text.to_owned(),
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests;
