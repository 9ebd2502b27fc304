use std::{
    collections::HashSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use metrics_exporter_prometheus::PrometheusBuilder;
use policy::Need;
use proto::id::{GrantUid, TenantUid};
use token::access::{SigningKey, mint};
use uuid::{NoContext, Timestamp, Uuid};

use super::*;
use crate::config::snapshot::TenantSpec;

/// One signature check per token and node, whoever asks, and one word to the controllers; what else it
/// takes is asked each time.
#[test]
fn a_token_is_verified_once_and_judged_each_time() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let uses = GrantUses::new();
    let oauth = metrics::with_local_recorder(&recorder, || Oauth::new(uses.clone()));
    let verified = || {
        let text = recorder.handle().render();
        let name = "aldgate_access_token_verifications_total{outcome=\"accepted\"} ";
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines
            .next()
            .map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let (key, other) = (SigningKey::generate().0, SigningKey::generate().0);
    let text = mint(&token(), &key);
    let here = tenant(&[&key, &other]);
    let at = |tenant: &Arc<Tenant>, server: &str, now| {
        let mut headers = HeaderMap::new();
        let line = HeaderValue::from_str(&format!("Bearer {text}")).unwrap();
        headers.insert(AUTHORIZATION, line);
        let request = Request {
            target: &Target::of_tenant(tenant, server),
            tenant: Some(tenant),
            server: None,
            headers: &headers,
            peer: [127, 0, 0, 1].into(),
            now,
        };
        attempt(&request, &oauth)
    };
    for _ in 0..3 {
        assert!(matches!(at(&here, "s1", now()), Attempt::Accepted(_)));
    }
    assert!(matches!(
        at(&here, "s2", now()),
        Attempt::Rejected(Reason::Foreign)
    ));
    assert_eq!(verified(), 1);
    let told = uses.take().uses;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].grant_uid, Uuid::from_u128(3).to_string());
    assert_eq!(told[0].issue_time, Some(now().into()));
    assert!(matches!(at(&here, "s1", now()), Attempt::Accepted(_)));
    assert!(uses.is_empty(), "once for each token");
    let late = now() + Duration::from_hours(1) + access::LEEWAY;
    assert!(matches!(at(&here, "s1", late), Attempt::Expired));
    assert!(matches!(
        at(&tenant(&[&other]), "s1", now()),
        Attempt::Rejected(Reason::Unknown)
    ));
    assert!(uses.is_empty(), "what is refused tells nothing");
    assert!(is_of(&here, &text) && !is_of(&tenant(&[&other]), &text));
}

/// A credential without any scope of ours must not be one that is not limited.
#[test]
fn scopes_limit_and_none_opens_nothing() {
    let limits = |scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).into()).collect();
        limits(&AccessToken { scopes, ..token() })
    };
    assert_eq!(limits(&["mcp"]), None);
    assert_eq!(limits(&["mcp:read", "mcp"]), None);
    let reading = limits(&["mcp:read", "finance"]).unwrap();
    assert!(reading.allows("s1", Need::Read) && !reading.allows("s1", Need::Write));
    for none in [&[][..], &["finance"], &["MCP"], &["mcp:write"]] {
        let nothing = limits(none).unwrap();
        assert!(!nothing.is_empty() && !nothing.mentions("s1"), "{none:?}");
    }
}

#[test]
fn a_wider_token_keeps_what_it_was_good_for() {
    let wider = |scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).into()).collect();
        let verified = Verified {
            token: AccessToken { scopes, ..token() },
            key: SigningKey::generate().0.public(),
            scopes: None,
        };
        verified.wider()
    };
    assert_eq!(wider(&["mcp:read"]), "mcp");
    assert_eq!(wider(&["mcp:read", "finance", "a\"b"]), "mcp finance");
}

fn tenant(keys: &[&SigningKey]) -> Arc<Tenant> {
    let spec = TenantSpec {
        uid: TenantUid::from_uuid(Uuid::from_u128(1)),
        slug: "acme".parse().unwrap(),
        canonical_origin: "https://acme.test".into(),
        alias_origins: Vec::new(),
        allowed_origins: HashSet::new(),
        authenticators: Arc::default(),
        limits: None,
        look: Arc::new(look::Look::new(
            "Acme",
            &proto::access::v1::Branding::default(),
        )),
        revocation_grace: Duration::from_mins(10),
        signing_keys: keys.iter().map(|key| key.public()).collect(),
    };
    Arc::new(Tenant::new(spec, Arc::default()))
}

fn token() -> AccessToken {
    AccessToken {
        issuer: "https://acme.test".into(),
        audiences: ["https://acme.test/mcp/s1".into()].into(),
        subject: "0190b7c2-6f00-7abc-8def-0123456789ab".into(),
        username: "ada".into(),
        client: "client-1".into(),
        scopes: ["mcp".into()].into(),
        roles: Box::default(),
        groups: Box::default(),
        tenant: TenantUid::from_uuid(Uuid::from_u128(1)),
        grant: Some(GrantUid::from_uuid(Uuid::from_u128(3))),
        id: Uuid::new_v7(Timestamp::from_unix(NoContext, 1_790_000_000, 0)),
        issued: now(),
        expires: now() + Duration::from_hours(1),
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}
