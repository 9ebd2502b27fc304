//! What somebody is about while they sign in. Kept in the database for the half hour that it may take,
//! so that nothing of it travels through the browser.

use serde::{Deserialize, Serialize};

/// Where a login leads. There are no other places: nobody can name one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// To consent, and from there to a client.
    Authorize(Asked),
    /// To the page with a user's connections.
    Connections,
    /// To the code that a device shows.
    Device {
        /// As it was typed.
        user_code: Option<String>,
    },
}

/// An authorization request that was found in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) client_id: String,
    /// As asked; `None` when the client has only one and left it out.
    pub(crate) redirect_uri: Option<String>,
    /// Given back byte by byte.
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: String,
    /// Canonical.
    pub(crate) resources: Vec<String>,
    /// As granted, if the user agrees.
    pub(crate) scopes: Vec<String>,
    pub(crate) prompt: Prompt,
}

/// What the client wants people to be asked, whatever we remember.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Prompt {
    /// What is needed.
    #[default]
    Needed,
    /// Nothing.
    Nothing,
    /// To sign in, to agree, or both.
    Asks { login: bool, consent: bool },
}
