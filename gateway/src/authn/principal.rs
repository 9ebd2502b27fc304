//! The ids of principals that config gives none.

use aws_lc_rs::digest::{Context, SHA256};
use proto::id::TenantUid;
use uuid::Uuid;

use super::Kind;

/// The id of a subject as this authority (an issuer, a minting key, a static token) names it. The
/// same name of another tenant, kind or authority is somebody else.
pub(crate) fn principal(tenant: TenantUid, kind: Kind, authority: &[u8], subject: &str) -> Uuid {
    let mut hash = Context::new(&SHA256);
    let tenant = tenant.uuid();
    for part in [
        tenant.as_bytes(),
        kind.label().as_bytes(),
        authority,
        subject.as_bytes(),
    ] {
        // With their lengths, so that no text can move from one part to the next.
        hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finish();
    let (id, _) = hash
        .as_ref()
        .split_first_chunk()
        .expect("SHA-256 has 32 bytes");
    Uuid::from_bytes(*id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_tells_principals_apart() {
        let tenant = |number| TenantUid::from_uuid(Uuid::from_u128(number));
        let base = principal(tenant(1), Kind::Jwt, b"issuer", "alice");
        assert_eq!(base, principal(tenant(1), Kind::Jwt, b"issuer", "alice"));
        for other in [
            principal(tenant(2), Kind::Jwt, b"issuer", "alice"),
            principal(tenant(1), Kind::Session, b"issuer", "alice"),
            principal(tenant(1), Kind::Jwt, b"other", "alice"),
            principal(tenant(1), Kind::Jwt, b"issuer", "bob"),
            principal(tenant(1), Kind::Jwt, b"issuera", "lice"),
        ] {
            assert_ne!(base, other);
        }
    }
}
