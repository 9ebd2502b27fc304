//! `Debug` for the messages that hold a secret: every field but that one.

use std::fmt::{Debug, Formatter, Result};

use crate::{admin::v1, node};

const REDACTED: &str = "[redacted]";

impl Debug for v1::CredentialInput {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CredentialInput")
            .field("scheme", &self.scheme())
            .field("header_name", &self.header_name)
            .field("value", &REDACTED)
            .finish()
    }
}

impl Debug for v1::CreateKeyResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateKeyResponse")
            .field("key", &self.key)
            .field("secret", &REDACTED)
            .field("revision", &self.revision)
            .finish()
    }
}

impl Debug for v1::CreateTokenResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateTokenResponse")
            .field("token", &self.token)
            .field("secret", &REDACTED)
            .finish()
    }
}

impl Debug for node::v1::Lease {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Lease")
            .field("server_uid", &self.server_uid)
            .field("tenant_uid", &self.tenant_uid)
            .field("generation", &self.generation)
            .field("header_name", &self.header_name)
            .field("header_value", &REDACTED)
            .field("origin", &self.origin)
            .field("not_after", &self.not_after)
            .finish()
    }
}

impl Debug for node::v1::SessionKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("SessionKey")
            .field("kid", &self.kid)
            .field("key", &REDACTED)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_absent_from_the_debug_form_of_every_message_that_holds_one() {
        let secret = "CANARY-debug";
        let shown = [
            format!(
                "{:?}",
                v1::CredentialInput {
                    value: secret.into(),
                    ..Default::default()
                }
            ),
            format!(
                "{:?}",
                v1::CreateKeyResponse {
                    secret: secret.into(),
                    ..Default::default()
                }
            ),
            format!(
                "{:?}",
                v1::CreateTokenResponse {
                    secret: secret.into(),
                    ..Default::default()
                }
            ),
            format!(
                "{:?}",
                node::v1::Lease {
                    header_value: secret.into(),
                    ..Default::default()
                }
            ),
            format!(
                "{:?}",
                node::v1::SessionKey {
                    key: secret.into(),
                    ..Default::default()
                }
            ),
        ];
        for text in shown {
            assert!(
                text.contains(REDACTED) && !text.contains("CANARY"),
                "{text}"
            );
        }
    }
}
