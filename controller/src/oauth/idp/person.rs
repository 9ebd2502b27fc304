//! What a provider says of somebody, in the claims of a verified ID token.

use serde_json::{Map, Value};

use crate::{oauth::said, store::identity_provider::GroupRoles};

/// Somebody at a provider.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// Who, for the provider; never given to somebody else.
    pub(super) subject: String,
    /// Everything that is said of them.
    pub(super) claims: Map<String, Value>,
}

impl Person {
    /// The groups in this claim, each once: a list of texts, or one text. In the name of a claim that
    /// is not there, dots lead into objects, `realm_access.roles` for example.
    pub(super) fn groups(&self, claim: &str) -> Vec<String> {
        let fit = |group: &&str| {
            (1..=TEXT).contains(&group.len()) && !group.chars().any(char::is_control)
        };
        let mut groups: Vec<String> = match self.claim(claim) {
            Some(Value::String(group)) => vec![group.clone()],
            Some(Value::Array(groups)) => {
                let groups = groups.iter().filter_map(Value::as_str).filter(fit);
                groups.take(MOST_GROUPS).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        groups.retain(|group| fit(&group.as_str()));
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The e-mail address that the provider has verified.
    pub(super) fn email(&self) -> Option<&str> {
        let verified = match self.claims.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            // Some providers write it as text.
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        let email = self.claims.get("email").and_then(Value::as_str);
        email.filter(|email| verified && email.contains('@'))
    }

    /// Whether they have a verified e-mail address in one of these domains, or there are none.
    pub(super) fn is_within(&self, domains: &[String]) -> bool {
        let domain = self.email().and_then(|email| email.rsplit_once('@'));
        let own =
            |wanted: &String| domain.is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(wanted));
        domains.is_empty() || domains.iter().any(own)
    }

    /// What they would sign in with here. An e-mail address that is not verified is nobody's.
    pub(super) fn login(&self, claim: &str) -> Option<String> {
        let login = match claim {
            "" => Some(self.email().unwrap_or(&self.subject)),
            "email" => self.email(),
            "sub" => Some(self.subject.as_str()),
            claim => self.claim(claim).and_then(Value::as_str),
        };
        login.map(str::to_owned)
    }

    /// What people call them.
    pub(super) fn display_name(&self) -> String {
        let name = self.claims.get("name").and_then(Value::as_str);
        name.and_then(|name| said::clean(name, LONGEST_NAME))
            .unwrap_or_default()
    }

    fn claim(&self, name: &str) -> Option<&Value> {
        if name.is_empty() {
            return None;
        }
        self.claims.get(name).or_else(|| {
            let (first, rest) = name.split_once('.')?;
            let mut steps = rest.split('.');
            steps.try_fold(self.claims.get(first)?, |value, step| value.get(step))
        })
    }
}

/// The roles that these groups give, each once.
pub(super) fn roles(groups: &[String], given: &[GroupRoles]) -> Vec<String> {
    let given = given.iter().filter(|given| groups.contains(&given.group));
    let mut roles: Vec<String> = given.flat_map(|given| given.roles.clone()).collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}

/// What tokens could hold of groups is bounded by what headers can.
const MOST_GROUPS: usize = 200;
const TEXT: usize = 256;
const LONGEST_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_read_from_lists_and_texts_and_give_their_roles() {
        let ada = person(json!({
            "groups": ["ops", "dev", "dev", 7, "", "a\nb"],
            "one": "ops",
            "realm_access": {"roles": ["admin"]},
            "a.b": ["dotted"],
        }));
        assert_eq!(ada.groups("groups"), ["dev", "ops"]);
        assert_eq!(ada.groups("one"), ["ops"]);
        assert_eq!(ada.groups("realm_access.roles"), ["admin"]);
        assert_eq!(ada.groups("a.b"), ["dotted"]);
        assert!(ada.groups("").is_empty() && ada.groups("none").is_empty());
        let given = |group: &str, roles: &[&str]| GroupRoles {
            group: group.to_owned(),
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        let given = [
            given("dev", &["deployer", "reader"]),
            given("ops", &["reader"]),
            given("hr", &["payroll"]),
        ];
        assert_eq!(roles(&ada.groups("groups"), &given), ["deployer", "reader"]);
    }

    /// A33: an e-mail address counts when the provider has verified it.
    #[test]
    fn an_unverified_address_is_nobodys() {
        let acme = ["acme.com".to_owned()];
        let good = person(json!({"email": "Ada@ACME.com", "email_verified": true}));
        assert!(good.is_within(&acme) && good.is_within(&[]));
        assert_eq!(good.login("").unwrap(), "Ada@ACME.com");
        assert_eq!(good.login("email").unwrap(), "Ada@ACME.com");
        let text = person(json!({"email": "ada@acme.com", "email_verified": "true"}));
        assert!(text.is_within(&acme));
        for claims in [
            json!({"email": "ada@acme.com"}),
            json!({"email": "ada@acme.com", "email_verified": false}),
            json!({"email": "ada@acme.com", "email_verified": "false"}),
            json!({"email": "ada@acme.com", "email_verified": 1}),
            json!({"email": "ada", "email_verified": true}),
            json!({"email_verified": true}),
        ] {
            let ada = person(claims);
            assert!(!ada.is_within(&acme) && ada.is_within(&[]));
            assert_eq!(ada.login("").unwrap(), "s-1");
            assert_eq!(ada.login("email"), None);
        }
        for email in ["ada@evil.com", "ada@x.acme.com", "ada@acme.com.evil.com"] {
            let ada = person(json!({"email": email, "email_verified": true}));
            assert!(!ada.is_within(&acme), "{email}");
        }
    }

    /// A22, A35.
    #[test]
    fn a_name_cannot_fool_whoever_reads_it() {
        let name = |name: &str| person(json!({"name": name})).display_name();
        assert_eq!(name(" Ada\u{2028}Lovelace "), "Ada Lovelace");
        assert_eq!(name("Ada\u{202e}\u{200b}\u{2069} (root)"), "Ada (root)");
        assert_eq!(name("\u{3164}\u{feff}"), "");
        assert_eq!(person(json!({"name": 7})).display_name(), "");
    }

    fn person(claims: Value) -> Person {
        let Value::Object(claims) = claims else {
            panic!("claims are an object");
        };
        Person {
            subject: "s-1".to_owned(),
            claims,
        }
    }
}
