//! What a server offers, cut down to what a caller may see: drops items of `tools/list` and its like, makes the
//! rest private to the caller, and exchanges cursors. Who may see what is decided by an [`Editor`].

use bytes::Bytes;

use crate::{
    json::{self, Document, Limits, Scope, elements, members, write_string},
    reply::Reply,
};

/// The lists of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `tools/list`.
    Tools,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
    /// `prompts/list`.
    Prompts,
}

impl List {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tools, Self::Resources, Self::Templates, Self::Prompts];

    /// The list that a method asks for.
    pub fn of(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.method() == method)
    }

    /// The method that asks for it.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// The member of the result that holds the items.
    const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }

    /// The member of an item that says what it is.
    const fn subject(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
        }
    }
}

/// Decides what becomes of a list.
pub trait Editor {
    /// Whether the caller may see this item: a name, a URI or a URI template.
    fn permits(&self, list: List, item: &str) -> bool;

    /// What the caller gets for the server's cursor; none where it cannot be made.
    fn seal(&self, list: List, cursor: &str) -> Option<String>;
}

/// Why a reply cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlisted {
    /// It is not the list that was asked for.
    #[error("the answer is not a list")]
    Malformed,
    /// Its cursor could not be sealed.
    #[error("the list's cursor cannot be sealed")]
    Unsealed,
}

/// What we read of a list: as many values as fit in what a server may send, deeper than requests because schemas
/// stand inside.
pub const LIMITS: Limits = Limits {
    depth: 128,
    tokens: 2_000_000,
    key_bytes: 1024,
};

/// Rewrites the answer to a list request, or with none expected, any answer that holds lists (a resumed stream does
/// not say what was asked). An item without its name is dropped; all members we do not know survive. Answers
/// that hold no list, and errors, stay as they are.
pub fn rewrite(
    reply: &Reply,
    expected: Option<List>,
    editor: &impl Editor,
) -> Result<Bytes, Unlisted> {
    let whole = reply.bytes();
    let Some(place) = reply.result() else {
        return Ok(whole.clone());
    };
    let result = &whole[place.clone()];
    if expected.is_some() && !result.starts_with(b"{") {
        return Err(Unlisted::Malformed);
    }
    let held = || {
        let list = |(key, value): (&[u8], &[u8])| {
            let named = |list: &List| list.member().as_bytes() == key && value.starts_with(b"[");
            List::ALL.into_iter().find(named)
        };
        members(result).find_map(list)
    };
    let Some(list) = expected.or_else(held) else {
        return Ok(whole.clone());
    };
    let mut out = Vec::with_capacity(whole.len() + 256);
    out.extend_from_slice(&whole[..place.start]);
    out.push(b'{');
    for (key, value) in members(result) {
        separate(&mut out, b'{');
        out.push(b'"');
        out.extend_from_slice(key);
        out.extend_from_slice(b"\":");
        write_member(&mut out, (key, value), list, expected, editor)?;
    }
    out.push(b'}');
    out.extend_from_slice(&whole[place.end..]);
    Ok(out.into())
}

/// The same for the data of one event; none where the client may not have it at all, because it is news of a
/// resource that is kept from it. Other notifications, and requests of the server, stay as they are.
pub fn rewrite_event(
    data: &[u8],
    expected: Option<List>,
    editor: &impl Editor,
) -> Result<Option<Bytes>, Unlisted> {
    let document = Document::parse(data, &LIMITS).map_err(|_| Unlisted::Malformed)?;
    let held = |key| document.member(Scope::Envelope, key);
    if let (Some(method), None) = (held("method"), held("result")) {
        let shown = method != UPDATED || {
            let uri = document.member(Scope::Params, "uri").and_then(json::string);
            uri.is_some_and(|uri| editor.permits(List::Resources, &uri))
        };
        return Ok(shown.then(|| document.into_bytes()));
    }
    let reply = Reply::of(document).map_err(|_| Unlisted::Malformed)?;
    rewrite(&reply, expected, editor).map(Some)
}

fn write_member(
    out: &mut Vec<u8>,
    (key, value): (&[u8], &[u8]),
    list: List,
    expected: Option<List>,
    editor: &impl Editor,
) -> Result<(), Unlisted> {
    let items = |list: &List| list.member().as_bytes() == key;
    if let Some(items) = List::ALL.into_iter().find(items) {
        if value.starts_with(b"[") {
            write_items(out, value, items, editor);
            return Ok(());
        }
        if expected == Some(items) {
            return Err(Unlisted::Malformed);
        }
    }
    match key {
        b"cacheScope" => out.extend_from_slice(PRIVATE),
        b"nextCursor" if !matches!(value, b"null" | b"\"\"") => {
            let cursor = json::string(value).ok_or(Unlisted::Malformed)?;
            let sealed = editor.seal(list, &cursor).ok_or(Unlisted::Unsealed)?;
            write_string(out, &sealed);
        }
        _ => out.extend_from_slice(value),
    }
    Ok(())
}

fn write_items(out: &mut Vec<u8>, array: &[u8], list: List, editor: &impl Editor) {
    out.push(b'[');
    for item in elements(array) {
        let subject = json::member(item, list.subject()).and_then(json::string);
        if subject.is_some_and(|subject| editor.permits(list, &subject)) {
            separate(out, b'[');
            out.extend_from_slice(item);
        }
    }
    out.push(b']');
}

/// A comma, except right after the bracket that opened.
fn separate(out: &mut Vec<u8>, opening: u8) {
    if out.last() != Some(&opening) {
        out.push(b',');
    }
}

const UPDATED: &[u8] = b"\"notifications/resources/updated\"";
const PRIVATE: &[u8] = b"\"private\"";

#[cfg(test)]
mod tests;
