//! What settings may say, field by field.

use std::{ops::RangeInclusive, time::Duration};

use proto::access::v1::{Branding, DocumentPolicy, OauthSettings, RoleScope};
use url::Url;

use crate::{
    admin::{
        authenticator::check_roles,
        field::{Checks, DISPLAY_NAME},
    },
    oauth::scope,
};

/// Notes all that is wrong with settings.
pub(super) fn check(checks: &mut Checks, settings: &OauthSettings) {
    if let Some(branding) = &settings.branding {
        check_branding(checks, branding);
    }
    let lives = [
        (
            "access_token_lifetime",
            settings.access_token_lifetime,
            ACCESS,
        ),
        ("idle_lifetime", settings.idle_lifetime, IDLE),
        ("grant_lifetime", settings.grant_lifetime, GRANT),
        ("revocation_grace", settings.revocation_grace, GRACE),
    ];
    for (field, given, (range, text)) in lives {
        let life = given.map(Duration::try_from);
        if life.is_some_and(|life| life.map_or(true, |life| !range.contains(&life))) {
            checks.refuse(at(field), text);
        }
    }
    if DocumentPolicy::try_from(settings.client_documents).is_err() {
        checks.refuse(at("client_documents"), "must be a DocumentPolicy");
    }
    if settings.scopes.len() > MOST_SCOPES {
        checks.refuse(at("scopes"), format!("must be at most {MOST_SCOPES}"));
    }
    for (place, scope) in settings.scopes.iter().take(MOST_SCOPES).enumerate() {
        let field = at(&format!("scopes[{place}]"));
        let earlier = &settings.scopes[..place];
        if earlier.iter().any(|other| other.name == scope.name) {
            checks.refuse(format!("{field}.name"), "is there already; name it once");
        }
        check_scope(checks, &field, scope);
    }
}

fn check_branding(checks: &mut Checks, branding: &Branding) {
    checks.line(
        &at("branding.display_name"),
        &branding.display_name,
        DISPLAY_NAME,
    );
    let logo = &branding.logo;
    if !logo.is_empty() && (logo.len() > LOGO_BYTES || !is_image(logo)) {
        let text = "must be a PNG, JPEG or WebP image of at most 32 KiB";
        checks.refuse(at("branding.logo"), text);
    }
    let is_colour = |text: &str| {
        let digits = text.strip_prefix('#').unwrap_or_default();
        digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    if !branding.colour.is_empty() && !is_colour(&branding.colour) {
        checks.refuse(at("branding.colour"), "must be `#rrggbb`");
    }
    if !branding.help_url.is_empty() && !is_help(&branding.help_url) {
        let text = "must be an `https:` or `mailto:` URL";
        checks.refuse(at("branding.help_url"), text);
    }
}

fn check_scope(checks: &mut Checks, field: &str, scope: &RoleScope) {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":._-".contains(&byte);
    let name = &scope.name;
    if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
        checks.refuse(format!("{field}.name"), "must be 1 to 64 of `[a-z0-9:._-]`");
    }
    if scope::is_reserved(name) {
        checks.refuse(format!("{field}.name"), "has a meaning already");
    }
    checks.line(&format!("{field}.description"), &scope.description, 200);
    let roles = format!("{field}.roles");
    if scope.roles.is_empty() {
        checks.refuse(&roles, "at least one is required");
    }
    check_roles(checks, &roles, &scope.roles);
}

/// By how it begins: browsers go by that too.
fn is_image(bytes: &[u8]) -> bool {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    is_webp || bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.starts_with(b"\xff\xd8\xff")
}

fn is_help(text: &str) -> bool {
    let plain = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let url = Url::parse(text).ok().filter(|_| plain);
    url.is_some_and(|url| match url.scheme() {
        "https" => url.host().is_some() && text.starts_with("https://"),
        "mailto" => url.path().contains('@'),
        _ => false,
    })
}

fn at(field: &str) -> String {
    format!("oauth_settings.settings.{field}")
}

type Range = (RangeInclusive<Duration>, &'static str);

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);
const ACCESS: Range = (
    Duration::from_mins(5)..=DAY,
    "must be 5 minutes to 24 hours",
);
const IDLE: Range = (
    HOUR..=Duration::from_hours(24 * 365),
    "must be 1 hour to 365 days",
);
const GRANT: Range = (
    HOUR..=Duration::from_hours(24 * 730),
    "must be 1 hour to 730 days",
);
const GRACE: Range = (
    Duration::from_secs(10)..=Duration::from_mins(10),
    "must be 10 seconds to 10 minutes",
);
const LOGO_BYTES: usize = 32 << 10;
const MOST_SCOPES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_only_what_they_may() {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let scope = |name: &str, roles: &[&str]| RoleScope {
            name: name.to_owned(),
            description: String::new(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
        };
        let good = OauthSettings {
            branding: Some(Branding {
                display_name: "Acme".to_owned(),
                logo: b"\x89PNG\r\n\x1a\nrest".to_vec().into(),
                colour: "#12abEF".to_owned(),
                help_url: "mailto:help@acme.test".to_owned(),
            }),
            access_token_lifetime: seconds(300),
            idle_lifetime: seconds(3600),
            grant_lifetime: seconds(730 * 86400),
            revocation_grace: seconds(600),
            scopes: vec![scope("deploy", &["deployer"])],
            ..OauthSettings::default()
        };
        assert_eq!(faults(&good), Vec::<String>::new());
        assert_eq!(faults(&OauthSettings::default()), Vec::<String>::new());
        let bad = OauthSettings {
            branding: Some(Branding {
                display_name: "A\u{7}".to_owned(),
                logo: b"<svg/>".to_vec().into(),
                colour: "red".to_owned(),
                help_url: "javascript:alert(1)".to_owned(),
            }),
            access_token_lifetime: seconds(299),
            idle_lifetime: seconds(-1),
            grant_lifetime: seconds(0),
            revocation_grace: seconds(601),
            client_documents: 9,
            scopes: vec![
                scope("mcp", &["x"]),
                scope("Deploy", &["x"]),
                scope("a", &[]),
                scope("a", &["x"]),
            ],
            ..OauthSettings::default()
        };
        assert_eq!(
            faults(&bad),
            [
                "branding.display_name",
                "branding.logo",
                "branding.colour",
                "branding.help_url",
                "access_token_lifetime",
                "idle_lifetime",
                "grant_lifetime",
                "revocation_grace",
                "client_documents",
                "scopes[0].name",
                "scopes[1].name",
                "scopes[2].roles",
                "scopes[3].name",
            ]
        );
    }

    fn faults(settings: &OauthSettings) -> Vec<String> {
        let mut checks = Checks::new();
        check(&mut checks, settings);
        let found = checks.found().iter();
        found
            .map(|violation| {
                let field = violation.field.strip_prefix("oauth_settings.settings.");
                field.unwrap().to_owned()
            })
            .collect()
    }
}
