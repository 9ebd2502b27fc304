//! Ids as types of their own, so that a tenant's id cannot stand where a server's belongs.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// The text is not an id: a UUID in lower-case hyphenated form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a lower-case hyphenated UUID")]
pub struct InvalidUid;

macro_rules! uid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Its value, for storage.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidUid;

            fn from_str(text: &str) -> Result<Self, InvalidUid> {
                let uuid = Uuid::try_parse(text).map_err(|_| InvalidUid)?;
                let canonical = uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
                canonical.then_some(Self(uuid)).ok_or(InvalidUid)
            }
        }
    };
}

uid!(
    /// A tenant (UUIDv7).
    TenantUid
);

uid!(
    /// A server (UUIDv4, because its first eight digits are shown to users).
    ServerUid
);

uid!(
    /// An API key (UUIDv7).
    KeyUid
);

uid!(
    /// A static token (UUIDv7).
    StaticTokenUid
);

uid!(
    /// A client of a tenant's authorization server (UUIDv7).
    ClientUid
);

uid!(
    /// A user of a tenant (UUIDv7).
    UserUid
);

uid!(
    /// What a user allowed a client (UUIDv7).
    GrantUid
);

uid!(
    /// An identity provider of a tenant (UUIDv7).
    IdentityProviderUid
);

uid!(
    /// An admin token (UUIDv7).
    TokenUid
);

/// A gateway process, as its certificate names it: `[a-z0-9](-?[a-z0-9])*`, at most 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(crate::name::Slug);

impl NodeId {
    /// The text of the id.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for NodeId {
    type Err = crate::name::InvalidSlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_an_id() {
        let text = "0190b7c2-6f00-7abc-8def-0123456789ab";
        assert_eq!(text.parse::<TenantUid>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<TenantUid>(), Err(InvalidUid));
        assert_eq!(text.replace('-', "").parse::<TenantUid>(), Err(InvalidUid));
        assert_eq!("".parse::<TenantUid>(), Err(InvalidUid));
    }
}
