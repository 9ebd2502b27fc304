//! Points for words: above zero speaks for reading, below for writing. Two either way decide; what
//! speaks for both cancels out and stays ambiguous, which is the safe side.

use serde_json::Value;

use super::{Class, Classification, Source};

/// Verbs of tools that only read.
const READ: &[&str] = &[
    "analyze",
    "browse",
    "check",
    "compare",
    "count",
    "describe",
    "diff",
    "download",
    "explain",
    "fetch",
    "find",
    "get",
    "head",
    "history",
    "info",
    "inspect",
    "list",
    "load",
    "lookup",
    "peek",
    "preview",
    "query",
    "read",
    "resolve",
    "retrieve",
    "search",
    "select",
    "show",
    "stat",
    "stats",
    "status",
    "summarize",
    "view",
    "watch",
    "whoami",
];

/// Verbs of tools that change something.
const WRITE: &[&str] = &[
    "abort",
    "accept",
    "activate",
    "add",
    "append",
    "apply",
    "approve",
    "archive",
    "assign",
    "book",
    "buy",
    "cancel",
    "change",
    "clear",
    "click",
    "close",
    "commit",
    "configure",
    "copy",
    "create",
    "deactivate",
    "delete",
    "deploy",
    "destroy",
    "disable",
    "dismiss",
    "drop",
    "edit",
    "enable",
    "erase",
    "eval",
    "exec",
    "execute",
    "fork",
    "grant",
    "import",
    "insert",
    "install",
    "invite",
    "invoke",
    "kill",
    "lock",
    "mark",
    "merge",
    "modify",
    "move",
    "overwrite",
    "patch",
    "pay",
    "post",
    "press",
    "provision",
    "publish",
    "purge",
    "push",
    "put",
    "reboot",
    "refund",
    "register",
    "reject",
    "remove",
    "rename",
    "replace",
    "reply",
    "reset",
    "resize",
    "restart",
    "restore",
    "revert",
    "revoke",
    "rollback",
    "rotate",
    "run",
    "save",
    "schedule",
    "send",
    "set",
    "shutdown",
    "start",
    "stop",
    "store",
    "submit",
    "subscribe",
    "sync",
    "terminate",
    "transfer",
    "trigger",
    "truncate",
    "unassign",
    "uninstall",
    "unlock",
    "unsubscribe",
    "update",
    "upgrade",
    "upload",
    "upsert",
    "wipe",
    "write",
];

/// What descriptions of tools that only read say.
const READ_PHRASES: &[&str] = &[
    "does not change",
    "does not modify",
    "fetches",
    "finds",
    "gets",
    "lists",
    "looks up",
    "read only",
    "retrieves",
    "returns",
    "searches",
    "shows",
    "without modifying",
];

/// What descriptions of tools that change something say.
const WRITE_PHRASES: &[&str] = &[
    "adds",
    "cannot be undone",
    "changes",
    "creates",
    "deletes",
    "executes",
    "inserts",
    "irreversible",
    "modifies",
    "moves",
    "overwrites",
    "permanently",
    "posts",
    "publishes",
    "removes",
    "renames",
    "replaces",
    "runs",
    "sends",
    "sets",
    "submits",
    "updates",
    "uploads",
    "writes",
];

/// Properties that narrow down what is read.
const READ_PROPERTIES: &[&str] = &[
    "cursor", "fields", "filter", "filters", "limit", "offset", "page", "pagesize", "perpage", "q",
    "query", "search", "since", "sort", "sortby", "until",
];

/// Properties that carry what is written, or run.
const WRITE_PROPERTIES: &[&str] = &[
    "amount",
    "body",
    "code",
    "command",
    "confirm",
    "content",
    "dryrun",
    "force",
    "message",
    "newvalue",
    "overwrite",
    "patch",
    "payload",
    "replacement",
    "script",
    "sql",
    "text",
    "value",
];

