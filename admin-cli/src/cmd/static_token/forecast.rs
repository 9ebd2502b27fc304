//! What will stand in the way of a new static token, so that its first call is no surprise. Only a
//! forecast: the nodes decide, and what cannot be read is not spoken of.

use proto::{
    access::v1::{Authenticators, Policy, authenticator::Kind},
    admin::v1::{GetAuthenticatorsRequest, GetPolicyRequest, GetServerRequest, StaticToken},
    name::Slug,
};

use crate::{cmd::tenant_name, connect::Session, output::slug};

/// Why calls with the token will likely be refused.
pub(super) async fn obstacles(
    token: &StaticToken,
    tenant: &Slug,
    session: &Session,
) -> Vec<String> {
    let mut obstacles = Vec::new();
    if let Some(authenticators) = authenticators(token, tenant, session).await
        && !accepts(authenticators.as_ref())
    {
        obstacles.push(format!(
            "server {} does not accept static tokens: add `- static: {{}}` to its authenticators or the tenant's",
            slug(&token.server)
        ));
    }
    let request = GetPolicyRequest {
        name: format!("{}/policy", tenant_name(tenant)),
    };
    if let Ok(answer) = session.access().get_policy(request).await {
        let policy = answer.into_inner().policy.unwrap_or_default().policy;
        obstacles.extend(denial(policy.as_ref(), token, tenant));
    }
    obstacles
}

/// The authenticators of the token's server; `None` inside if nobody set any.
async fn authenticators(
    token: &StaticToken,
    tenant: &Slug,
    session: &Session,
) -> Option<Option<Authenticators>> {
    let request = GetServerRequest {
        name: token.server.clone(),
    };
    let server = session.servers().get_server(request).await.ok()?;
    let own = server.into_inner().server?.authenticators;
    if own.is_some() {
        return Some(own);
    }
    let request = GetAuthenticatorsRequest {
        name: tenant_name(tenant),
    };
    let tenants = session.access().get_authenticators(request).await.ok()?;
    Some(tenants.into_inner().authenticators)
}

fn accepts(authenticators: Option<&Authenticators>) -> bool {
    let list = authenticators.map_or(&[][..], |authenticators| &authenticators.list);
    list.iter()
        .any(|authenticator| matches!(authenticator.kind, Some(Kind::Static(_))))
}

/// Why the policy grants the token nothing, if nothing in it names who calls with it.
fn denial(policy: Option<&Policy>, token: &StaticToken, tenant: &Slug) -> Option<String> {
    let Some(policy) = policy else {
        return Some(format!(
            "the tenant has no policy, so its calls are denied; set one with `aldgate acl set --tenant {tenant} --file FILE`"
        ));
    };
    let by_default = format!("tokens/{}", slug(&token.name));
    let subject = match token.subject.as_str() {
        "" => &by_default,
        subject => subject,
    };
    if policy.default == "allow" || names(policy, subject, &token.roles) {
        return None;
    }
    Some(format!(
        "the tenant's policy names neither `{subject}` nor a role of the token, so its calls are likely denied; `aldgate acl check` tells"
    ))
}

fn names(policy: &Policy, subject: &str, roles: &[String]) -> bool {
    let any = |list: &[String], has: &dyn Fn(&String) -> bool| {
        list.is_empty() || list.iter().any(|item| item == "*" || has(item))
    };
    let rule = policy.rules.iter().any(|rule| {
        rule.policy == "allow"
            && any(&rule.subjects, &|named| named == subject)
            && any(&rule.roles, &|named| roles.contains(named))
    });
    rule || policy.subjects.contains_key(subject)
        || roles.iter().any(|role| policy.roles.contains_key(role))
}

#[cfg(test)]
mod tests {
    use proto::access::v1::{Authenticator, Role, Rule, StaticAuthenticator, Subject};

    use super::*;

    #[test]
    fn without_a_policy_it_is_said_how_to_set_one() {
        insta::assert_snapshot!(denied(None).unwrap(), @"the tenant has no policy, so its calls are denied; set one with `aldgate acl set --tenant acme --file FILE`");
    }

    #[test]
    fn a_policy_that_names_nobody_of_the_token_is_spoken_of() {
        insta::assert_snapshot!(denied(Some(&Policy::default())).unwrap(), @"the tenant's policy names neither `tokens/ci` nor a role of the token, so its calls are likely denied; `aldgate acl check` tells");
        let named = |policy: Policy| assert_eq!(denied(Some(&policy)), None);
        named(Policy {
            default: "allow".into(),
            ..Policy::default()
        });
        named(Policy {
            subjects: [("tokens/ci".to_owned(), Subject::default())].into(),
            ..Policy::default()
        });
        named(Policy {
            roles: [("dev".to_owned(), Role::default())].into(),
            ..Policy::default()
        });
    }

    #[test]
    fn of_flat_rules_one_that_may_allow_it_is_enough() {
        let rules = |subject: &str, policy: &str| Policy {
            rules: vec![Rule {
                subjects: vec![subject.into()],
                policy: policy.into(),
                ..Rule::default()
            }],
            ..Policy::default()
        };
        assert_eq!(denied(Some(&rules("*", "allow"))), None);
        assert_eq!(denied(Some(&rules("tokens/ci", "allow"))), None);
        assert!(denied(Some(&rules("bob", "allow"))).is_some());
        assert!(denied(Some(&rules("*", "deny"))).is_some());
    }

    #[test]
    fn static_tokens_are_accepted_where_they_are_listed() {
        let kind = |kind| Authenticators {
            list: vec![Authenticator { kind: Some(kind) }],
            ..Authenticators::default()
        };
        assert!(accepts(Some(&kind(Kind::Static(StaticAuthenticator {})))));
        assert!(!accepts(Some(&Authenticators::default())));
        assert!(!accepts(None));
    }

    fn denied(policy: Option<&Policy>) -> Option<String> {
        let token = StaticToken {
            name: "tenants/acme/staticTokens/ci".into(),
            roles: vec!["dev".into()],
            ..StaticToken::default()
        };
        denial(policy, &token, &"acme".parse().unwrap())
    }
}
