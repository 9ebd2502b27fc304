//! Where instead: the paths that belong to the controllers, sessions and the authorization server, are
//! forwarded to a controller's auth door. This node adds where the client found
//! them and from where it came, which controllers believe from nodes alone; it decides nothing.

mod answer;
mod error;
mod link;
mod request;

use std::{cell::Cell, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Response, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use runtime::shutdown::Tasks;
use rustls::ClientConfig;
use tokio::time::timeout;

pub use error::DoorError;

use self::link::{Link, SendError};
use crate::{
    access::Record,
    config::link::Controller,
    error::Error,
    read::{self, BodySettings},
    route::DoorCall,
    upstream::{Answer, Content},
};

/// Whose pages may call a path of the controllers' from a browser, and read what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody's: who asks makes no difference there, and no cookie counts.
    Everybody,
    /// The tenant's own and those that it allows, as for MCP.
    Known,
    /// Nobody's: these are pages themselves. Browsers post their forms with `Origin: null`, so that
    /// header is for the controllers to judge.
    Nobody,
}

/// The paths that belong to the controllers, in the layout of a host per tenant.
pub(crate) const PATHS: [(&str, Audience); 16] = [
    ("/sessions", Audience::Known),
    (ISSUER_METADATA[0], Audience::Everybody),
    (ISSUER_METADATA[1], Audience::Everybody),
    ("/jwks", Audience::Everybody),
    ("/register", Audience::Everybody),
    ("/token", Audience::Everybody),
    ("/revoke", Audience::Everybody),
    ("/introspect", Audience::Everybody),
    ("/device_authorization", Audience::Everybody),
    ("/authorize", Audience::Nobody),
    ("/login", Audience::Nobody),
    ("/consent", Audience::Nobody),
    ("/logout", Audience::Nobody),
    ("/device", Audience::Nobody),
    ("/connections", Audience::Nobody),
    ("/connections/disconnect", Audience::Nobody),
];

/// Where an authorization server says what it can do (RFC 8414; `OpenID` Connect Discovery 1.0).
pub(crate) const ISSUER_METADATA: [&str; 2] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

/// Pages for one identity provider each, whose name follows.
pub(crate) const FOLDERS: [&str; 2] = ["/login/", "/callback/"];

/// What is read once at start about the controllers' auth doors.
#[derive(Debug, Clone)]
pub struct DoorSettings {
    /// How to get there; none where no controller has such a door, and its paths are unknown.
    pub way: Option<Way>,
    /// Limits on what a client may send.
    pub body: BodySettings,
    /// From the end of a request to the end of its answer.
    pub deadline: Duration,
    /// To open a connection.
    pub connect: Duration,
    /// Bytes of an answer.
    pub reply_bytes: usize,
    /// Requests at once on each core.
    pub inflight: usize,
}

/// The way to the controllers' auth doors.
#[derive(Debug, Clone)]
pub struct Way {
    /// Their addresses, any of which will do.
    pub controllers: Vec<Controller>,
    /// Whom we trust, and how we prove which node we are.
    pub tls: Arc<ClientConfig>,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self {
            way: None,
            body: BodySettings {
                bytes: 64 << 10,
                ..BodySettings::default()
            },
            deadline: Duration::from_secs(10),
            connect: Duration::from_secs(3),
            reply_bytes: 1 << 20,
            inflight: 256,
        }
    }
}

/// One core's way to the controllers.
pub struct Door {
    settings: Arc<DoorSettings>,
    links: Box<[Link]>,
    /// The controller that answered last; it is asked first.
    favourite: Cell<usize>,
    inflight: Rc<Cell<usize>>,
}

impl Door {
    /// Without any connection yet.
    pub fn new(settings: Arc<DoorSettings>, tasks: &Tasks) -> Self {
        let links = settings.way.iter().flat_map(|way| {
            let link = |controller: &Controller| {
                let tls = Arc::clone(&way.tls);
                Link::new(controller.clone(), tls, settings.connect, tasks.clone())
            };
            way.controllers.iter().map(link).collect::<Vec<_>>()
        });
        Self {
            links: links.collect(),
            settings,
            favourite: Cell::new(0),
            inflight: Rc::default(),
        }
    }

    /// Has a controller answer the request.
    pub(crate) async fn forward(
        &self,
        call: DoorCall,
        peer: SocketAddr,
        parts: Parts,
        body: Incoming,
        record: &mut Record,
    ) -> Result<Answer, Error> {
        if self.links.is_empty() {
            return Err(Error::UnknownPath);
        }
        record.door(call.tenant.as_deref(), &call.path);
        if parts.method == Method::OPTIONS {
            return Ok(Answer::preflight(&parts.headers));
        }
        let reading = read::collect(
            body,
            &parts.headers,
            &self.settings.body,
            &mut record.received,
        );
        let body = reading.await.map_err(|error| DoorError::of_body(&error))?;
        let request = request::build(&call, &parts, peer, body)?;
        // Only now: who sends slowly must not keep others out.
        let _room = Room::take(&self.inflight, self.settings.inflight)?;
        let asking = async {
            let answer = self.ask(request).await?;
            record.upstream(answer.status());
            answer::read(answer, self.settings.reply_bytes).await
        };
        let response = timeout(self.settings.deadline, asking)
            .await
            .map_err(|_| DoorError::Deadline)??;
        Ok(Answer {
            response: response.map(Content::Whole),
            slot: None,
        })
    }

    /// Asks one controller after the other, until one is reached. A request of which a byte may have
    /// left is never sent again: it may have been done.
    async fn ask(
        &self,
        mut request: http::Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, DoorError> {
        let first = self.favourite.get();
        for place in 0..self.links.len() {
            let place = (first + place) % self.links.len();
            match self.links[place].send(request).await {
                Ok(answer) => {
                    self.favourite.set(place);
                    return Ok(answer);
                }
                Err(SendError::Unsent(unsent)) => request = *unsent,
                Err(SendError::Broken(source)) => return Err(DoorError::Broken(source)),
            }
        }
        Err(DoorError::Unreachable)
    }
}

/// Room for one request among those of a core; dropping it gives the room back.
struct Room(Rc<Cell<usize>>);

impl Room {
    fn take(taken: &Rc<Cell<usize>>, most: usize) -> Result<Self, DoorError> {
        if taken.get() >= most {
            return Err(DoorError::Busy);
        }
        taken.set(taken.get() + 1);
        Ok(Self(Rc::clone(taken)))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