/// How much of a description is looked at, in characters: the beginning says what a tool does.
const DESCRIPTION: usize = 2048;

/// Points so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score(i32);

impl Score {
    /// The name, the description and the properties of a definition.
    pub(super) fn of(definition: &Value) -> Self {
        let text = |field| definition.get(field).and_then(Value::as_str).unwrap_or("");
        let properties = definition
            .get("inputSchema")
            .and_then(|schema| schema.get("properties"));
        Self(
            Self::of_name(text("name")).0
                + of_description(text("description"))
                + properties.map_or(0, of_properties),
        )
    }

    /// The first verb says most: `delete_list` deletes, `github_list_issues` lists. A verb of
    /// writing counts wherever it stands: `get_or_create` is ambiguous.
    pub(super) fn of_name(name: &str) -> Self {
        let mut score = 0;
        let mut first = true;
        for word in words(name) {
            let points = match (is_in(READ, &word), is_in(WRITE, &word)) {
                (true, _) if first => 2,
                (true, _) => 1,
                (_, true) if first => -3,
                (_, true) => -2,
                (false, false) => continue,
            };
            first = false;
            score += points;
        }
        Self(score)
    }

    /// The class, and how sure it is.
    pub(super) fn conclude(self, source: Source) -> Classification {
        let (class, confidence) = match self.0 {
            2.. => (Class::Read, self.confidence()),
            ..=-2 => (Class::Write, self.confidence()),
            _ => (Class::Ambiguous, 0.5),
        };
        Classification {
            class,
            source,
            confidence,
        }
    }

    /// 0.6 for two points, 0.1 for each further one, but never as sure as annotations.
    fn confidence(self) -> f64 {
        let points = self.0.unsigned_abs().min(5);
        (0.4 + 0.1 * f64::from(points)).min(0.9)
    }
}

/// At most two points either way: prose tells less than a name.
fn of_description(text: &str) -> i32 {
    let start: String = text.chars().take(DESCRIPTION).collect();
    let mut prose = String::from(" ");
    for word in words(&start) {
        prose.push_str(&word);
        prose.push(' ');
    }
    let says = |phrases: &[&str]| {
        phrases
            .iter()
            .filter(|phrase| prose.contains(&format!(" {phrase} ")))
            .take(2)
            .map(|_| 1)
            .sum::<i32>()
    };
    says(READ_PHRASES) - says(WRITE_PHRASES)
}

/// One point for reading, at most two for writing.
fn of_properties(properties: &Value) -> i32 {
    let names = || {
        let names = properties
            .as_object()
            .into_iter()
            .flat_map(|map| map.keys());
        names.map(|name| words(name).collect::<String>())
    };
    let count = |list, most| {
        names()
            .filter(|name| is_in(list, name))
            .take(most)
            .map(|_| 1)
            .sum::<i32>()
    };
    count(READ_PROPERTIES, 1) - count(WRITE_PROPERTIES, 2)
}

fn is_in(sorted: &[&str], word: &str) -> bool {
    sorted.binary_search(&word).is_ok()
}

/// Lower-case words: cut where there is no letter or digit, and where a capital begins a word, as
/// in `getURLList`: get, url, list.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|sign: char| !sign.is_alphanumeric())
        .flat_map(humps)
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn humps(text: &str) -> Vec<&str> {
    let signs: Vec<(usize, char)> = text.char_indices().collect();
    let begins = |place: &usize| {
        let (before, here) = (signs[place - 1].1, signs[*place].1);
        let next_is_small = signs
            .get(place + 1)
            .is_some_and(|(_, next)| next.is_lowercase());
        here.is_uppercase() && (!before.is_uppercase() || next_is_small)
    };
    let mut parts = Vec::new();
    let mut start = 0;
    for place in (1..signs.len()).filter(begins) {
        parts.push(&text[start..signs[place].0]);
        start = signs[place].0;
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests;
