//! Who asks for what: the two halves of a question to a policy.

use crate::Class;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// The subject, `keys/ci` or `alice@example.com`.
    pub subject: &'a str,
    /// The roles that the credential gives.
    pub roles: &'a [Box<str>],
    /// The groups that the credential gives; each is also a role.
    pub groups: &'a [Box<str>],
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct What<'a> {
    /// The server's slug.
    pub server: &'a str,
    /// What at it.
    pub object: Object<'a>,
}

/// Something at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// A tool, to call it or to see it in a list.
    Tool {
        /// Its name at the server.
        name: &'a str,
        /// Its class, from [`Policy::classify`](crate::Policy::classify).
        class: Class,
    },
    /// A resource by its URI, to read it, subscribe to it, or see it in a list.
    Resource(&'a str),
    /// A prompt by its name.
    Prompt(&'a str),
    /// Any other method by its name.
    Method(&'a str),
}
