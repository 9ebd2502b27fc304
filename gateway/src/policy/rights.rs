//! What a caller may do at one server: what the credential's scopes allow and the tenant's policy
//! does, too. Calls and lists both ask [`Rights::verdict`], so that they cannot disagree.

use std::borrow::Cow;

use mcp::{
    list::List,
    message::{Kind, Message, Reference},
};
use policy::{Class, Decision, Need, Object, Policy, Scopes, What, Who};

use super::Denial;
use crate::{authn::Caller, config::snapshot::Server, error::Error, read::Call, route::Target};

/// Whether the policy lets the caller do anything at all at the server.
pub(super) fn reaches(caller: &Caller, server: &str) -> bool {
    let policy = caller.tenant().policy();
    let own = !caller.obeys_policy() || policy.reaches(&who(caller), server);
    own && caller
        .limited_key()
        .is_none_or(|key| policy.reaches(&key_alone(key), server))
}

/// A caller at a server.
#[derive(Clone, Copy)]
pub(super) struct Rights<'a> {
    caller: &'a Caller,
    server: &'a Server,
    /// None if they do not limit anything.
    scopes: Option<&'a Scopes>,
    /// None if it has no say about the caller.
    policy: Option<&'a Policy>,
    /// Whose policy limits the caller besides.
    key: Option<&'a str>,
}

