//! The methods we know, and the form of those we do not.

use super::spelling::is_variant;

/// What follows from a method name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// A request of some version of MCP, or of the tasks extension.
    Known {
        name: &'static str,
        /// The member of `params` that says what it is about.
        subject: Option<Subject>,
    },
    /// Starts with `notifications/`.
    Notification,
    /// Well-formed and new to us: extensions add methods (design §12).
    Unknown,
}

/// A member of `params` that a policy can decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) field: &'static str,
    pub(super) limit: usize,
    pub(super) presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Nothing can be decided without it.
    Required,
    /// Left to the upstream.
    Optional,
}

/// security.md §2.4.
const NAME: Subject = Subject {
    field: "name",
    limit: 128,
    presence: Presence::Required,
};

/// The limit keeps the regenerated `Mcp-Name` within the 8 KiB that servers take.
const URI: Subject = Subject {
    field: "uri",
    limit: 4096,
    presence: Presence::Required,
};

/// 2026-07-28 has no such method: its servers answer so, whatever the parameters.
const SUBSCRIBED: Subject = Subject {
    presence: Presence::Optional,
    ..URI
};

const TASK: Subject = Subject {
    field: "taskId",
    limit: 4096,
    presence: Presence::Optional,
};

const REQUESTS: &[(&str, Option<Subject>)] = &[
    ("tools/call", Some(NAME)),
    ("tools/list", None),
    ("resources/read", Some(URI)),
    ("resources/list", None),
    ("resources/templates/list", None),
    ("resources/subscribe", Some(SUBSCRIBED)),
    ("resources/unsubscribe", Some(SUBSCRIBED)),
    ("prompts/get", Some(NAME)),
    ("prompts/list", None),
    ("initialize", None),
    ("ping", None),
    ("server/discover", None),
    ("subscriptions/listen", None),
    ("completion/complete", None),
    ("logging/setLevel", None),
    ("tasks/get", Some(TASK)),
    ("tasks/update", Some(TASK)),
    ("tasks/cancel", Some(TASK)),
    ("tasks/result", Some(TASK)),
    ("tasks/list", None),
    // What servers ask clients; named here so that a variant of them is refused too.
    ("sampling/createMessage", None),
    ("elicitation/create", None),
    ("roots/list", None),
];

/// Those of clients and servers, of every version.
const NOTIFICATIONS: &[&str] = &[
    "notifications/cancelled",
    "notifications/elicitation/complete",
    "notifications/initialized",
    "notifications/message",
    "notifications/progress",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/roots/list_changed",
    "notifications/subscriptions/acknowledged",
    "notifications/tasks",
    "notifications/tasks/status",
    "notifications/tools/list_changed",
];

/// Longer names are none that anybody defined.
const LONGEST: usize = 128;

impl Method {
    /// None where `name` is a variant of a known method, or has not the form of one (JR-17).
    pub(super) fn of(name: &str) -> Option<Self> {
        if let Some(&(name, subject)) = REQUESTS.iter().find(|(known, _)| *known == name) {
            return Some(Self::Known { name, subject });
        }
        let known = REQUESTS.iter().map(|(known, _)| known).chain(NOTIFICATIONS);
        let variant = known
            .copied()
            .any(|known| is_variant(name.as_bytes(), known));
        if variant || !is_well_formed(name) {
            return None;
        }
        let (namespace, _) = name.split_once('/')?;
        if namespace == "notifications" {
            return Some(Self::Notification);
        }
        // The namespace in another case would be a notification to a folding parser.
        (!is_variant(namespace.as_bytes(), "notifications")).then_some(Self::Unknown)
    }
}

/// `[a-z][A-Za-z0-9]*(/[A-Za-z0-9_]+)+`, at most 128 bytes.
fn is_well_formed(name: &str) -> bool {
    let mut segments = name.split('/');
    let first = segments.next().unwrap_or_default();
    let word = |byte: u8| byte.is_ascii_alphanumeric();
    name.len() <= LONGEST
        && name.contains('/')
        && first.starts_with(|char: char| char.is_ascii_lowercase())
        && first.bytes().all(word)
        && segments.all(|segment| {
            !segment.is_empty() && segment.bytes().all(|byte| word(byte) || byte == b'_')
        })
}
