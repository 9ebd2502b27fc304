//! A static token: a header value that an operator pasted or had made, for one server.

use std::{sync::Arc, time::SystemTime};

use proto::{
    id::{ServerUid, StaticTokenUid},
    name::Slug,
};
use token::fixed::TokenType;
use uuid::Uuid;

use crate::limit::Gauge;

/// A static token.
#[derive(Debug)]
pub struct StaticToken {
    /// Its id.
    pub uid: StaticTokenUid,
    /// The last segment of its name, for the access log.
    pub slug: Slug,
    /// The one server it opens.
    pub server: ServerUid,
    /// The header it comes in.
    pub kind: TokenType,
    /// Who calls with it.
    pub subject: Box<str>,
    /// The principal's id, to which sessions are bound.
    pub principal: Uuid,
    /// The roles that it gives.
    pub roles: Box<[Box<str>]>,
    /// The header goes on to the server as it came.
    pub passthrough: bool,
    /// The server's lease holds headers that calls with it carry; without them such calls fail.
    pub has_headers: bool,
    /// A disabled token is refused.
    pub disabled: bool,
    /// When it stops working; none means never.
    pub expires: Option<SystemTime>,
    /// What its holders have open on this node.
    pub gauge: Arc<Gauge>,
}
