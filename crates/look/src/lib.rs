#![doc = include_str!("../README.md")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proto::access::v1::Branding;

pub use self::{colour::Colour, style::Style};

/// The tenant's colour and what can be read on it.
mod colour;

/// The one stylesheet.
mod style;

/// What keeps a page apart from other sites.
pub mod security;

/// How a tenant's pages look. All of it is an operator's; even so it is data, never markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What people call the tenant.
    pub tenant: String,
    /// An image as a `data:` URI.
    pub logo: Option<String>,
    /// Where people find help: an `https:` or `mailto:` URL.
    pub help_url: Option<String>,
    /// The stylesheet with its colour.
    pub style: Style,
}

impl Look {
    /// That of a tenant which is called so unless its branding says otherwise.
    pub fn new(name: &str, branding: &Branding) -> Self {
        let chosen = &branding.display_name;
        let help_url = &branding.help_url;
        let helps = help_url.starts_with("https://") || help_url.starts_with("mailto:");
        Self {
            tenant: if chosen.is_empty() { name } else { chosen }.to_owned(),
            logo: logo(&branding.logo),
            help_url: helps.then(|| help_url.clone()),
            style: Style::of(Colour::parse(&branding.colour).unwrap_or_default()),
        }
    }

    /// Nobody's: for when it is not known whose page it is.
    pub fn plain() -> Self {
        Self::new("", &Branding::default())
    }
}

/// An image as a `data:` URI; `None` for what is no image that browsers show.
fn logo(bytes: &[u8]) -> Option<String> {
    let kind = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "webp",
        _ => return None,
    };
    Some(format!(
        "data:image/{kind};base64,{}",
        STANDARD.encode(bytes)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_an_image_by_its_bytes() {
        let png = logo(b"\x89PNG\r\n\x1a\nx").unwrap();
        assert_eq!(png, "data:image/png;base64,iVBORw0KGgp4");
        let webp = logo(b"RIFF....WEBPVP8 ").unwrap();
        assert!(webp.starts_with("data:image/webp;"));
        for bytes in [
            &b""[..],
            b"<svg onload=alert(1)>",
            b"GIF89a",
            b"RIFF....WAVE",
        ] {
            assert_eq!(logo(bytes), None);
        }
    }

    #[test]
    fn help_is_a_web_page_or_an_address() {
        let of = |help_url: &str| {
            let help_url = help_url.to_owned();
            let branding = Branding {
                help_url,
                ..Branding::default()
            };
            Look::new("Acme", &branding).help_url
        };
        assert!(of("https://acme.test/help").is_some());
        assert!(of("mailto:help@acme.test").is_some());
        assert_eq!(of("javascript:alert(1)"), None);
        assert_eq!(of(""), None);
    }
}
