//! Slugs and resource names: the grammar of what people see in URLs, on the command line and in the
//! admin API (`tenants/acme/servers/files`), and of what the config stream uses (uids instead).

/// What a tenant's authorization server knows.
mod oauth;

use std::{fmt, str::FromStr};

use uuid::Uuid;

pub use self::oauth::{
    ClientName, GrantName, IdentityProviderName, OauthSettingsName, SigningKeyName, UserName,
};

use crate::id::{KeyUid, ServerUid, StaticTokenUid, TenantUid};

/// The text is not a slug.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "must be 1 to 40 lower-case letters, digits and single hyphens, starting and ending with a letter or digit"
)]
pub struct InvalidSlug;

/// The last segment of a resource name: `[a-z0-9](-?[a-z0-9])*`, at most 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(Box<str>);

impl Slug {
    /// The text of the slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends = bytes
            .first()
            .zip(bytes.last())
            .is_some_and(|(&first, &last)| word(first) && word(last));
        let inside = bytes.iter().all(|&byte| word(byte) || byte == b'-') && !text.contains("--");
        (ends && inside && text.len() <= 40)
            .then(|| Self(text.into()))
            .ok_or(InvalidSlug)
    }
}

/// The text is not a resource name of the wanted form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must have the form `{0}`")]
pub struct InvalidName(pub &'static str);

/// `tenants/{tenant}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TenantName {
    /// The tenant.
    pub tenant: Slug,
}

/// `tenants/{tenant}/servers/{server}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerName {
    /// The tenant.
    pub tenant: Slug,
    /// The server.
    pub server: Slug,
}

/// `tenants/{tenant}/keys/{key}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName {
    /// The tenant.
    pub tenant: Slug,
    /// The key.
    pub key: Slug,
}

/// `tenants/{tenant}/staticTokens/{static_token}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StaticTokenName {
    /// The tenant.
    pub tenant: Slug,
    /// The static token.
    pub static_token: Slug,
}

/// `tenants/{tenant}/policy`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyName {
    /// The tenant.
    pub tenant: Slug,
}

impl FromStr for TenantName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = InvalidName("tenants/{tenant}");
        match text.split('/').collect::<Vec<_>>()[..] {
            ["tenants", tenant] => Ok(Self {
                tenant: tenant.parse().map_err(|_| invalid)?,
            }),
            _ => Err(invalid),
        }
    }
}

impl FromStr for ServerName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (tenant, server) = child(
            text,
            "servers",
            InvalidName("tenants/{tenant}/servers/{server}"),
        )?;
        Ok(Self { tenant, server })
    }
}

impl FromStr for KeyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (tenant, key) = child(text, "keys", InvalidName("tenants/{tenant}/keys/{key}"))?;
        Ok(Self { tenant, key })
    }
}

impl FromStr for StaticTokenName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (tenant, static_token) = child(
            text,
            "staticTokens",
            InvalidName("tenants/{tenant}/staticTokens/{static_token}"),
        )?;
        Ok(Self {
            tenant,
            static_token,
        })
    }
}

impl FromStr for PolicyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let tenant = text.strip_suffix("/policy").and_then(|tenant| {
            let TenantName { tenant } = tenant.parse().ok()?;
            Some(tenant)
        });
        tenant
            .map(|tenant| Self { tenant })
            .ok_or(InvalidName("tenants/{tenant}/policy"))
    }
}

fn child(text: &str, collection: &str, invalid: InvalidName) -> Result<(Slug, Slug), InvalidName> {
    match text.split('/').collect::<Vec<_>>()[..] {
        ["tenants", tenant, found, last] if found == collection => tenant
            .parse()
            .and_then(|tenant| Ok((tenant, last.parse()?)))
            .map_err(|_| invalid),
        _ => Err(invalid),
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenants/{}", self.tenant)
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenants/{}/servers/{}", self.tenant, self.server)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenants/{}/keys/{}", self.tenant, self.key)
    }
}

