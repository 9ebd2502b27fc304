//! `Debug` for the messages that hold a secret: every field but that one.

use std::fmt::{Debug, Formatter, Result};

use crate::{access, admin::v1, node};

const REDACTED: &str = "[redacted]";

/// `Debug` of the named fields, and of a secret that it does not show.
macro_rules! redact {
    ($message:ty, $name:literal, shown [$($shown:ident),*], hidden [$($hidden:ident),+]) => {
        impl Debug for $message {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                f.debug_struct($name)
                    $(.field(stringify!($shown), &self.$shown))*
                    $(.field(stringify!($hidden), &REDACTED))+
                    .finish_non_exhaustive()
            }
        }
    };
}

redact!(v1::CredentialInput, "CredentialInput", shown [scheme, header_name], hidden [value]);
redact!(v1::CreateKeyResponse, "CreateKeyResponse", shown [key, revision], hidden [secret]);
redact!(v1::RotateKeyResponse, "RotateKeyResponse", shown [key, revision], hidden [secret]);
redact!(
    v1::CreateTokenResponse,
    "CreateTokenResponse",
    shown[token],
    hidden[secret]
);
redact!(
    v1::CreateServerResponse,
    "CreateServerResponse",
    shown [server, revision, primary_key],
    hidden [primary_key_secret]
);
redact!(v1::CustomHeader, "CustomHeader", shown [name, passthrough], hidden [value]);
redact!(v1::StaticTokenInput, "StaticTokenInput", shown [basic, generate], hidden [value]);
redact!(v1::BasicInput, "BasicInput", shown[user], hidden[password]);
redact!(
    v1::CreateStaticTokenResponse,
    "CreateStaticTokenResponse",
    shown [static_token, header_name, revision],
    hidden [header_value]
);
redact!(
    v1::CreateClientResponse,
    "CreateClientResponse",
    shown[client],
    hidden[client_secret]
);
redact!(
    v1::RotateClientSecretResponse,
    "RotateClientSecretResponse",
    shown[client],
    hidden[client_secret]
);
redact!(
    v1::PasswordInput,
    "PasswordInput",
    shown[generate],
    hidden[password]
);
redact!(
    v1::CreateUserResponse,
    "CreateUserResponse",
    shown[user],
    hidden[password]
);
redact!(
    v1::SetPasswordResponse,
    "SetPasswordResponse",
    shown[user],
    hidden[password]
);
redact!(
    v1::IdentityProvider,
    "IdentityProvider",
    shown [name, uid, display_name, issuer, client_id, scopes, create_users, disabled],
    hidden [client_secret]
);
redact!(v1::TokenInput, "TokenInput", shown [], hidden [value]);
redact!(
    access::v1::JwtAuthenticator,
    "JwtAuthenticator",
    shown [issuer, audiences, algorithms, jwks_uri, jwks, secret_uid, header_name, token_type],
    hidden [secret]
);
redact!(
    node::v1::Lease,
    "Lease",
    shown [server_uid, tenant_uid, generation, header_name, origin, not_after, token_headers],
    hidden [header_value]
);
redact!(
    node::v1::TokenHeader,
    "TokenHeader",
    shown[name],
    hidden[value]
);
redact!(node::v1::Pepper, "Pepper", shown[id], hidden[key]);
redact!(node::v1::JwtSecret, "JwtSecret", shown[uid], hidden[value]);
redact!(node::v1::SessionKey, "SessionKey", shown [kid, not_before, not_after], hidden [key]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_absent_from_the_debug_form_of_every_message_that_holds_one() {
        macro_rules! shown {
            ($($message:ty: $secret:ident),+) => {
                [$(format!("{:?}", <$message>::with(|message| message.$secret = "CANARY".into()))),+]
            };
        }
        let shown = shown![
            v1::CredentialInput: value,
            v1::CreateKeyResponse: secret,
            v1::RotateKeyResponse: secret,
            v1::CreateTokenResponse: secret,
            v1::CreateServerResponse: primary_key_secret,
            v1::CustomHeader: value,
            v1::StaticTokenInput: value,
            v1::BasicInput: password,
            v1::CreateStaticTokenResponse: header_value,
            v1::CreateClientResponse: client_secret,
            v1::RotateClientSecretResponse: client_secret,
            v1::PasswordInput: password,
            v1::CreateUserResponse: password,
            v1::SetPasswordResponse: password,
            v1::IdentityProvider: client_secret,
            v1::TokenInput: value,
            access::v1::JwtAuthenticator: secret,
            node::v1::Lease: header_value,
            node::v1::TokenHeader: value,
            node::v1::Pepper: key,
            node::v1::JwtSecret: value,
            node::v1::SessionKey: key
        ];
        for text in shown {
            assert!(
                text.contains(REDACTED) && !text.contains("CANARY"),
                "{text}"
            );
        }
    }

    trait With: Default {
        fn with(change: impl FnOnce(&mut Self)) -> Self {
            let mut message = Self::default();
            change(&mut message);
            message
        }
    }

    impl<M: Default> With for M {}
}
