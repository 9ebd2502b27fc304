//! How the tenant wants its authorization server: the stored settings with every default filled in.

use std::time::{Duration, SystemTime};

use proto::access::v1::{Branding, DocumentPolicy, OauthSettings};
use time::OffsetDateTime;
use token::access::LONGEST_LIFE;

/// The settings, complete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rules {
    /// How its pages look.
    pub(crate) branding: Branding,
    /// How long an access token lives.
    pub(crate) access_life: Duration,
    /// How long a grant lives unused.
    pub(crate) idle_life: Duration,
    /// How long a grant lives at most.
    pub(crate) grant_life: Duration,
    /// Whether clients may register themselves.
    pub(crate) dynamic: bool,
    /// Which clients may bring a metadata document.
    pub(crate) documents: DocumentPolicy,
    /// Whether anybody signs in with a password kept here.
    pub(crate) passwords: bool,
    /// Whether consent is asked for every time.
    pub(crate) always_ask: bool,
    /// Scopes besides ours.
    pub(crate) scopes: Vec<RoleScope>,
}

/// A scope without which a token does not carry certain roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleScope {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) roles: Vec<String>,
}

impl Rules {
    /// Those that are stored, or the defaults.
    pub(crate) fn of(stored: Option<OauthSettings>) -> Self {
        let stored = stored.unwrap_or_default();
        let documents = match stored.client_documents() {
            DocumentPolicy::Unspecified => DocumentPolicy::Any,
            chosen => chosen,
        };
        let life = |stored: Option<prost_types::Duration>, default| {
            let stored = stored.and_then(|stored| Duration::try_from(stored).ok());
            stored.unwrap_or(default)
        };
        let scopes = stored.scopes.into_iter().map(|scope| RoleScope {
            name: scope.name,
            description: scope.description,
            roles: scope.roles,
        });
        Self {
            branding: stored.branding.unwrap_or_default(),
            access_life: life(stored.access_token_lifetime, ACCESS_LIFE),
            idle_life: life(stored.idle_lifetime, IDLE_LIFE),
            grant_life: life(stored.grant_lifetime, GRANT_LIFE),
            dynamic: !stored.no_dynamic_registration,
            documents,
            passwords: !stored.no_passwords,
            always_ask: stored.always_ask,
            scopes: scopes.collect(),
        }
    }

    /// The tenant's own scope of this name.
    pub(crate) fn scope(&self, name: &str) -> Option<&RoleScope> {
        self.scopes.iter().find(|scope| scope.name == name)
    }

    /// Those of a user's roles that a token with these scopes carries.
    pub(crate) fn roles_with(&self, roles: &[String], scopes: &[String]) -> Vec<String> {
        let carried = |role: &&String| {
            let mut giving = self
                .scopes
                .iter()
                .filter(|scope| scope.roles.contains(role));
            let first = giving.next();
            first.is_none_or(|first| {
                let mut giving = std::iter::once(first).chain(giving);
                giving.any(|scope| scopes.contains(&scope.name))
            })
        };
        roles.iter().filter(carried).cloned().collect()
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::of(None)
    }
}

const ACCESS_LIFE: Duration = Duration::from_hours(1);
const IDLE_LIFE: Duration = Duration::from_hours(24 * 90);
const GRANT_LIFE: Duration = Duration::from_hours(24 * 365);
/// How long it is remembered that tokens are revoked: until they have all expired, by any clock.
pub(crate) const REVOCATION_LIFE: Duration = LONGEST_LIFE.saturating_add(CLOCKS);
/// How far clocks may differ, and more than the leeway that verifiers give.
const CLOCKS: Duration = Duration::from_mins(5);

/// How long it is remembered that one token is revoked which expires then: until it has, by any clock.
pub(crate) fn revocation_life_of(expires: SystemTime, now: OffsetDateTime) -> Duration {
    let left = expires.duration_since(now.into()).unwrap_or_default();
    left.saturating_add(CLOCKS)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_revoked_token_is_remembered_until_it_has_expired_by_any_clock() {
        let now = datetime!(2026-11-21 10:00 UTC);
        let of = |seconds: i64| {
            let expires = now + time::Duration::seconds(seconds);
            revocation_life_of(expires.into(), now).as_secs()
        };
        assert_eq!(of(600), 900);
        // Verifiers give a little leeway.
        assert_eq!(of(-30), 300);
    }

    #[test]
    fn a_role_that_a_scope_gives_needs_the_scope() {
        let rules = Rules {
            scopes: vec![RoleScope {
                name: "deploy".into(),
                description: String::new(),
                roles: vec!["deployer".into()],
            }],
            ..Rules::default()
        };
        let everything = ["dev".to_owned(), "deployer".to_owned()];
        assert_eq!(rules.roles_with(&everything, &["mcp".into()]), ["dev"]);
        assert_eq!(
            rules.roles_with(&everything, &["mcp".into(), "deploy".into()]),
            everything
        );
    }
}
