//! What requests hold of an identity provider, checked.

use egress::{DialError, Endpoint, Origin};
use proto::admin::v1;

use crate::{
    admin::{Admin, authenticator::check_roles, field::Checks, mask::Mask},
    error::Error,
};

/// Reads the issuer (`OpenID` Connect Core §2): a URL without query and fragment.
pub(super) fn endpoint(checks: &mut Checks, issuer: &str) -> Option<Endpoint> {
    let endpoint = checks.keep(ISSUER, Endpoint::parse(issuer))?;
    if issuer.len() > URL {
        checks.refuse(ISSUER, format!("must have at most {URL} bytes"));
    }
    if issuer.contains(['?', '#']) {
        checks.refuse(ISSUER, "must have no query and no fragment");
    }
    Some(endpoint)
}

/// Refuses addresses that may not be called. A name that has no address yet is accepted; every call
/// is checked again.
pub(super) async fn vet(admin: &Admin, origin: &Origin) -> Result<(), Error> {
    match admin.0.dialer.vet(origin).await {
        Err(error @ DialError::Forbidden(_)) => Err(Error::invalid(ISSUER, error.to_string())),
        Ok(())
        | Err(
            DialError::Resolve(_) | DialError::Connect(_) | DialError::Tls(_) | DialError::Deadline,
        ) => Ok(()),
    }
}

/// Checks the fields that can be changed.
pub(super) fn check(checks: &mut Checks, given: &v1::IdentityProvider, secret: &str, mask: &Mask) {
    if mask.names("display_name") {
        let field = "identity_provider.display_name";
        checks.line(field, &given.display_name, DISPLAY_NAME);
    }
    if mask.names("client_id") {
        let field = "identity_provider.client_id";
        if given.client_id.is_empty() {
            checks.refuse(field, "is required");
        }
        checks.line(field, &given.client_id, CLIENT_ID);
    }
    if mask.names("client_secret") {
        checks.line("identity_provider.client_secret", secret, SECRET);
    }
    if mask.names("scopes") {
        check_scopes(checks, &given.scopes);
    }
    for (name, claim) in [
        ("groups_claim", &given.groups_claim),
        ("login_claim", &given.login_claim),
    ] {
        if mask.names(name) {
            checks.line(&format!("identity_provider.{name}"), claim, CLAIM);
        }
    }
    if mask.names("group_roles") {
        check_group_roles(checks, &given.group_roles);
    }
    if mask.names("email_domains") {
        check_domains(checks, &given.email_domains);
    }
}

/// RFC 6749 §3.3.
fn check_scopes(checks: &mut Checks, scopes: &[String]) {
    const FIELD: &str = "identity_provider.scopes";
    if scopes.len() > MOST_SCOPES {
        checks.refuse(FIELD, format!("must be at most {MOST_SCOPES}"));
    }
    for (at, scope) in scopes.iter().take(MOST_SCOPES).enumerate() {
        let letter = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !(1..=CLAIM).contains(&scope.len()) || !scope.bytes().all(letter) {
            let text = "must be one scope: visible ASCII without quotes and backslashes";
            checks.refuse(format!("{FIELD}[{at}]"), text);
        }
    }
}

fn check_group_roles(checks: &mut Checks, given: &[v1::GroupRoles]) {
    const FIELD: &str = "identity_provider.group_roles";
    if given.len() > MOST_GROUPS {
        checks.refuse(FIELD, format!("must be at most {MOST_GROUPS}"));
    }
    for (at, one) in given.iter().take(MOST_GROUPS).enumerate() {
        let field = format!("{FIELD}[{at}]");
        if one.group.is_empty() {
            checks.refuse(format!("{field}.group"), "is required");
        }
        checks.line(&format!("{field}.group"), &one.group, CLAIM);
        if given[..at].iter().any(|other| other.group == one.group) {
            let text = "is there already; give all its roles in one place";
            checks.refuse(format!("{field}.group"), text);
        }
        if one.roles.is_empty() {
            checks.refuse(format!("{field}.roles"), "must not be empty");
        }
        check_roles(checks, &format!("{field}.roles"), &one.roles);
    }
}

fn check_domains(checks: &mut Checks, domains: &[String]) {
    const FIELD: &str = "identity_provider.email_domains";
    if domains.len() > MOST_DOMAINS {
        checks.refuse(FIELD, format!("must be at most {MOST_DOMAINS}"));
    }
    for (at, domain) in domains.iter().take(MOST_DOMAINS).enumerate() {
        let letter = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
        let fit = (1..=DOMAIN).contains(&domain.len())
            && domain.chars().all(letter)
            && !domain.starts_with('.')
            && !domain.ends_with('.');
        if !fit {
            checks.refuse(
                format!("{FIELD}[{at}]"),
                "must be a domain, `acme.com` for example",
            );
        }
    }
}

const ISSUER: &str = "identity_provider.issuer";
const DISPLAY_NAME: usize = 100;
const URL: usize = 2000;
const CLIENT_ID: usize = 500;
const SECRET: usize = 2000;
const CLAIM: usize = 256;
const DOMAIN: usize = 253;
const MOST_SCOPES: usize = 32;
const MOST_GROUPS: usize = 200;
const MOST_DOMAINS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_wrong_with_a_provider_is_named() {
        let good = v1::IdentityProvider {
            client_id: "aldgate".to_owned(),
            scopes: vec!["profile".to_owned()],
            group_roles: vec![v1::GroupRoles {
                group: "Engineers".to_owned(),
                roles: vec!["dev".to_owned()],
            }],
            email_domains: vec!["acme.com".to_owned()],
            ..Default::default()
        };
        assert_eq!(faults(&good), Vec::<String>::new());
        let with = |change: fn(&mut v1::IdentityProvider)| {
            let mut given = good.clone();
            change(&mut given);
            faults(&given)
        };
        for (found, field) in [
            (with(|given| given.client_id.clear()), "client_id"),
            (
                with(|given| given.display_name = "a\nb".into()),
                "display_name",
            ),
            (with(|given| given.scopes = vec!["a b".into()]), "scopes[0]"),
            (
                with(|given| given.groups_claim = "\0".into()),
                "groups_claim",
            ),
            (
                with(|given| given.group_roles[0].group.clear()),
                "group_roles[0].group",
            ),
            (
                with(|given| given.group_roles[0].roles.clear()),
                "group_roles[0].roles",
            ),
            (
                with(|given| given.group_roles.push(given.group_roles[0].clone())),
                "group_roles[1].group",
            ),
            (
                with(|given| given.email_domains = vec!["@acme.com".into()]),
                "email_domains[0]",
            ),
        ] {
            assert_eq!(found, [format!("identity_provider.{field}")]);
        }
    }

    #[test]
    fn an_issuer_is_a_url_without_query_and_fragment() {
        for (issuer, good) in [
            ("https://login.acme.com/tenant/v2.0", true),
            ("https://login.acme.com/?a", false),
            ("https://login.acme.com/#a", false),
            ("ftp://login.acme.com", false),
            ("login.acme.com", false),
            ("", false),
        ] {
            let mut checks = Checks::new();
            let endpoint = endpoint(&mut checks, issuer);
            let accepted = endpoint.is_some() && checks.found().is_empty();
            assert_eq!(accepted, good, "{issuer}");
        }
    }

    fn faults(given: &v1::IdentityProvider) -> Vec<String> {
        let mut checks = Checks::new();
        let all = Mask::all(&super::super::CHANGEABLE);
        check(&mut checks, given, "", &all);
        let found = checks.found().iter();
        found.map(|violation| violation.field.clone()).collect()
    }
}
