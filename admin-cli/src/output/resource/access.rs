//! Who gets in and who may do what: authenticators, policies, and what is said of them.

use proto::{
    access::v1::{Authenticator, Authenticators, authenticator::Kind},
    admin::v1::{
        AccessPolicy, ClassifiedTool, Decision, GetAuthenticatorsResponse,
        SetAuthenticatorsResponse,
    },
};

use super::{Resource, Shown, time};

impl Shown for AccessPolicy {
    const MESSAGE: &'static str = "aldgate.admin.v1.AccessPolicy";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let policy = self.policy.clone().unwrap_or_default();
        let says = match &self.policy {
            None => "nothing: none is set".into(),
            Some(policy) if policy.rules.is_empty() => format!(
                "{} roles, {} subjects, {} groups",
                policy.roles.len(),
                policy.subjects.len(),
                policy.groups.len()
            ),
            Some(policy) => format!("{} rules in order", policy.rules.len()),
        };
        let default = if policy.default == "allow" {
            "allow"
        } else {
            "deny"
        };
        vec![
            ("name", self.name.clone()),
            ("says", says),
            ("default", default.into()),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
            ("revision", self.revision.to_string()),
        ]
    }
}

impl Shown for GetAuthenticatorsResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.GetAuthenticatorsResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let kinds = self.authenticators.as_ref().map(kinds);
        vec![
            ("authenticators", kinds.unwrap_or_else(by_default)),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Shown for SetAuthenticatorsResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.SetAuthenticatorsResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let kinds = self.authenticators.as_ref().map(kinds);
        vec![
            ("authenticators", kinds.unwrap_or_else(by_default)),
            ("revision", self.revision.to_string()),
        ]
    }
}

impl Shown for Decision {
    const MESSAGE: &'static str = "aldgate.admin.v1.Decision";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("object", self.object.clone()), ("rule", self.rule.clone())]
    }
}

impl Resource for Decision {
    const PLURAL: &'static str = "decisions";
    const COLUMNS: &'static [&'static str] = &["DECISION", "OBJECT", "RULE", "CLASS", "SOURCE"];

    fn cells(&self) -> Vec<String> {
        let classification = self.classification.clone().unwrap_or_default();
        vec![
            if self.allowed { "allow" } else { "deny" }.into(),
            self.object.clone(),
            self.rule.clone(),
            classification.class,
            classification.source,
        ]
    }
}

impl Shown for ClassifiedTool {
    const MESSAGE: &'static str = "aldgate.admin.v1.ClassifiedTool";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("name", self.name.clone())]
    }
}

impl Resource for ClassifiedTool {
    const PLURAL: &'static str = "tools";
    const COLUMNS: &'static [&'static str] = &["TOOL", "CLASS", "SOURCE", "CONFIDENCE"];

    fn cells(&self) -> Vec<String> {
        let classification = self.classification.clone().unwrap_or_default();
        vec![
            self.name.clone(),
            classification.class,
            classification.source,
            format!("{:.2}", classification.confidence),
        ]
    }
}

/// The kinds in their order, in one line.
pub(super) fn kinds(authenticators: &Authenticators) -> String {
    if authenticators.list.is_empty() {
        return "none: nobody gets in".into();
    }
    let kinds: Vec<_> = authenticators.list.iter().map(kind).collect();
    kinds.join(", ")
}

fn kind(authenticator: &Authenticator) -> String {
    match &authenticator.kind {
        None => "unknown".into(),
        Some(Kind::ApiKey(_)) => "api_key".into(),
        Some(Kind::Jwt(jwt)) => format!("jwt of {}", jwt.issuer),
        Some(Kind::Oauth(_)) => "oauth".into(),
        Some(Kind::Session(_)) => "session".into(),
        Some(Kind::Static(_)) => "static".into(),
        Some(Kind::Forwarded(forwarded)) => {
            format!("forwarded from {}", forwarded.source_networks.join(" "))
        }
        Some(Kind::Anonymous(_)) => "anonymous".into(),
    }
}

fn by_default() -> String {
    "api_key, oauth, by default".into()
}
