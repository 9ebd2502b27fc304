//! Which conversation: the sealed session ids of the eras up to 2025-11-25. A session id holds what
//! any node needs to continue, and opens only for the principal, server and tenant it was made for.
//! It proves nothing about who is calling. Cursors of lists are sealed likewise, in every era.

mod content;
pub(crate) mod cursor;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderName, HeaderValue};
use mcp::{
    era::{Era, LegacyVersion},
    list::List,
    message::{Cursor, Kind},
};
use seal::session::{SessionBinding, kid_of};

use crate::{
    config::snapshot::Tenant,
    error::Error,
    policy::Permit,
    read::{Call, Operation},
};

use content::Content;

/// The conversation that a call belongs to, and where a list goes on. Only [`enter`] makes one.
#[derive(Debug)]
pub struct Session {
    state: State,
    cursor: Option<Box<str>>,
}

#[derive(Debug)]
enum State {
    /// The call stands alone.
    Single,
    /// The call opens a session.
    Opening(Opening),
    /// The call continues one.
    Open(Conversation),
}

/// A session that the server is about to open.
#[derive(Debug)]
pub struct Opening {
    tenant: Arc<Tenant>,
    binding: SessionBinding,
    now: SystemTime,
}

/// A session that is open.
#[derive(Debug)]
struct Conversation {
    upstream: Option<HeaderValue>,
    version: Option<LegacyVersion>,
}

impl Session {
    /// The server's own session id, if it gave one.
    pub fn upstream(&self) -> Option<&HeaderValue> {
        match &self.state {
            State::Open(conversation) => conversation.upstream.as_ref(),
            State::Single | State::Opening(_) => None,
        }
    }

    /// The version that was agreed on.
    pub fn version(&self) -> Option<LegacyVersion> {
        match &self.state {
            State::Open(conversation) => conversation.version,
            State::Single | State::Opening(_) => None,
        }
    }

    /// The server's own cursor, where the call goes on with a list.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Whether the call continues a session.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The session to be opened, if the call is to open one.
    pub fn into_opening(self) -> Option<Opening> {
        match self.state {
            State::Opening(opening) => Some(opening),
            State::Single | State::Open(_) => None,
        }
    }
}

impl Opening {
    /// The session id for the client. `upstream` is the server's own, visible ASCII as the
    /// specification wants; without one the session still carries the version.
    pub fn seal(
        &self,
        upstream: Option<&HeaderValue>,
        version: Option<LegacyVersion>,
    ) -> Option<HeaderValue> {
        let plain = Content {
            expires: self.now + LIFETIME,
            version,
            upstream,
        }
        .encode()?;
        let cipher = self.tenant.sessions()?.sealer(self.now)?;
        let id = cipher.seal(&self.binding, &plain);
        Some(HeaderValue::try_from(id).expect("a session id is visible ASCII"))
    }
}

/// Finds the call's session. A session id that does not open, for whatever reason, is unknown:
/// the client starts again.
pub fn enter(permit: &Permit, now: SystemTime) -> Result<Session, Error> {
    let call = permit.call();
    let state = match call.operation() {
        Operation::Post {
            era: Era::Modern, ..
        } => State::Single,
        Operation::Post { message, .. } if message.method() == "initialize" => {
            State::Opening(opening(permit, now)?)
        }
        _ => continuing(permit, call, now)?,
    };
    match (&state, call.message()) {
        // A response answers a request of the server, which only a session can have brought (JR-11).
        (State::Single, Some(message)) if message.kind() == Kind::Response => {
            Err(message.refuse_response().into())
        }
        _ => Ok(Session {
            state,
            cursor: going_on(permit, now)?,
        }),
    }
}

/// Opens the cursor of a call that asks for more of a list.
fn going_on(permit: &Permit, now: SystemTime) -> Result<Option<Box<str>>, Error> {
    let Operation::Post { message, era } = permit.call().operation() else {
        return Ok(None);
    };
    let Some(list) = List::of(message.method()) else {
        return Ok(None);
    };
    match message.cursor() {
        Cursor::Start => Ok(None),
        Cursor::Malformed => Err(Error::InvalidCursor(*era)),
        Cursor::At(sealed) => cursor::open(permit.caller(), permit.server(), list, &sealed, now)
            .map(Some)
            .ok_or(Error::InvalidCursor(*era)),
    }
}

fn opening(permit: &Permit, now: SystemTime) -> Result<Opening, Error> {
    let tenant = permit.caller().tenant();
    tenant
        .sessions()
        .and_then(|keys| keys.sealer(now))
        .ok_or(Error::SessionsUnavailable)?;
    Ok(Opening {
        tenant: Arc::clone(tenant),
        binding: binding(permit),
        now,
    })
}

fn continuing(permit: &Permit, call: &Call, now: SystemTime) -> Result<State, Error> {
    let mut lines = call.headers().get_all(SESSION_ID).iter();
    let Some(line) = lines.next() else {
        return Ok(State::Single);
    };
    let id = line.to_str().map_err(|_| Error::UnknownSession)?;
    if lines.next().is_some() {
        return Err(Error::UnknownSession);
    }
    open(permit.caller().tenant(), &binding(permit), id, now)
        .map(State::Open)
        .ok_or(Error::UnknownSession)
}

fn open(
    tenant: &Tenant,
    binding: &SessionBinding,
    id: &str,
    now: SystemTime,
) -> Option<Conversation> {
    let cipher = tenant.sessions()?.opener(kid_of(id)?)?;
    let plain = cipher.open(binding, id).ok()?;
    let content = content::decode(&plain)?;
    (now < content.expires).then_some(Conversation {
        upstream: content.upstream,
        version: content.version,
    })
}

fn binding(permit: &Permit) -> SessionBinding {
    SessionBinding {
        tenant: permit.caller().tenant().uid.uuid(),
        server: permit.server().uid.uuid(),
        principal: permit.caller().principal(),
    }
}

/// The header that carries session ids, in both directions.
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// As long as the day's key is kept.
const LIFETIME: Duration = Duration::from_hours(7 * 24);
