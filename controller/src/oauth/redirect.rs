//! Where a client's users are sent back to: which addresses can be registered, and which of them a
//! request means. Addresses are compared byte by byte; only the port of a loopback address may
//! differ, because programs on a user's machine take whatever is free (RFC 8252 §7.3).

use url::{Host, Url, form_urlencoded};

/// Which schemes an app can take for itself.
mod scheme;

/// An address of a client's that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// As it was asked for.
    pub(crate) uri: String,
    /// Whether it was, or is the only one that the client has.
    pub(crate) given: bool,
    /// Where it leads.
    pub(crate) kind: RedirectKind,
}

/// Where an address leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RedirectKind {
    /// To a web site.
    Https {
        /// Its host in ASCII, as it can be shown.
        host: String,
        /// The part of the host that somebody registered: its site.
        site: String,
    },
    /// To a program on the user's machine that listens there.
    Loopback {
        /// One of the three names of that machine.
        host: String,
        /// Where it listens.
        port: Option<u16>,
    },
    /// To a program that took a scheme for itself.
    Private {
        /// The scheme, without the colon.
        scheme: String,
    },
}

/// Why an address cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// More than 2048 bytes.
    #[error("is longer than {LONGEST} bytes")]
    Long,
    /// What no URI holds, or what readers of URIs disagree about.
    #[error("holds a character that URIs must not hold as it is")]
    Character,
    /// A fragment.
    #[error("must not have a fragment")]
    Fragment,
    /// User name or password.
    #[error("must not have a user name or password")]
    Userinfo,
    /// A wildcard: addresses are compared exactly.
    #[error("must not have a wildcard")]
    Wildcard,
    /// `/./` and `/../`, encoded or not.
    #[error("must not have dot segments")]
    DotSegment,
    /// No host, or one that is spelled so that readers disagree about it.
    #[error("must have a host, spelled in the one usual way")]
    Host,
    /// Plain HTTP to another machine.
    #[error("must be https, but for 127.0.0.1, [::1] and localhost")]
    PlainHttp,
    /// A scheme that means something else, or is dangerous.
    #[error("must not have this scheme")]
    Scheme,
}

impl RedirectKind {
    /// Where an address leads that can be registered.
    pub(crate) fn read(uri: &str) -> Result<Self, Unusable> {
        if uri.len() > LONGEST {
            return Err(Unusable::Long);
        }
        if uri.contains('#') {
            return Err(Unusable::Fragment);
        }
        let odd = |byte: u8| !byte.is_ascii_graphic() || b"\\\"<>^`{|}".contains(&byte);
        if uri.bytes().any(odd) {
            return Err(Unusable::Character);
        }
        let (scheme, rest) = uri.split_once(':').ok_or(Unusable::Scheme)?;
        if !is_scheme(scheme) {
            return Err(Unusable::Scheme);
        }
        let authority = rest.strip_prefix("//").map(|rest| {
            let end = rest.find(['/', '?']);
            &rest[..end.unwrap_or(rest.len())]
        });
        if authority.is_some_and(|authority| authority.contains('@')) {
            return Err(Unusable::Userinfo);
        }
        if uri.contains('*') {
            return Err(Unusable::Wildcard);
        }
        if has_dot_segment(rest) {
            return Err(Unusable::DotSegment);
        }
        match scheme {
            "https" => https(uri, authority.ok_or(Unusable::Host)?),
            "http" => loopback(authority.ok_or(Unusable::Host)?),
            _ => private(scheme, rest),
        }
    }

    /// Whether it leads to the user's own machine over TLS: no stranger gets to register that.
    pub(crate) fn is_secure_loopback(&self) -> bool {
        match self {
            Self::Https { host, .. } => {
                LOOPBACK.contains(&host.as_str()) || host.ends_with(".localhost")
            }
            Self::Loopback { .. } | Self::Private { .. } => false,
        }
    }
}

impl Redirect {
    /// What a request means that asks for this address, or for none, of a client with these.
    pub(crate) fn choose(registered: &[String], asked: Option<&str>) -> Option<Self> {
        let (uri, given) = match (asked, registered) {
            (Some(asked), _) => (asked, true),
            (None, [only]) => (only.as_str(), false),
            (None, _) => return None,
        };
        let kind = RedirectKind::read(uri).ok()?;
        let meant = |registered: &String| registered == uri || same_but_port(registered, uri);
        registered.iter().any(meant).then(|| Self {
            uri: uri.to_owned(),
            given,
            kind,
        })
    }