impl fmt::Display for StaticTokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tenants/{}/staticTokens/{}",
            self.tenant, self.static_token
        )
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenants/{}/policy", self.tenant)
    }
}

/// A resource on the config stream: the same names with uids in place of slugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamName {
    /// `tenants/{uid}`.
    Tenant(TenantUid),
    /// `tenants/{uid}/servers/{uid}`.
    Server(TenantUid, ServerUid),
    /// `tenants/{uid}/keys/{uid}`.
    Key(TenantUid, KeyUid),
    /// `tenants/{uid}/static-tokens/{uid}`.
    StaticToken(TenantUid, StaticTokenUid),
    /// `tenants/{uid}/policy`.
    Policy(TenantUid),
    /// `defaults`: what holds for tenants that say nothing else.
    Defaults,
}

impl StreamName {
    /// The tenant that the resource is or belongs to; the zero uuid for what concerns all of them.
    pub fn tenant(self) -> TenantUid {
        match self {
            Self::Tenant(tenant)
            | Self::Server(tenant, _)
            | Self::Key(tenant, _)
            | Self::StaticToken(tenant, _)
            | Self::Policy(tenant) => tenant,
            Self::Defaults => TenantUid::from_uuid(Uuid::nil()),
        }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(f, "tenants/{tenant}"),
            Self::Server(tenant, server) => write!(f, "tenants/{tenant}/servers/{server}"),
            Self::Key(tenant, key) => write!(f, "tenants/{tenant}/keys/{key}"),
            Self::StaticToken(tenant, token) => write!(f, "tenants/{tenant}/static-tokens/{token}"),
            Self::Policy(tenant) => write!(f, "tenants/{tenant}/policy"),
            Self::Defaults => f.write_str("defaults"),
        }
    }
}

impl FromStr for StreamName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName("tenants/{uid}[/{collection}/{uid}|/policy] or defaults");
        match text.split('/').collect::<Vec<_>>()[..] {
            ["defaults"] => Ok(Self::Defaults),
            ["tenants", tenant] => Ok(Self::Tenant(tenant.parse().map_err(|_| invalid())?)),
            ["tenants", tenant, "policy"] => {
                Ok(Self::Policy(tenant.parse().map_err(|_| invalid())?))
            }
            ["tenants", tenant, collection, last] => {
                let tenant = tenant.parse().map_err(|_| invalid())?;
                match collection {
                    "servers" => Ok(Self::Server(tenant, last.parse().map_err(|_| invalid())?)),
                    "keys" => Ok(Self::Key(tenant, last.parse().map_err(|_| invalid())?)),
                    "static-tokens" => Ok(Self::StaticToken(
                        tenant,
                        last.parse().map_err(|_| invalid())?,
                    )),
                    _ => Err(invalid()),
                }
            }
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_lower_case_words_joined_by_single_hyphens() {
        for good in ["a", "acme", "a-b", "7-eleven", &"x".repeat(40)] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "A",
            "a_b",
            "a/b",
            "é",
            "a\n",
            "../x",
            &"x".repeat(41),
        ] {
            assert_eq!(bad.parse::<Slug>(), Err(InvalidSlug), "{bad}");
        }
    }

    #[test]
    fn names_survive_the_way_to_text_and_back() {
        let name = "tenants/acme/servers/files";
        assert_eq!(name.parse::<ServerName>().unwrap().to_string(), name);
        assert!(name.parse::<KeyName>().is_err());
        assert!(
            "tenants/acme/servers/files/x"
                .parse::<ServerName>()
                .is_err()
        );
        assert!("tenants/../servers/files".parse::<ServerName>().is_err());
        let stream = "tenants/0190b7c2-6f00-7abc-8def-0123456789ab/keys/0190b7c2-6f00-7abc-8def-0123456789ac";
        assert_eq!(stream.parse::<StreamName>().unwrap().to_string(), stream);
    }
}
