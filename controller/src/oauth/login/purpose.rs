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
    /// To the page where the code of a device is typed in.
    Device {
        /// What the link there had it filled in with.
        user_code: Option<String>,
    },
}

/// An authorization request that was found in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) client_id: String,
    /// Where the client wants its answer.
    pub(crate) redirect_uri: String,
    /// Whether it said so, or has only that one.
    pub(crate) redirect_given: bool,
    /// Given back as it came.
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: String,
    /// Canonical.
    pub(crate) resources: Vec<String>,
    /// What is granted if the user agrees.
    pub(crate) scopes: Vec<String>,
    pub(crate) prompt: Prompt,
}

/// What the client wants people to be asked, whatever we remember.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prompt {
    /// To sign in.
    pub(crate) login: bool,
    /// To agree.
    pub(crate) consent: bool,
}