    /// What tells one installation of a client from others: the origin without the port that a
    /// program happened to get, or the scheme with a colon.
    pub(crate) fn origin(&self) -> String {
        match &self.kind {
            RedirectKind::Https { .. } => self.web_origin(),
            RedirectKind::Loopback { host, .. } => format!("http://{host}"),
            RedirectKind::Private { scheme } => format!("{scheme}:"),
        }
    }

    /// The address with these parameters.
    pub(crate) fn with(&self, params: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params);
        let between = match self.uri.as_bytes().last() {
            Some(b'?' | b'&') => "",
            _ if self.uri.contains('?') => "&",
            _ => "?",
        };
        format!("{}{between}{}", self.uri, query.finish())
    }

    fn web_origin(&self) -> String {
        let origin = Url::parse(&self.uri).map(|url| url.origin().ascii_serialization());
        origin.expect("it was read as a URL")
    }
}

/// A loopback address without its port: all that is compared of one, and all that is remembered.
pub(crate) fn without_port(uri: &str) -> Option<String> {
    let (host, _, rest) = split_loopback(uri)?;
    Some(format!("http://{host}{rest}"))
}

fn same_but_port(registered: &str, asked: &str) -> bool {
    match (split_loopback(registered), split_loopback(asked)) {
        (Some((host, _, rest)), Some((asked_host, _, asked_rest))) => {
            (host, rest) == (asked_host, asked_rest)
        }
        _ => false,
    }
}

/// Host, port and the rest of a loopback address.
fn split_loopback(uri: &str) -> Option<(&str, Option<u16>, &str)> {
    let after = uri.strip_prefix("http://")?;
    let end = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let (host, port) = loopback_authority(authority)?;
    Some((host, port, rest))
}

fn loopback_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    LOOPBACK.iter().find_map(|&host| {
        let rest = authority.strip_prefix(host)?;
        if rest.is_empty() {
            return Some((host, None));
        }
        let digits = rest.strip_prefix(':')?;
        let port: u16 = digits.parse().ok()?;
        // The one spelling: neither `+80` nor `080`.
        (port != 0 && port.to_string() == digits).then_some((host, Some(port)))
    })
}

fn loopback(authority: &str) -> Result<RedirectKind, Unusable> {
    let (host, port) = loopback_authority(authority).ok_or(Unusable::PlainHttp)?;
    let host = host.to_owned();
    Ok(RedirectKind::Loopback { host, port })
}

fn https(uri: &str, authority: &str) -> Result<RedirectKind, Unusable> {
    let url = Url::parse(uri).map_err(|_| Unusable::Host)?;
    let host = match url.host().ok_or(Unusable::Host)? {
        Host::Domain(name) if name.ends_with('.') => return Err(Unusable::Host),
        host => host.to_string(),
    };
    // What a parser would repair (`0x7f.1`, a percent sign, a port with zeros) another reads otherwise.
    let usual = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.clone(),
    };
    let spelled = authority.strip_suffix(":443").unwrap_or(authority);
    if !usual.eq_ignore_ascii_case(spelled) || url.port() == Some(0) {
        return Err(Unusable::Host);
    }
    let site = match url.host() {
        Some(Host::Domain(name)) => psl::domain_str(name).unwrap_or(name).to_owned(),
        _ => host.clone(),
    };
    Ok(RedirectKind::Https { host, site })
}

fn private(scheme: &str, rest: &str) -> Result<RedirectKind, Unusable> {
    if !scheme::is_apps(scheme) {
        return Err(Unusable::Scheme);
    }
    if rest.trim_start_matches('/').is_empty() && !rest.starts_with('/') {
        return Err(Unusable::Host);
    }
    Ok(RedirectKind::Private {
        scheme: scheme.to_owned(),
    })
}

/// RFC 3986 §3.1, in lower case so that there is one spelling.
fn is_scheme(text: &str) -> bool {
    let other = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
    };
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(other)
}

fn has_dot_segment(rest: &str) -> bool {
    let path = rest.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

const LONGEST: usize = 2048;
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

#[cfg(test)]
mod tests;
