//! What is presented to a server: the rules for its header and value, and what is told of it.

use proto::admin::v1::{self, credential::State};
use zeroize::Zeroizing;

use super::{field::Checks, header, timestamp};
use crate::{store::server::Auth, vault::AuthScheme};

/// A credential as given, checked.
pub(super) enum Given {
    /// The server wants none.
    None,
    /// Present this.
    Some {
        scheme: AuthScheme,
        header: String,
        value: Zeroizing<String>,
    },
}

/// Checks a credential against the rules; what is wrong goes to `checks`.
pub(super) fn read(checks: &mut Checks, input: v1::CredentialInput) -> Option<Given> {
    let scheme = input.scheme();
    let value = Zeroizing::new(input.value);
    match scheme {
        v1::AuthScheme::Unspecified => {
            checks.refuse(
                "credential.scheme",
                "is required: AUTH_SCHEME_NONE, AUTH_SCHEME_BEARER or AUTH_SCHEME_API_KEY",
            );
            None
        }
        v1::AuthScheme::None => {
            if !value.is_empty() {
                checks.refuse("credential.value", "must be empty for AUTH_SCHEME_NONE");
            }
            no_header(checks, &input.header_name);
            Some(Given::None)
        }
        v1::AuthScheme::Bearer => {
            no_header(checks, &input.header_name);
            header::check_value(checks, VALUE, &value);
            Some(Given::Some {
                scheme: AuthScheme::Bearer,
                header: "Authorization".to_owned(),
                value,
            })
        }
        v1::AuthScheme::ApiKey => {
            header::check_value(checks, VALUE, &value);
            let header = if input.header_name.is_empty() {
                DEFAULT_HEADER.to_owned()
            } else {
                input.header_name
            };
            checks.keep("credential.header_name", header::check(&header))?;
            Some(Given::Some {
                scheme: AuthScheme::ApiKey,
                header,
                value,
            })
        }
    }
}

/// What may be told of a server's credential.
pub(super) fn view(auth: &Auth) -> v1::Credential {
    let (scheme, state) = match auth.scheme {
        None => (v1::AuthScheme::Unspecified, State::Unspecified),
        Some(AuthScheme::None) => (v1::AuthScheme::None, State::Absent),
        Some(scheme) => {
            let state = if auth.detached {
                State::Detached
            } else {
                State::Active
            };
            let scheme = match scheme {
                AuthScheme::ApiKey => v1::AuthScheme::ApiKey,
                AuthScheme::Bearer | AuthScheme::None => v1::AuthScheme::Bearer,
            };
            (scheme, state)
        }
    };
    v1::Credential {
        scheme: scheme.into(),
        header_name: auth.header.clone(),
        state: state.into(),
        generation: auth.generation,
        fingerprint: auth.fingerprint.clone(),
        update_time: auth.updated_at.map(timestamp),
    }
}

fn no_header(checks: &mut Checks, name: &str) {
    if !name.is_empty() {
        checks.refuse(
            "credential.header_name",
            "is for AUTH_SCHEME_API_KEY only; leave it empty",
        );
    }
}

const DEFAULT_HEADER: &str = "X-API-Key";
const VALUE: &str = "credential.value";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Violation;

    /// S1-4, S1-5, S1-6, S1-15.
    #[test]
    fn each_scheme_has_its_header() {
        for (scheme, asked, header) in [
            (v1::AuthScheme::Bearer, "", "Authorization"),
            (v1::AuthScheme::ApiKey, "", "X-API-Key"),
            (v1::AuthScheme::ApiKey, "X-Api-Key", "X-Api-Key"),
            (v1::AuthScheme::ApiKey, "Private-Token", "Private-Token"),
        ] {
            let (given, violations) = check(scheme, asked, "s3cret");
            assert_eq!(violations, []);
            let Some(Given::Some { header: found, .. }) = given else {
                panic!("{scheme:?} has a credential");
            };
            assert_eq!(found, header);
        }
    }

    /// S1-16.
    #[test]
    fn none_takes_neither_value_nor_header() {
        assert_eq!(check(v1::AuthScheme::None, "", "").1, []);
        assert_eq!(fields(v1::AuthScheme::None, "X-Key", "s3cret").len(), 2);
        assert_eq!(
            fields(v1::AuthScheme::Unspecified, "", "s3cret"),
            ["credential.scheme"]
        );
        assert_eq!(
            fields(v1::AuthScheme::Bearer, "X-Key", "s3cret"),
            ["credential.header_name"]
        );
    }

    /// CL-12: what looks like a template is a value like any other.
    #[test]
    fn values_are_visible_ascii_and_literal() {
        for good in [
            "x",
            "a b",
            "${JWT_SECRET}",
            "{{.Env}}",
            "!~",
            &"x".repeat(4096),
        ] {
            let (given, violations) = check(v1::AuthScheme::Bearer, "", good);
            assert_eq!(violations, []);
            assert!(matches!(given, Some(Given::Some { value, .. }) if *value == good));
        }
        for bad in [
            "",
            " x",
            "x ",
            "x\ny",
            "x\r\nHost: y",
            "x\ty",
            "x\0",
            "é",
            &"x".repeat(4097),
        ] {
            assert_eq!(
                fields(v1::AuthScheme::Bearer, "", bad),
                ["credential.value"],
                "{bad:?}"
            );
        }
    }

    fn fields(scheme: v1::AuthScheme, header: &str, value: &str) -> Vec<String> {
        let (_, violations) = check(scheme, header, value);
        violations
            .into_iter()
            .map(|violation| violation.field)
            .collect()
    }

    fn check(scheme: v1::AuthScheme, header: &str, value: &str) -> (Option<Given>, Vec<Violation>) {
        let mut checks = Checks::new();
        let input = v1::CredentialInput {
            scheme: scheme.into(),
            header_name: header.to_owned(),
            value: value.to_owned(),
        };
        let given = read(&mut checks, input);
        (given, checks.found().to_vec())
    }
}
