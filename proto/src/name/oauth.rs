//! Names of what a tenant's authorization server knows: clients, users, identity providers, grants,
//! signing keys.

use std::{fmt, str::FromStr};

use super::{InvalidName, Slug, TenantName, child};

macro_rules! child_name {
    ($(#[$doc:meta])* $name:ident { $child:ident }, $collection:literal, $form:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name {
            /// The tenant.
            pub tenant: Slug,
            /// The last segment.
            pub $child: Slug,
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let (tenant, $child) = child(text, $collection, InvalidName($form))?;
                Ok(Self { tenant, $child })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "tenants/{}/{}/{}", self.tenant, $collection, self.$child)
            }
        }
    };
}

child_name!(
    /// `tenants/{tenant}/clients/{client}`.
    ClientName { client },
    "clients",
    "tenants/{tenant}/clients/{client}"
);

child_name!(
    /// `tenants/{tenant}/users/{user}`.
    UserName { user },
    "users",
    "tenants/{tenant}/users/{user}"
);

child_name!(
    /// `tenants/{tenant}/identityProviders/{identity_provider}`.
    IdentityProviderName { identity_provider },
    "identityProviders",
    "tenants/{tenant}/identityProviders/{identity_provider}"
);

child_name!(
    /// `tenants/{tenant}/grants/{grant}`; a grant's last segment is its uid.
    GrantName { grant },
    "grants",
    "tenants/{tenant}/grants/{grant}"
);

child_name!(
    /// `tenants/{tenant}/signingKeys/{kid}`.
    SigningKeyName { kid },
    "signingKeys",
    "tenants/{tenant}/signingKeys/{kid}"
);

/// `tenants/{tenant}/oauthSettings`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OauthSettingsName {
    /// The tenant.
    pub tenant: Slug,
}

impl FromStr for OauthSettingsName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let tenant = text.strip_suffix("/oauthSettings").and_then(|tenant| {
            let TenantName { tenant } = tenant.parse().ok()?;
            Some(tenant)
        });
        tenant
            .map(|tenant| Self { tenant })
            .ok_or(InvalidName("tenants/{tenant}/oauthSettings"))
    }
}

impl fmt::Display for OauthSettingsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenants/{}/oauthSettings", self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_to_text_and_back() {
        let grant = "tenants/acme/grants/0190b7c2-6f00-7abc-8def-0123456789ab";
        assert_eq!(grant.parse::<GrantName>().unwrap().to_string(), grant);
        let settings = "tenants/acme/oauthSettings";
        let name: OauthSettingsName = settings.parse().unwrap();
        assert_eq!(name.to_string(), settings);
        assert!("tenants/acme/users/ada".parse::<ClientName>().is_err());
        assert!(
            "tenants/acme/oauthsettings"
                .parse::<OauthSettingsName>()
                .is_err()
        );
    }
}
