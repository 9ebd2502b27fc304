//! The one stylesheet, inside each page. The tenant's colour is part of it, and its hash names it in
//! the content security policy, which lets no other style in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::colour::Colour;

/// A stylesheet with a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// What stands between the tags, exactly.
    pub text: String,
}

impl Style {
    /// With this colour.
    pub fn of(colour: Colour) -> Self {
        let text = colour.text();
        let light = colour.on_light();
        let dark = colour.on_dark();
        Self {
            text: format!(
                ":root{{--brand:{colour};--on-brand:{text};--accent:{light}}}\n\
                 @media (prefers-color-scheme:dark){{:root{{--accent:{dark}}}}}\n{SHEET}"
            ),
        }
    }

    /// As the content security policy names it.
    pub fn source(&self) -> String {
        let hash = digest(&SHA256, self.text.as_bytes());
        format!("'sha256-{}'", STANDARD.encode(hash))
    }
}

const SHEET: &str = include_str!("../templates/page.css");
