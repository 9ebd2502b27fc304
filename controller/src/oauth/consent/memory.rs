//! When somebody is not asked again. Only where nobody else can take the place of the client that they
//! agreed to: its answers go to a web site, and somebody vouches that the site is the client's.

use aws_lc_rs::digest::{Context, SHA256};
use time::{Duration, OffsetDateTime};

use crate::{
    oauth::{
        browser::SignedIn,
        client::{Client, Registration, Trust},
        login::Asked,
        redirect::{Redirect, RedirectKind},
        resource,
        rules::Rules,
        wish::Wish,
    },
    store::{OneTenant, StoreError, Tx, consent::Consent},
};

/// When the user agreed to as much as is asked for; `None` when the user has to be asked.
pub(crate) async fn remembers(
    tx: &mut Tx<OneTenant>,
    rules: &Rules,
    client: &Client,
    redirect: &Redirect,
    asked: &Asked,
    user: &SignedIn,
) -> Result<Option<OffsetDateTime>, StoreError> {
    match ground(rules, client, redirect, asked) {
        Ground::None => Ok(None),
        Ground::Trust => Ok(Some(tx.time())),
        Ground::Consent => {
            let Some(uid) = client.uid else {
                return Ok(None);
            };
            let since = tx.time() - LIFE;
            let origin = redirect.origin();
            let consents = tx.consents(user.user, uid, &origin, since).await?;
            let redirects = hash(&client.redirect_uris);
            let covering = consents
                .into_iter()
                .filter(|consent| covers(consent, asked) && consent.redirects == redirects)
                .map(|consent| consent.at)
                .max();
            Ok(covering)
        }
    }
}

/// Why somebody need not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// There is no reason.
    None,
    /// The tenant trusts the client.
    Trust,
    /// The user agreed before, if so.
    Consent,
}

fn ground(rules: &Rules, client: &Client, redirect: &Redirect, asked: &Asked) -> Ground {
    let web = match redirect.kind {
        RedirectKind::Https { .. } => !redirect.kind.is_secure_loopback(),
        // Any program can take a port or a scheme.
        RedirectKind::Loopback { .. } | RedirectKind::Private { .. } => false,
    };
    let asks = rules.always_ask || asked.prompt.consent || Wish::is_admin(&asked.resources);
    if !web || asks {
        return Ground::None;
    }
    let trusted = match client.trust {
        Trust::Trusted => true,
        Trust::Ask | Trust::Blocked => false,
    };
    match client.registration {
        Registration::Manual if trusted => Ground::Trust,
        Registration::Document if trusted || client.verified => Ground::Consent,
        Registration::Manual | Registration::Document | Registration::Dynamic => Ground::None,
    }
}

fn covers(consent: &Consent, asked: &Asked) -> bool {
    let scopes = asked.scopes.iter();
    resource::narrow(asked.resources.clone(), &consent.resources).is_ok()
        && scopes
            .into_iter()
            .all(|scope| consent.scopes.contains(scope))
}

/// What tells whether a client has changed where people are sent (A26).
pub(crate) fn hash(redirect_uris: &[String]) -> [u8; 32] {
    let mut sorted: Vec<&str> = redirect_uris.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut context = Context::new(&SHA256);
    for uri in sorted {
        context.update(uri.as_bytes());
        // In no URI.
        context.update(b"\n");
    }
    *context
        .finish()
        .as_ref()
        .first_chunk()
        .expect("SHA-256 has 32 bytes")
}

const LIFE: Duration = Duration::days(90);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::wish::tests::client;

    fn asked(scopes: &[&str]) -> Asked {
        Asked {
            client_id: "c".into(),
            redirect_uri: String::new(),
            redirect_given: true,
            state: None,
            code_challenge: String::new(),
            resources: vec!["https://acme.test/mcp/files".into()],
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            prompt: crate::oauth::login::Prompt::default(),
        }
    }

    fn of(registration: Registration, trust: Trust, verified: bool, uri: &str) -> Ground {
        let client = Client {
            registration,
            trust,
            verified,
            redirect_uris: vec![uri.to_owned()],
            ..client("c")
        };
        let redirect = client.redirect(None).unwrap();
        ground(&Rules::default(), &client, &redirect, &asked(&["mcp"]))
    }

    /// OA-11, A32: oauth.md §6.
    #[test]
    fn only_a_client_that_somebody_vouches_for_is_let_in_unasked() {
        use {Registration as By, Trust::Ask, Trust::Trusted};
        let web = "https://app.test/callback";
        assert_eq!(of(By::Manual, Trusted, false, web), Ground::Trust);
        assert_eq!(of(By::Document, Ask, true, web), Ground::Consent);
        assert_eq!(of(By::Document, Trusted, false, web), Ground::Consent);
        assert_eq!(of(By::Manual, Ask, false, web), Ground::None);
        assert_eq!(of(By::Document, Ask, false, web), Ground::None);
        assert_eq!(of(By::Dynamic, Trusted, false, web), Ground::None);
        for native in [
            "http://127.0.0.1/callback",
            "https://localhost/callback",
            "cursor://callback",
        ] {
            assert_eq!(
                of(By::Manual, Trusted, false, native),
                Ground::None,
                "{native}"
            );
            assert_eq!(
                of(By::Document, Trusted, true, native),
                Ground::None,
                "{native}"
            );
        }
    }

    #[test]
    fn whoever_wants_people_to_be_asked_has_it_so() {
        let client = Client {
            trust: Trust::Trusted,
            redirect_uris: vec!["https://app.test/callback".to_owned()],
            ..client("c")
        };
        let redirect = client.redirect(None).unwrap();
        let of = |rules: &Rules, asked: &Asked| ground(rules, &client, &redirect, asked);
        let plain = asked(&["mcp"]);
        assert_eq!(of(&Rules::default(), &plain), Ground::Trust);
        let always = Rules {
            always_ask: true,
            ..Rules::default()
        };
        assert_eq!(of(&always, &plain), Ground::None);
        let mut prompted = plain.clone();
        prompted.prompt.consent = true;
        assert_eq!(of(&Rules::default(), &prompted), Ground::None);
        let mut admin = plain;
        admin.resources = vec![resource::ADMIN.to_owned()];
        assert_eq!(of(&Rules::default(), &admin), Ground::None);
    }

    #[test]
    fn a_consent_covers_what_is_in_it() {
        let consent = |resource: &str, scopes: &[&str]| Consent {
            resources: vec![resource.to_owned()],
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            redirects: Vec::new(),
            at: OffsetDateTime::UNIX_EPOCH,
        };
        let all = "https://acme.test/mcp";
        assert!(covers(&consent(all, &["mcp", "x"]), &asked(&["mcp"])));
        assert!(!covers(&consent(all, &["mcp:read"]), &asked(&["mcp"])));
        let other = "https://acme.test/mcp/mail";
        assert!(!covers(&consent(other, &["mcp"]), &asked(&["mcp"])));
    }

    #[test]
    fn the_order_of_addresses_makes_no_difference() {
        let of = |uris: &[&str]| {
            let uris: Vec<_> = uris.iter().map(|&uri| uri.to_owned()).collect();
            hash(&uris)
        };
        assert_eq!(of(&["a:b", "c:d"]), of(&["c:d", "a:b"]));
        assert_ne!(of(&["a:b", "c:d"]), of(&["a:b"]));
        assert_ne!(of(&["a:bc", "d:e"]), of(&["a:b", "cd:e"]));
    }
}
