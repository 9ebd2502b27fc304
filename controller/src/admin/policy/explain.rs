//! What somebody may do, and the rule that says so: the answer that a node would give, by the same
//! crate, with its reasons.

use policy::{Class, Classification, Need, Object, Policy, Scopes, What, Who};
use proto::{
    admin::v1::{self, explain_request::Object as Asked},
    name::{KeyName, ServerName, TenantName},
};

use time::OffsetDateTime;

use super::{
    super::{Actor, Admin, field},
    classify::{self, Tools},
    compile,
};
use crate::{
    error::Error,
    store::{OneTenant, StoreError, Tx, key::Key, server::Server},
};

pub(in crate::admin) async fn explain(
    admin: &Admin,
    actor: &Actor,
    request: v1::ExplainRequest,
) -> Result<v1::ExplainResponse, Error> {
    let parent: TenantName = field::name("parent", &request.parent)?;
    let name: ServerName = field::name("server", &request.server)?;
    let key = key_name(&request)?;
    let asked = field::required("object", request.object)?;
    let access = Access::read(&request.access, &asked)?;
    refuse_calls(&asked)?;
    let trial = request
        .policy
        .map(|trial| compile("policy", &trial))
        .transpose()?;
    let elsewhere = |tenant| tenant != &parent.tenant;
    if elsewhere(&name.tenant) || key.as_ref().is_some_and(|key| elsewhere(&key.tenant)) {
        return Err(Error::invalid(
            "parent",
            "must be the tenant of all that is named",
        ));
    }

    let mut tx = actor.enter(&admin.0.store, &parent.tenant, &parent).await?;
    let server = tx.server(&name.server).await?;
    let server = server.ok_or_else(|| Error::NotFound(name.to_string()))?;
    let key = match key {
        None => None,
        Some(name) => Some(find_key(&mut tx, &name).await?),
    };
    let policy = match trial {
        Some(trial) => trial,
        None => classify::stored(&mut tx).await?,
    };
    let subject = key.as_ref().map(|key| format!("keys/{}", key.slug));
    let boxed = |texts: Vec<String>| texts.into_iter().map(Box::from).collect::<Vec<Box<str>>>();
    let (roles, groups) = (boxed(request.roles), boxed(request.groups));
    let question = Question {
        who: Who {
            subject: subject.as_deref().unwrap_or(&request.subject),
            roles: &roles,
            groups: &groups,
        },
        limits: key
            .as_ref()
            .map(|key| Limits::of(key, &server, tx.time()))
            .transpose()?,
        policy: &policy,
        server: &server.slug,
        tools: Tools::of(server.tool_list.as_deref()),
        access,
    };
    Ok(v1::ExplainResponse {
        decisions: question.answer(&asked),
    })
}

/// The key that is asked about, which says by itself who it is.
fn key_name(request: &v1::ExplainRequest) -> Result<Option<KeyName>, Error> {
    if request.key.is_empty() {
        return Ok(None);
    }
    for (field, is_empty) in [
        ("subject", request.subject.is_empty()),
        ("roles", request.roles.is_empty()),
        ("groups", request.groups.is_empty()),
    ] {
        if !is_empty {
            return Err(Error::invalid(field, "must be empty where `key` is set"));
        }
    }
    field::name("key", &request.key).map(Some)
}

async fn find_key(tx: &mut Tx<OneTenant>, name: &KeyName) -> Result<Key, Error> {
    let key = tx.key(&name.key).await?;
    key.ok_or_else(|| Error::NotFound(name.to_string()))
}

/// Methods that are decided by what they are about.
fn refuse_calls(asked: &Asked) -> Result<(), Error> {
    let Asked::Method(method) = asked else {
        return Ok(());
    };
    let instead = match method.as_str() {
        "tools/call" => "tool",
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "resource",
        "prompts/get" => "prompt",
        "completion/complete" => "prompt` or `resource",
        _ => return Ok(()),
    };
    let text = format!("is decided by what it is about: set `{instead}` instead");
    Err(Error::invalid("method", text))
}

