//! From a JSON document to a message: one function per rule, in the order in which they are answered.

use std::ops::Range;

use super::{
    Kind, Message, Text,
    method::{Method, Presence, Subject},
    spelling,
};
use crate::{
    json::{Document, Scope, decode},
    rejection::{Reason, Rejection},
};

/// The places of the members of the envelope.
#[derive(Default)]
struct Envelope {
    jsonrpc: Option<Range<usize>>,
    id: Option<Range<usize>>,
    method: Option<Range<usize>>,
    params: Option<Range<usize>>,
    result: Option<Range<usize>>,
    error: Option<Range<usize>>,
}

/// The largest integer that every JSON parser keeps exactly, 2^53−1.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// In bytes, decoded.
const LONGEST_ID: usize = 128;

/// Reads the document as one message.
pub(super) fn message(document: Document) -> Result<Message, Rejection> {
    let refuse = |reason| Rejection::new(reason, None);
    match document.bytes().first() {
        Some(b'{') => {}
        Some(b'[') => return Err(refuse(Reason::Batch)),
        _ => return Err(refuse(Reason::NotAnObject)),
    }
    let envelope = Envelope::of(&document);
    let id = envelope.id.clone();
    if let Some(id) = &id {
        check_id(document.text(id.clone())).map_err(refuse)?;
    }
    match parts(&document, &envelope) {
        Ok((kind, method, name)) => Ok(Message {
            document,
            kind,
            method,
            id,
            name,
        }),
        Err(reason) => {
            let id = id.map(|id| document.text(id));
            Err(Rejection::new(reason, id))
        }
    }
}

impl Envelope {
    fn of(document: &Document) -> Self {
        let mut envelope = Self::default();
        for (key, value) in document.spans(Scope::Envelope) {
            let place = match document.text(key) {
                "jsonrpc" => &mut envelope.jsonrpc,
                "id" => &mut envelope.id,
                "method" => &mut envelope.method,
                "params" => &mut envelope.params,
                "result" => &mut envelope.result,
                "error" => &mut envelope.error,
                _ => continue,
            };
            *place = Some(value);
        }
        envelope
    }
}

type Parts = (Kind, Range<usize>, Option<Text>);

fn parts(document: &Document, envelope: &Envelope) -> Result<Parts, Reason> {
    for (key, _) in document.members(Scope::Envelope) {
        spelling::check_envelope(key)?;
    }
    let version = envelope.jsonrpc.clone().map(|span| document.text(span));
    if version != Some("\"2.0\"") {
        return Err(Reason::JsonrpcVersion);
    }
    if envelope.result.is_some() || envelope.error.is_some() {
        return response(envelope);
    }
    let span = envelope.method.clone().ok_or(Reason::Method)?;
    let name = document
        .text(span.clone())
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or(Reason::Method)?;
    // An escape that is left in canonical text is no character of a method.
    let method = Method::of(name).ok_or(Reason::UnknownMethod)?;
    check_params(document, envelope)?;
    let kind = kind(method, envelope)?;
    Ok((
        kind,
        span.start + 1..span.end - 1,
        subject(document, method)?,
    ))
}

fn response(envelope: &Envelope) -> Result<Parts, Reason> {
    let call = envelope.method.is_some() || envelope.params.is_some();
    let both = envelope.result.is_some() && envelope.error.is_some();
    if call || both || envelope.id.is_none() {
        return Err(Reason::ResponseShape);
    }
    Ok((Kind::Response, 0..0, None))
}

fn kind(method: Method, envelope: &Envelope) -> Result<Kind, Reason> {
    match (method, &envelope.id) {
        (Method::Known { name, .. }, None) => Err(Reason::MissingId { method: name }),
        (Method::Notification, Some(_)) => Err(Reason::NotificationId),
        (Method::Known { .. } | Method::Unknown, Some(_)) => Ok(Kind::Request),
        (Method::Notification | Method::Unknown, None) => Ok(Kind::Notification),
    }
}

fn check_params(document: &Document, envelope: &Envelope) -> Result<(), Reason> {
    let Some(params) = &envelope.params else {
        return Ok(());
    };
    if document.bytes()[params.start] != b'{' {
        return Err(Reason::Params);
    }
    for (key, value) in document.members(Scope::Params) {
        spelling::check_param(key)?;
        if key == b"_meta" && !value.starts_with(b"{") {
            return Err(Reason::Meta);
        }
    }
    for (key, _) in document.members(Scope::Meta) {
        spelling::check_meta(key)?;
    }
    Ok(())
}

/// What the message is about, checked against the limits of names.
fn subject(document: &Document, method: Method) -> Result<Option<Text>, Reason> {
    let Method::Known {
        name: method,
        subject: Some(subject),
    } = method
    else {
        return Ok(None);
    };
    let Subject {
        field,
        limit,
        presence,
    } = subject;
    let refused = Reason::Name {
        method,
        field,
        limit,
    };
    let value = document
        .spans(Scope::Params)
        .find(|(key, _)| document.bytes()[key.clone()] == *field.as_bytes());
    let Some((_, value)) = value else {
        return match presence {
            Presence::Required => Err(refused),
            Presence::Optional => Ok(None),
        };
    };
    let Some(text) = Text::of(document, &value) else {
        return Err(refused);
    };
    let name = match &text {
        Text::Plain(span) => document.text(span.clone()),
        Text::Decoded(name) => name,
    };
    if name.is_empty() || name.len() > limit || name.chars().any(char::is_control) {
        return Err(refused);
    }
    Ok(Some(text))
}

/// A string of at most 128 bytes, or an integer within ±(2^53−1). Not `-0`, which some parsers make a float.
fn check_id(raw: &str) -> Result<(), Reason> {
    let inner = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let fits = if let Some(inner) = inner {
        decode(inner).len() <= LONGEST_ID
    } else {
        let number = raw.strip_prefix('-').unwrap_or(raw).parse::<u64>();
        number.is_ok_and(|number| number <= SAFE_INTEGER) && raw != "-0"
    };
    if fits { Ok(()) } else { Err(Reason::Id) }
}
