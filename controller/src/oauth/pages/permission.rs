//! What a client may do, in plain words: on which servers, and whether it only reads.

use crate::oauth::{issuer::Issuer, resource, rules::Rules, said, scope};

/// Something that a client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(super) kind: Kind,
    pub(super) words: String,
}

/// How much can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Change,
    Administer,
}

impl Kind {
    /// On the page, before the words.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Change => "Change",
            Self::Administer => "Administer",
        }
    }

    /// Its class in the stylesheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change | Self::Administer => "change",
        }
    }
}

impl Permission {
    /// What scopes allow.
    pub(crate) fn of(rules: &Rules, scopes: &[String]) -> Vec<Self> {
        let has = |wanted: &str| scopes.iter().any(|scope| scope == wanted);
        let mut all = Vec::new();
        let mut push = |kind, words: &str| {
            let words = words.to_owned();
            all.push(Self { kind, words });
        };
        if has(scope::ALL) || has(scope::READ) {
            push(
                Kind::Read,
                "See your tools and resources, and what they contain",
            );
        }
        if has(scope::ALL) {
            push(
                Kind::Change,
                "Use every tool that you may use, also those that change or delete data",
            );
        }
        if has(scope::ADMIN) {
            push(
                Kind::Administer,
                "Change servers, credentials, users and policies as you may",
            );
        }
        for own in &rules.scopes {
            if has(&own.name) {
                let words = said::clean(&own.description, LONGEST_WORDS);
                push(Kind::Change, words.as_deref().unwrap_or(&own.name));
            }
        }
        all
    }
}

/// On which servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Every server of the tenant that the user may use.
    All,
    /// Those of these names.
    Servers(Vec<String>),
    /// None: it is for the admin API.
    Admin,
}

impl Reach {
    /// What canonical resources stand for.
    pub(crate) fn of(issuer: &Issuer, resources: &[String]) -> Self {
        if resources.iter().any(|one| one == resource::ADMIN) {
            return Self::Admin;
        }
        let all = resource::all(issuer);
        let mut servers = Vec::new();
        for one in resources {
            match one
                .strip_prefix(&all)
                .and_then(|rest| rest.strip_prefix('/'))
            {
                Some(server) => servers.push(server.to_owned()),
                None => return Self::All,
            }
        }
        if servers.is_empty() {
            Self::All
        } else {
            Self::Servers(servers)
        }
    }
}

const LONGEST_WORDS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::{issuer::tests::at, rules::RoleScope};

    fn labels(rules: &Rules, scopes: &[&str]) -> Vec<&'static str> {
        let scopes: Vec<_> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let all = Permission::of(rules, &scopes);
        all.iter().map(|one| one.kind.label()).collect()
    }

    #[test]
    fn reading_is_told_from_changing() {
        let mut rules = Rules::default();
        assert_eq!(labels(&rules, &["mcp"]), ["Read", "Change"]);
        assert_eq!(labels(&rules, &["mcp:read"]), ["Read"]);
        assert_eq!(labels(&rules, &["aldgate:admin"]), ["Administer"]);
        rules.scopes.push(RoleScope {
            name: "deploy".into(),
            description: String::new(),
            roles: Vec::new(),
        });
        assert_eq!(labels(&rules, &["mcp:read", "deploy"]), ["Read", "Change"]);
    }

    #[test]
    fn resources_are_named_by_their_servers() {
        let issuer = at("https://acme.test");
        let of = |all: &[&str]| {
            let all: Vec<_> = all.iter().map(|&one| one.to_owned()).collect();
            Reach::of(&issuer, &all)
        };
        assert_eq!(of(&["https://acme.test/mcp"]), Reach::All);
        assert_eq!(of(&[]), Reach::All);
        assert_eq!(
            of(&["https://acme.test/mcp/files", "https://acme.test/mcp/mail"]),
            Reach::Servers(vec!["files".into(), "mail".into()])
        );
        assert_eq!(of(&["urn:aldgate:admin"]), Reach::Admin);
    }
}