/// What somebody asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Asked<'a> {
    /// What everybody may do who reaches the server.
    Anything,
    Tool(&'a str),
    Resource(Cow<'a, str>),
    Prompt(Cow<'a, str>),
    Method(&'a str),
    /// A method that is about something that cannot be made out.
    Unclear(&'a str),
}

/// Whether they may.
pub(super) enum Verdict {
    Allowed,
    /// The credential is too narrow.
    Narrow(Need),
    /// The policy says no.
    Denied(Decision),
    /// Nothing can be decided.
    Unclear,
}

impl<'a> Rights<'a> {
    pub(super) fn at(caller: &'a Caller, server: &'a Server) -> Self {
        Self {
            caller,
            server,
            scopes: caller.scopes().filter(|scopes| !scopes.is_empty()),
            policy: caller.obeys_policy().then(|| &**caller.tenant().policy()),
            key: caller.limited_key(),
        }
    }

    /// Whether nothing is kept from the caller.
    pub(super) fn are_whole(&self) -> bool {
        self.scopes.is_none() && self.policy.is_none() && self.key.is_none()
    }

    /// Whether the call may be made.
    pub(super) fn check(&self, call: &Call, target: &Target) -> Result<(), Error> {
        if self.are_whole() {
            return Ok(());
        }
        let asked = call.message().map_or(Asked::Anything, Asked::of);
        match self.verdict(&asked) {
            Verdict::Allowed => Ok(()),
            Verdict::Narrow(need) => {
                let scope = need.scope(self.server.slug.as_str());
                let missing = self.caller.lacks(scope, target);
                Err(Error::InsufficientScope(missing))
            }
            Verdict::Denied(decision) => Err(self.deny(&asked, decision.rule())),
            Verdict::Unclear => Err(self.deny(&asked, "default".to_owned())),
        }
    }

    /// Whether an item may be seen in a list.
    pub(super) fn show(&self, list: List, item: &str) -> bool {
        let asked = match list {
            List::Tools => Asked::Tool(item),
            List::Resources | List::Templates => Asked::Resource(item.into()),
            List::Prompts => Asked::Prompt(item.into()),
        };
        matches!(self.verdict(&asked), Verdict::Allowed)
    }

    /// Decides.
    pub(super) fn verdict(&self, asked: &Asked<'_>) -> Verdict {
        let server = self.server.slug.as_str();
        let object = match asked {
            _ if self.are_whole() => return Verdict::Allowed,
            Asked::Anything => {
                let held = self.scopes.is_none_or(|scopes| scopes.mentions(server));
                return if held {
                    Verdict::Allowed
                } else {
                    Verdict::Narrow(Need::Read)
                };
            }
            Asked::Unclear(_) => return Verdict::Unclear,
            Asked::Tool(name) => Object::Tool {
                name,
                class: self.class(name),
            },
            Asked::Resource(uri) => Object::Resource(uri),
            Asked::Prompt(name) => Object::Prompt(name),
            Asked::Method(name) => Object::Method(name),
        };
        let need = Need::of(&object);
        if self
            .scopes
            .is_some_and(|scopes| !scopes.allows(server, need))
        {
            return Verdict::Narrow(need);
        }
        let what = What { server, object };
        let own = self
            .policy
            .map(|policy| policy.decide(&who(self.caller), &what));
        let policy = self.caller.tenant().policy();
        let of_key = self.key.map(|key| policy.decide(&key_alone(key), &what));
        match own
            .into_iter()
            .chain(of_key)
            .find(|decision| !decision.allowed)
        {
            Some(denied) => Verdict::Denied(denied),
            None => Verdict::Allowed,
        }
    }

    /// Never by what a reply in flight says of the tool.
    fn class(&self, tool: &str) -> Class {
        let catalog = self.server.tools.get(tool).copied();
        let policy = self.caller.tenant().policy();
        policy
            .classify(self.server.slug.as_str(), tool, catalog)
            .class
    }

    fn deny(&self, asked: &Asked<'_>, rule: String) -> Error {
        let (field, name) = match asked {
            Asked::Tool(name) => ("tool", *name),
            Asked::Resource(uri) => ("resource", &**uri),
            Asked::Prompt(name) => ("prompt", &**name),
            Asked::Method(name) | Asked::Unclear(name) => ("method", *name),
            Asked::Anything => ("server", self.server.slug.as_str()),
        };
        Error::Denied(Box::new(Denial {
            subject: self.caller.subject().into(),
            field,
            name: name.into(),
            rule: rule.into(),
        }))
    }
}

impl<'a> Asked<'a> {
    fn of(message: &'a Message) -> Self {
        let method = message.method();
        match message.kind() {
            Kind::Response => return Self::Anything,
            Kind::Notification if method.starts_with("notifications/") => return Self::Anything,
            // Without an id, an unknown method is still one that the server may act on.
            Kind::Notification => return Self::Method(method),
            Kind::Request => {}
        }
        match (method, message.name()) {
            ("tools/call", Some(name)) => Self::Tool(name),
            ("prompts/get", Some(name)) => Self::Prompt(name.into()),
            ("resources/read" | "resources/subscribe" | "resources/unsubscribe", Some(uri)) => {
                Self::Resource(uri.into())
            }
            ("completion/complete", _) => match message.reference() {
                Some(Reference::Prompt(name)) => Self::Prompt(name),
                Some(Reference::Resource(uri)) => Self::Resource(uri),
                None => Self::Unclear(method),
            },
            (
                "tools/call"
                | "prompts/get"
                | "resources/read"
                | "resources/subscribe"
                | "resources/unsubscribe",
                None,
            ) => Self::Unclear(method),
            (
                "initialize"
                | "ping"
                | "server/discover"
                | "logging/setLevel"
                | "subscriptions/listen"
                | "tasks/get"
                | "tasks/result"
                | "tasks/cancel"
                | "tasks/update",
                _,
            ) => Self::Anything,
            (list, _) if List::of(list).is_some() => Self::Anything,
            (method, _) => Self::Method(method),
        }
    }
}

/// A key as itself, without what its sessions were given.
fn key_alone(subject: &str) -> Who<'_> {
    Who {
        subject,
        roles: &[],
        groups: &[],
    }
}

fn who(caller: &Caller) -> Who<'_> {
    Who {
        subject: caller.subject(),
        roles: caller.roles(),
        groups: caller.groups(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_method_is_about_something() {
        for (method, params, expected) in [
            ("tools/call", r#"{"name":"pay"}"#, Asked::Tool("pay")),
            ("prompts/get", r#"{"name":"p"}"#, Asked::Prompt("p".into())),
            ("resources/read", r#"{"uri":"a:b"}"#, resource("a:b")),
            ("resources/subscribe", r#"{"uri":"a:b"}"#, resource("a:b")),
            ("resources/unsubscribe", r#"{"uri":"a:b"}"#, resource("a:b")),
            (
                "resources/subscribe",
                "{}",
                Asked::Unclear("resources/subscribe"),
            ),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/prompt","name":"p"}}"#,
                Asked::Prompt("p".into()),
            ),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/resource","uri":"a:{b}"}}"#,
                resource("a:{b}"),
            ),
            (
                "completion/complete",
                "{}",
                Asked::Unclear("completion/complete"),
            ),
            ("initialize", "{}", Asked::Anything),
            ("ping", "{}", Asked::Anything),
            ("tools/list", "{}", Asked::Anything),
            ("resources/templates/list", "{}", Asked::Anything),
            ("subscriptions/listen", "{}", Asked::Anything),
            ("tasks/result", r#"{"taskId":"1"}"#, Asked::Anything),
            ("tasks/list", "{}", Asked::Method("tasks/list")),
            ("roots/list", "{}", Asked::Method("roots/list")),
            ("vendor/thing", "{}", Asked::Method("vendor/thing")),
        ] {
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            let message = Message::read(Bytes::from(body)).unwrap();
            assert_eq!(Asked::of(&message), expected, "{method} {params}");
        }
        for (method, expected) in [
            ("notifications/cancelled", Asked::Anything),
            ("vendor/thing", Asked::Method("vendor/thing")),
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
            let message = Message::read(Bytes::from(body)).unwrap();
            assert_eq!(Asked::of(&message), expected, "{method}");
        }
    }

    fn resource(uri: &str) -> Asked<'_> {
        Asked::Resource(uri.into())
    }
}