/// As which classes a tool is asked about.
#[derive(Debug, Clone, Copy)]
enum Access {
    AsClassed,
    As(&'static [Class]),
}

impl Access {
    fn read(text: &str, asked: &Asked) -> Result<Self, Error> {
        let access = match text {
            "" => return Ok(Self::AsClassed),
            "read" => Self::As(&[Class::Read]),
            "write" => Self::As(&[Class::Write]),
            "*" => Self::As(&[Class::Read, Class::Write]),
            _ => return Err(Error::invalid("access", "must be `read`, `write` or `*`")),
        };
        if matches!(asked, Asked::Tool(_) | Asked::AllTools(_)) {
            Ok(access)
        } else {
            Err(Error::invalid("access", "only tools have a class"))
        }
    }
}

/// What a key is good for at the server, whatever the policy says.
enum Limits {
    /// It does not open the server, or is refused.
    Closed,
    /// It opens the server, within these.
    Open(Scopes),
}

impl Limits {
    fn of(key: &Key, server: &Server, now: OffsetDateTime) -> Result<Self, Error> {
        let opens = key.all_servers || key.servers.contains(&server.slug);
        let lives = !key.disabled && key.expires_at.is_none_or(|end| now < end);
        if !(opens && lives) {
            return Ok(Self::Closed);
        }
        Scopes::parse(&key.scopes).map(Self::Open).map_err(|_| {
            Error::Store(StoreError::Inconsistent {
                table: "api_keys",
                column: "scopes",
                row: key.uid.uuid(),
            })
        })
    }
}

struct Question<'a> {
    who: Who<'a>,
    /// None for subjects, who have no key.
    limits: Option<Limits>,
    policy: &'a Policy,
    server: &'a str,
    tools: Tools,
    access: Access,
}

/// Whether, and by which rule.
type Verdict = (bool, String);

impl Question<'_> {
    fn answer(&self, asked: &Asked) -> Vec<v1::Decision> {
        match asked {
            Asked::Tool(tool) => vec![self.tool(tool)],
            Asked::AllTools(_) => {
                let names = self.tools.0.iter().map(|(name, _)| name.as_str());
                names.map(|name| self.tool(name)).collect()
            }
            Asked::Resource(uri) => vec![told(uri, self.decide(Object::Resource(uri)), None)],
            Asked::Prompt(name) => vec![told(name, self.decide(Object::Prompt(name)), None)],
            Asked::Method(name) if is_open(name) => vec![told(name, self.reach(name), None)],
            Asked::Method(name) => vec![told(name, self.decide(Object::Method(name)), None)],
        }
    }

    fn tool(&self, name: &str) -> v1::Decision {
        let found = classify::class(self.policy, self.server, name, self.tools.get(name));
        let own = [found.class];
        let classes = match self.access {
            Access::AsClassed => &own[..],
            Access::As(classes) => classes,
        };
        let verdicts = classes
            .iter()
            .map(|&class| self.decide(Object::Tool { name, class }));
        let verdict = verdicts.reduce(|one, next| if one.0 { next } else { one });
        told(name, verdict.expect("there is a class"), Some(&found))
    }

    fn decide(&self, object: Object<'_>) -> Verdict {
        let scopes = match &self.limits {
            Some(Limits::Closed) => return (false, "key".to_owned()),
            Some(Limits::Open(scopes)) => Some(scopes),
            None => None,
        };
        if scopes.is_some_and(|scopes| !scopes.allows(self.server, Need::of(&object))) {
            return (false, "scope".to_owned());
        }
        if let Some(scopes) = scopes.filter(|_| !self.obeys()) {
            return (true, sufficient(scopes));
        }
        let server = self.server;
        let decision = self.policy.decide(&self.who, &What { server, object });
        (decision.allowed, decision.rule())
    }

    /// Whether a method that is open to all who reach the server is open.
    fn reach(&self, method: &str) -> Verdict {
        match &self.limits {
            Some(Limits::Closed) => return (false, "key".to_owned()),
            Some(Limits::Open(scopes)) if !scopes.mentions(self.server) => {
                return (false, "scope".to_owned());
            }
            Some(Limits::Open(scopes)) if !self.obeys() => return (true, sufficient(scopes)),
            Some(Limits::Open(_)) | None => {}
        }
        if self.policy.reaches(&self.who, self.server) {
            return (true, "reach".to_owned());
        }
        let (server, object) = (self.server, Object::Method(method));
        let decision = self.policy.decide(&self.who, &What { server, object });
        (false, decision.rule())
    }

    /// Whether the policy concerns the caller: an API key only if it names it.
    fn obeys(&self) -> bool {
        self.limits.is_none() || self.policy.names_subject(self.who.subject)
    }
}

fn sufficient(scopes: &Scopes) -> String {
    let rule = if scopes.is_empty() { "key" } else { "scope" };
    rule.to_owned()
}

fn told(object: &str, (allowed, rule): Verdict, class: Option<&Classification>) -> v1::Decision {
    v1::Decision {
        object: object.to_owned(),
        allowed,
        rule,
        classification: class.map(classify::view),
    }
}

/// Methods that are open to whoever reaches the server.
fn is_open(method: &str) -> bool {
    method.starts_with("notifications/") || OPEN.contains(&method)
}

const OPEN: [&str; 13] = [
    "initialize",
    "ping",
    "server/discover",
    "logging/setLevel",
    "subscriptions/listen",
    "tasks/get",
    "tasks/result",
    "tasks/cancel",
    "tasks/update",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
];
