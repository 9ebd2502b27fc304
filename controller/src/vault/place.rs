//! Where a sealed value is stored and what it is for: what its seal binds, so that bytes moved to
//! another row, or kept while the row around them changed, do not open.

use proto::id::{IdentityProviderUid, ServerUid, StaticTokenUid, TenantUid};
use seal::Context;
use uuid::Uuid;

use super::SealedCredential;

/// The place of one sealed value.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub(super) tenant: TenantUid,
    table: &'static str,
    record: Uuid,
    field: &'static str,
    generation: u64,
    server: Uuid,
    origin: &'a str,
    subject: &'static str,
    kind: &'a str,
}

impl<'a> Place<'a> {
    /// What is presented to a server.
    pub(super) fn credential(row: &'a SealedCredential) -> Self {
        Self {
            tenant: row.tenant,
            table: "credentials",
            record: row.server.uuid(),
            field: "value",
            generation: row.generation,
            server: row.server.uuid(),
            origin: &row.origin,
            subject: "shared",
            kind: row.scheme.as_str(),
        }
    }

    /// The headers that calls with a static token carry to one server at this origin.
    pub fn headers(
        tenant: TenantUid,
        token: StaticTokenUid,
        generation: u64,
        server: ServerUid,
        origin: &'a str,
    ) -> Self {
        Self {
            tenant,
            table: "static_tokens",
            record: token.uuid(),
            field: "headers",
            generation,
            server: server.uuid(),
            origin,
            subject: "static",
            kind: "headers",
        }
    }

    /// The shared secret of a JWT issuer. It goes to no server and never changes: another secret is
    /// another row.
    pub fn jwt_secret(tenant: TenantUid, secret: Uuid) -> Self {
        Self {
            tenant,
            table: "jwt_secrets",
            record: secret,
            field: "secret",
            generation: 0,
            server: Uuid::nil(),
            origin: "",
            subject: "issuer",
            kind: "jwt",
        }
    }

    /// Our secret at an identity provider.
    pub fn provider_secret(tenant: TenantUid, provider: IdentityProviderUid) -> Self {
        Self {
            tenant,
            table: "identity_providers",
            record: provider.uuid(),
            field: "secret",
            generation: 0,
            server: Uuid::nil(),
            origin: "",
            subject: "provider",
            kind: "oidc",
        }
    }

    /// What a login must show again when it comes back from an identity provider.
    pub fn login(tenant: TenantUid, transaction: Uuid) -> Self {
        Self {
            tenant,
            table: "login_transactions",
            record: transaction,
            field: "upstream",
            generation: 0,
            server: Uuid::nil(),
            origin: "",
            subject: "browser",
            kind: "oidc",
        }
    }

    /// The private key of a tenant's authorization server. Its kid follows from the key.
    pub fn signing_key(tenant: TenantUid, kid: &'a str) -> Self {
        Self {
            tenant,
            table: "signing_keys",
            record: Uuid::nil(),
            field: "sealed",
            generation: 0,
            server: Uuid::nil(),
            origin: "",
            subject: "issuer",
            kind: kid,
        }
    }

    pub(super) fn context(&self, deployment: Uuid) -> Context<'_> {
        Context {
            deployment,
            tenant: self.tenant.uuid(),
            table: self.table,
            record: self.record,
            field: self.field,
            generation: self.generation,
            server: self.server,
            origin: self.origin,
            subject: self.subject,
            kind: self.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use seal::Kek;

    use super::*;
    use crate::vault::Vault;

    /// CR-01, CL-06: headers open in their own row, for their own server, origin and generation.
    #[test]
    fn headers_open_in_their_own_place_alone() {
        let vault = Vault::new(Kek::of(&[7; 32]), Uuid::from_u128(1));
        let keys = [1, 2].map(|number| vault.create_tenant_key(tenant(number)));
        let at = |tenant_number, token, generation, server, origin| {
            Place::headers(
                tenant(tenant_number),
                StaticTokenUid::from_uuid(Uuid::from_u128(token)),
                generation,
                ServerUid::from_uuid(Uuid::from_u128(server)),
                origin,
            )
        };
        let right = at(1, 10, 3, 20, "https://mcp.example:443");
        let sealed = vault.seal(&keys, &right, b"s3cret").unwrap();
        assert_eq!(*vault.open(&keys, &right, &sealed).unwrap(), b"s3cret");
        for wrong in [
            at(2, 10, 3, 20, "https://mcp.example:443"),
            at(1, 11, 3, 20, "https://mcp.example:443"),
            at(1, 10, 4, 20, "https://mcp.example:443"),
            at(1, 10, 3, 21, "https://mcp.example:443"),
            at(1, 10, 3, 20, "https://evil.example:443"),
            Place::jwt_secret(tenant(1), Uuid::from_u128(10)),
        ] {
            assert!(vault.open(&keys, &wrong, &sealed).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_issuers_secret_opens_in_its_own_row_alone() {
        let vault = Vault::new(Kek::of(&[7; 32]), Uuid::from_u128(1));
        let keys = [1, 2].map(|number| vault.create_tenant_key(tenant(number)));
        let at = |number, secret| Place::jwt_secret(tenant(number), Uuid::from_u128(secret));
        let sealed = vault.seal(&keys, &at(1, 10), b"s3cret").unwrap();
        assert!(vault.open(&keys, &at(1, 10), &sealed).is_ok());
        assert!(vault.open(&keys, &at(1, 11), &sealed).is_err());
        assert!(vault.open(&keys, &at(2, 10), &sealed).is_err());
    }

    fn tenant(number: u128) -> TenantUid {
        TenantUid::from_uuid(Uuid::from_u128(number))
    }
}
