//! The code that a device shows (RFC 8628 §3.3): typed in, then confirmed, so that nobody connects a
//! stranger's device by following a link (A38).
//!
//! Forms: `POST /device` (`csrf`, `user_code`) shows what is asked; the same with `decision=allow|deny`
//! decides.

use askama::Template;

use super::{
    Look, Response, StatusCode,
    client::{ClientShown, Standing},
    moment,
    permission::{Permission, Reach},
    shell,
};

/// Where the code is typed in.
#[derive(Debug, Template)]
#[template(path = "device_entry.html")]
pub(crate) struct DeviceEntry {
    pub(crate) look: Look,
    pub(crate) csrf: String,
    /// Who is signed in.
    pub(crate) user: String,
    /// What was typed before, or came with the link.
    pub(crate) code: String,
    pub(crate) problem: Option<DeviceProblem>,
}

/// Why a code is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceProblem {
    /// There is none like it, or its time is over.
    Unknown,
    /// Too many attempts; the next after so many seconds.
    Slow(u64),
}

impl DeviceEntry {
    pub(crate) fn response(self) -> Response {
        let status = match self.problem {
            None => StatusCode::OK,
            Some(DeviceProblem::Unknown) => StatusCode::UNPROCESSABLE_ENTITY,
            Some(DeviceProblem::Slow(_)) => StatusCode::TOO_MANY_REQUESTS,
        };
        let response = shell::respond(status, &self, &self.look.style, &[]);
        match self.problem {
            Some(DeviceProblem::Slow(seconds)) => shell::retry_after(response, seconds),
            Some(DeviceProblem::Unknown) | None => response,
        }
    }
}

impl DeviceProblem {
    fn words(self) -> String {
        match self {
            Self::Unknown => "There is no such code, or it is too old. Compare it with the one on \
                              your device, or start again there."
                .to_owned(),
            Self::Slow(seconds) => format!(
                "Too many attempts. Please try again in {}.",
                moment::wait(seconds)
            ),
        }
    }
}

/// Where it is confirmed.
#[derive(Debug, Template)]
#[template(path = "device_confirm.html")]
pub(crate) struct DeviceConfirm {
    pub(crate) look: Look,
    pub(crate) csrf: String,
    /// Who is signed in.
    pub(crate) user: String,
    pub(crate) code: String,
    pub(crate) client: ClientShown,
    /// The network address that asked for the code.
    pub(crate) peer: String,
    pub(crate) reach: Reach,
    pub(crate) permissions: Vec<Permission>,
}

impl DeviceConfirm {
    pub(crate) fn response(self) -> Response {
        shell::respond(StatusCode::OK, &self, &self.look.style, &[])
    }

    /// The code as the device shows it, however it was typed.
    fn shown_code(&self) -> String {
        let letters = self.code.chars().filter(char::is_ascii_alphanumeric);
        let mut shown = String::new();
        for (place, letter) in letters.enumerate() {
            if place > 0 && place % 4 == 0 {
                shown.push('-');
            }
            shown.push(letter.to_ascii_uppercase());
        }
        shown
    }
}
