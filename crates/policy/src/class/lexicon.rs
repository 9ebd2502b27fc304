//! The words that tools are classed by. Words that people use for both sides (`check`, `select`,
//! `resolve`) are in no list. All are sorted, so that they can be searched.

/// Verbs of tools that only read.
#[rustfmt::skip]
pub(super) const READ: &[&str] = &[
    "analyze", "browse", "compare", "count", "describe", "diff", "download", "explain", "fetch",
    "find", "get", "head", "history", "info", "inspect", "list", "lookup", "peek", "preview",
    "query", "read", "retrieve", "search", "show", "stat", "stats", "status", "summarize",
    "view", "whoami",
];

/// Verbs of tools that change something.
#[rustfmt::skip]
pub(super) const WRITE: &[&str] = &[
    "abort", "accept", "activate", "add", "append", "apply", "approve", "archive", "assign",
    "book", "buy", "cancel", "change", "clear", "click", "close", "commit", "configure", "copy",
    "create", "deactivate", "delete", "deploy", "destroy", "disable", "dismiss", "drop", "edit",
    "enable", "erase", "eval", "exec", "execute", "fork", "grant", "import", "insert",
    "install", "invite", "invoke", "kill", "lock", "mark", "merge", "modify", "move",
    "overwrite", "patch", "pay", "post", "press", "provision", "publish", "purge", "push",
    "put", "reboot", "refund", "register", "reject", "remove", "rename", "replace", "reply",
    "reset", "resize", "restart", "restore", "revert", "revoke", "rollback", "rotate", "run",
    "save", "schedule", "send", "set", "shutdown", "start", "stop", "store", "submit",
    "subscribe", "sync", "terminate", "transfer", "trigger", "truncate", "unassign",
    "uninstall", "unlock", "unsubscribe", "update", "upgrade", "upload", "upsert", "wipe",
    "write",
];

/// Verbs of reading that are nothing else, so that what follows them is a thing.
#[rustfmt::skip]
pub(super) const PLAIN_READ: &[&str] = &[
    "describe", "fetch", "get", "retrieve", "show",
];

/// Words of [`WRITE`] that are often things: `get_commit`.
#[rustfmt::skip]
pub(super) const THING: &[&str] = &[
    "archive", "book", "change", "commit", "copy", "fork", "grant", "import", "invite", "lock",
    "merge", "patch", "post", "refund", "reply", "run", "schedule", "store", "transfer",
    "trigger",
];

/// What descriptions of tools that only read say.
#[rustfmt::skip]
pub(super) const READ_PHRASES: &[&str] = &[
    "does not change", "does not modify", "fetches", "finds", "gets", "lists", "looks up",
    "read only", "retrieves", "returns", "searches", "shows", "without modifying",
];

/// What descriptions of tools that change something say.
#[rustfmt::skip]
pub(super) const WRITE_PHRASES: &[&str] = &[
    "adds", "cannot be undone", "changes", "creates", "deletes", "executes", "inserts",
    "irreversible", "modifies", "moves", "overwrites", "permanently", "posts", "publishes",
    "removes", "renames", "replaces", "runs", "sends", "sets", "submits", "updates", "uploads",
    "writes",
];

/// Properties that narrow down what is read, without signs between their words.
#[rustfmt::skip]
pub(super) const READ_PROPERTIES: &[&str] = &[
    "cursor", "fields", "filter", "filters", "limit", "offset", "page", "pagesize", "perpage",
    "q", "query", "search", "since", "sort", "sortby", "until",
];

/// Properties that carry what is written or run, without signs between their words.
#[rustfmt::skip]
pub(super) const WRITE_PROPERTIES: &[&str] = &[
    "body", "command", "confirm", "content", "dryrun", "force", "message", "newvalue",
    "overwrite", "patch", "payload", "replacement", "script", "sql",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_sorted_and_in_lower_case() {
        let lists = [
            READ,
            WRITE,
            PLAIN_READ,
            THING,
            READ_PHRASES,
            WRITE_PHRASES,
            READ_PROPERTIES,
            WRITE_PROPERTIES,
        ];
        for list in lists {
            assert!(list.is_sorted_by(|one, two| one < two), "{list:?}");
            assert!(
                list.iter()
                    .all(|word| !word.chars().any(char::is_uppercase))
            );
        }
    }

    #[test]
    fn no_word_speaks_for_both_sides() {
        assert!(READ.iter().all(|word| !WRITE.contains(word)));
        assert!(PLAIN_READ.iter().all(|word| READ.contains(word)));
        assert!(THING.iter().all(|word| WRITE.contains(word)));
    }
}
