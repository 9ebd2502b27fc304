//! The headers that calls with a static token carry: checked, sealed as one, and kept where an
//! update names one without a value.

use prost::{Message as _, bytes::Bytes};
use proto::{
    admin::v1::CustomHeader,
    node::v1::{TokenHeader, TokenHeaders},
};
use zeroize::Zeroizing;

use super::super::{Admin, field::Checks, header};
use crate::{
    error::{Error, Violation},
    store::{
        OneTenant, Tx,
        static_token::{Headers, Name, StaticToken},
    },
    vault::Place,
};

/// Headers as given, checked. An empty value stands for the stored one.
pub(super) struct GivenHeaders(Vec<(Name, Zeroizing<String>)>);

impl GivenHeaders {
    /// S1-28: names that are tokens, none twice, none that somebody else sets; values that are
    /// visible; 16 of them.
    pub(super) fn read(checks: &mut Checks, given: Vec<CustomHeader>) -> Self {
        if given.len() > MAX {
            checks.refuse("static_token.headers", format!("must be at most {MAX}"));
            return Self(Vec::new());
        }
        let mut read: Vec<(Name, Zeroizing<String>)> = Vec::with_capacity(given.len());
        for (at, given) in given.into_iter().enumerate() {
            let value = Zeroizing::new(given.value);
            let field = |name: &str| format!("static_token.headers[{at}].{name}");
            checks.keep(field("name"), header::check(&given.name));
            if read
                .iter()
                .any(|(other, _)| other.name.eq_ignore_ascii_case(&given.name))
            {
                checks.refuse(field("name"), "is there already; name it once");
            }
            if !value.is_empty() {
                header::check_value(checks, &field("value"), &value);
            }
            let name = Name {
                name: given.name,
                passthrough: given.passthrough,
            };
            read.push((name, value));
        }
        Self(read)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Gives a locked token these headers in place of those before, as its next generation.
pub(super) async fn put(
    admin: &Admin,
    tx: &mut Tx<OneTenant>,
    token: &mut StaticToken,
    given: GivenHeaders,
) -> Result<(), Error> {
    let keeps = given.0.iter().any(|(_, value)| value.is_empty());
    let stored = if keeps {
        open(admin, tx, token).await?
    } else {
        Stored::Nothing
    };
    let generation = token.headers.generation + 1;
    let (mut names, mut headers, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (name, value)) in given.0.into_iter().enumerate() {
        let value = if value.is_empty() {
            stored.value(&name.name)
        } else {
            Ok(Bytes::from_owner(Zeroizing::new(value.as_bytes().to_vec())))
        };
        match value {
            Ok(value) => headers.push(TokenHeader {
                name: name.name.clone(),
                value,
            }),
            Err(text) => {
                let field = format!("static_token.headers[{at}].value");
                missing.push(Violation::new(field, text));
            }
        }
        names.push(name);
    }
    if !missing.is_empty() {
        return Err(Error::Invalid(missing));
    }
    if names.is_empty() {
        token.headers = Headers {
            generation,
            ..Headers::default()
        };
        tx.put_headers(token, None).await?;
        return Ok(());
    }
    token.headers = Headers {
        names,
        origin: token.server_origin.clone(),
        generation,
    };
    let message = TokenHeaders {
        token_uid: token.uid.to_string(),
        headers,
    };
    // One allocation of the right size: what is encoded leaves no copies behind.
    let plain = Zeroizing::new(message.encode_to_vec());
    let keys = tx.tenant_keys().await?;
    let tenant = tx.tenant().uid;
    let sealed = admin.0.vault.seal(&keys, &place(token, tenant), &plain)?;
    tx.put_headers(token, Some(&sealed)).await?;
    Ok(())
}

/// The values that an update may keep.
enum Stored {
    /// There are none, or none that are asked for.
    Nothing,
    /// They may be sent to another origin only.
    Detached,
    These(Vec<TokenHeader>),
}

impl Stored {
    fn value(&self, name: &str) -> Result<Bytes, &'static str> {
        match self {
            Self::Nothing => Err("is required"),
            Self::Detached => {
                Err("is required: the server's origin changed after the headers were set")
            }
            Self::These(headers) => headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name))
                .map(|header| header.value.clone())
                .ok_or("is required"),
        }
    }
}

async fn open(admin: &Admin, tx: &mut Tx<OneTenant>, token: &StaticToken) -> Result<Stored, Error> {
    if token.is_detached() {
        return Ok(Stored::Detached);
    }
    let Some(sealed) = tx.sealed_headers(token).await? else {
        return Ok(Stored::Nothing);
    };
    let keys = tx.tenant_keys().await?;
    let tenant = tx.tenant().uid;
    let plain = admin.0.vault.open(&keys, &place(token, tenant), &sealed)?;
    // The values are slices of the one buffer, which is wiped with the last of them.
    let stored =
        TokenHeaders::decode(Bytes::from_owner(plain)).map_err(|_| crate::vault::Unreadable)?;
    Ok(Stored::These(stored.headers))
}

fn place(token: &StaticToken, tenant: proto::id::TenantUid) -> Place<'_> {
    let headers = &token.headers;
    Place::headers(
        tenant,
        token.uid,
        headers.generation,
        token.server,
        &headers.origin,
    )
}

const MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// S1-28.
    #[test]
    fn headers_have_good_names_once_and_visible_values() {
        let good = [header("X-Team", "one"), header("X-Api-Version", "a b")];
        assert_eq!(faults(&good), [""; 0]);
        let full: Vec<_> = (0..16).map(|n| header(&format!("X-{n}"), "v")).collect();
        assert_eq!(faults(&full), [""; 0]);
        for (bad, field) in [
            (vec![header("X Team", "v")], "static_token.headers[0].name"),
            (vec![header("", "v")], "static_token.headers[0].name"),
            (vec![header("Host", "v")], "static_token.headers[0].name"),
            (
                vec![header("Authorization", "v")],
                "static_token.headers[0].name",
            ),
            (
                vec![header("Mcp-Name", "v")],
                "static_token.headers[0].name",
            ),
            (
                vec![header("X-Team", "a\r\nb")],
                "static_token.headers[0].value",
            ),
            (vec![header("X-Team", "é")], "static_token.headers[0].value"),
            (
                vec![header("X-Team", &"v".repeat(4097))],
                "static_token.headers[0].value",
            ),
            (
                vec![header("X-Team", "v"), header("x-team", "w")],
                "static_token.headers[1].name",
            ),
            (
                (0..17).map(|n| header(&format!("X-{n}"), "v")).collect(),
                "static_token.headers",
            ),
        ] {
            assert_eq!(faults(&bad), [field], "{bad:?}");
        }
    }

    fn faults(given: &[CustomHeader]) -> Vec<String> {
        let mut checks = Checks::new();
        GivenHeaders::read(&mut checks, given.to_vec());
        let found = checks.found().iter();
        found.map(|violation| violation.field.clone()).collect()
    }

    fn header(name: &str, value: &str) -> CustomHeader {
        CustomHeader {
            name: name.to_owned(),
            value: value.to_owned(),
            passthrough: true,
        }
    }
}
