//! Whose pages they are: the tenant's name, logo and colour. All of it is an operator's; even so it
//! is data, never markup, and the logo is embedded, so that pages fetch nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{colour::Colour, style::Style};
use crate::{
    oauth::{issuer::Issuer, rules::Rules},
    store::tenant::Tenant,
};

/// How a tenant's pages look, and where their forms go.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// What people call the tenant.
    pub(super) tenant: String,
    pub(super) logo: Option<String>,
    /// Where people find help: an `https:` or `mailto:` URL.
    pub(super) help_url: Option<String>,
    pub(super) style: Style,
    /// What stands before every path of ours: empty, or `/t/{tenant}`.
    pub(super) place: String,
}

impl Look {
    /// That of a tenant.
    pub(crate) fn of(tenant: &Tenant, rules: &Rules, issuer: &Issuer) -> Self {
        let branding = &rules.branding;
        let names = [&branding.display_name, &tenant.display_name, &tenant.slug];
        let name = names.into_iter().find(|name| !name.is_empty());
        let help_url = &branding.help_url;
        let helps = help_url.starts_with("https://") || help_url.starts_with("mailto:");
        Self {
            tenant: name.cloned().unwrap_or_default(),
            logo: logo(&branding.logo),
            help_url: helps.then(|| help_url.clone()),
            style: Style::of(Colour::parse(&branding.colour).unwrap_or_default()),
            place: issuer.path(""),
        }
    }

    /// Nobody's: for when the tenant could not be looked up.
    pub(super) fn plain() -> Self {
        Self {
            tenant: String::new(),
            logo: None,
            help_url: None,
            style: Style::of(Colour::default()),
            place: String::new(),
        }
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
        assert!(
            logo(b"RIFF....WEBPVP8 ")
                .unwrap()
                .starts_with("data:image/webp;")
        );
        for bytes in [
            &b""[..],
            b"<svg onload=alert(1)>",
            b"GIF89a",
            b"RIFF....WAVE",
        ] {
            assert_eq!(logo(bytes), None);
        }
    }
}
