//! Who may call what: bad versions of policies, tokens, authenticators and defaults.

use prost::Message as _;
use proto::{
    access::v1 as access,
    sync::v1::{self, AuthScheme, ServerConfig, TenantConfig, reject::Severity},
};
use token::{access::SigningKey, fixed::TokenType};

use super::*;
use crate::limit::rate::Dimension;

/// S4-20, S4-30: a node never takes a list that it cannot keep for an empty or a default one.
#[test]
fn authenticators_that_cannot_be_kept_leave_the_version_before_and_without_one_deny() {
    let mut node = node(
        5,
        [
            samples::tenant(1, 1),
            samples::server((1, 1), 2, 0),
            with_provider(samples::server((1, 2), 3, 0)),
        ],
    );
    let bad = [
        old_tenant(samples::tenant(1, 6)),
        with_provider(samples::server((1, 1), 6, 0)),
    ];
    node.apply(&delta(5, 6, bad), now()).unwrap();
    let snapshot = node.snapshot().unwrap();
    assert!(snapshot.tenant_by_slug("t1-r1").is_some());
    assert_eq!(seen(&snapshot, (1, 1)).unwrap(), "r2");
    assert_eq!(seen(&snapshot, (1, 2)).unwrap(), "quarantined");
    let ack = node.ack();
    let details = ack.rejects.iter().map(|reject| &*reject.detail);
    assert!(details.eq(["authenticators.provider"; 3]), "{ack:?}");
    let serving = ack.rejects.iter().map(|reject| reject.serving_revision);
    assert_eq!(serving.sum::<u64>(), 1 + 2);
}

/// A version with a bad signing key goes live without it: the one before may know keys that were
/// taken back since.
#[test]
fn a_signing_key_that_cannot_be_used_is_left_out_and_told() {
    let (old, good) = (SigningKey::generate().0, SigningKey::generate().0);
    let sent = |key: &SigningKey| v1::SigningKey {
        kid: key.kid().to_owned(),
        x: key.public().x().to_vec().into(),
        y: key.public().y().to_vec().into(),
    };
    let mut bad = sent(&SigningKey::generate().0);
    bad.y = vec![0; 32].into();
    let mut node = node(5, [with_keys(samples::tenant(1, 1), vec![sent(&old)])]);
    let twice = vec![sent(&good), bad.clone(), sent(&good)];
    let changed = with_keys(samples::tenant(1, 6), twice);
    node.apply(&delta(5, 6, [changed]), now()).unwrap();
    let snapshot = node.snapshot().unwrap();
    let tenant = snapshot.tenant_by_slug("t1-r6").unwrap();
    assert_eq!(tenant.signing_key(good.kid()), Some(&good.public()));
    assert!(tenant.signing_key(old.kid()).is_none());
    assert!(tenant.signing_key(&bad.kid).is_none());
    let ack = node.ack();
    let told = ack.rejects.iter();
    let told = told.map(|reject| (&*reject.detail, reject.serving_revision, reject.severity()));
    assert!(
        told.eq([("signing_keys[1]", 6, Severity::Warning)]),
        "{ack:?}"
    );

    let mended = with_keys(samples::tenant(1, 7), vec![sent(&good)]);
    node.apply(&delta(6, 7, [mended]), now()).unwrap();
    assert!(node.ack().rejects.is_empty());
}

#[test]
fn a_bad_policy_leaves_the_one_before_and_none_denies() {
    let bad = |tenant, revision| Upsert {
        body: vec![0xff].into(),
        ..samples::policy(tenant, revision)
    };
    let mut node = node(
        5,
        [
            samples::tenant(1, 1),
            samples::policy(1, 2),
            samples::tenant(2, 3),
            bad(2, 4),
        ],
    );
    node.apply(&delta(5, 6, [bad(1, 6)]), now()).unwrap();
    let snapshot = node.snapshot().unwrap();
    let revision = |host| {
        let tenant = snapshot.tenant_by_authority(host).unwrap();
        tenant.policy_revision()
    };
    assert_eq!((revision("t1.test"), revision("t2.test")), (2, 0));
    let stranger = policy::Who {
        subject: "carol",
        roles: &[],
        groups: &[],
    };
    let reaches = |host| {
        let tenant = snapshot.tenant_by_authority(host).unwrap();
        tenant.policy().reaches(&stranger, "s1")
    };
    assert!(reaches("t1.test"));
    assert!(!reaches("t2.test"));
    assert_eq!(
        rejects(&node.ack()),
        [
            (samples::policy(2, 4).name, 4, 0, "UNDECODABLE"),
            (samples::policy(1, 6).name, 6, 2, "UNDECODABLE"),
        ]
    );

    let gone = Delta {
        tombstones: vec![samples::tombstone(&samples::policy(1, 2), 7)],
        ..delta(6, 7, [])
    };
    node.apply(&gone, now()).unwrap();
    let snapshot = node.snapshot().unwrap();
    let tenant = snapshot.tenant_by_authority("t1.test").unwrap();
    assert!(!tenant.policy().reaches(&stranger, "s1"));
    assert_eq!(node.ack().rejects.len(), 1);
}

#[test]
fn a_bad_token_counts_no_more_and_bad_defaults_leave_those_before() {
    let mut node = node(
        5,
        [
            samples::tenant(1, 1),
            samples::token((1, 1), 2),
            samples::defaults(3),
        ],
    );
    let found = |snapshot: &Snapshot| {
        let tenant = snapshot.tenant_by_authority("t1.test").unwrap();
        let server = samples::server_uid(1, 1);
        let token = tenant.static_token(server, TokenType::Bearer, [1; 32]);
        let limit = snapshot.defaults().get(Dimension::Tenant);
        (token.is_some(), limit.map(|limit| limit.tokens))
    };
    assert_eq!(found(&node.snapshot().unwrap()), (true, Some(3)));
    let bad = [samples::token((1, 1), 6), samples::defaults(6)].map(|upsert| Upsert {
        body: vec![0xff].into(),
        ..upsert
    });
    node.apply(&delta(5, 6, bad), now()).unwrap();
    assert_eq!(found(&node.snapshot().unwrap()), (false, Some(3)));
    assert_eq!(
        rejects(&node.ack()),
        [
            (samples::token((1, 1), 6).name, 6, 0, "UNDECODABLE"),
            (samples::defaults(6).name, 6, 3, "UNDECODABLE"),
        ]
    );
}

/// A lease goes with its version whatever it holds, and a credential that is wanted must be in it.
#[test]
fn a_server_waits_for_the_headers_of_its_tokens_too() {
    let mut node = node(5, [samples::tenant(1, 1)]);
    let mut config = samples::server_config((1, 1), 6, 1);
    config.auth_scheme = AuthScheme::None.into();
    let open = samples::server_upsert((1, 1), 6, &config);
    node.apply(&delta(5, 6, [open]), now()).unwrap();
    assert_eq!(serving(&mut node).unwrap(), "quarantined");
    node.hear(samples::headers_lease((1, 1), 1), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r6+g1");

    let wanted = samples::server((1, 1), 7, 2);
    node.apply(&delta(6, 7, [wanted]), now()).unwrap();
    node.hear(samples::headers_lease((1, 1), 2), UNIX_EPOCH);
    assert_eq!(serving(&mut node).unwrap(), "r6+g1");
    let name = samples::server((1, 1), 7, 2).name;
    assert_eq!(
        rejects(&node.ack()),
        [(name, 7, 6, "CREDENTIAL_UNREADABLE")]
    );
}

fn with_provider(upsert: Upsert) -> Upsert {
    let mut config = ServerConfig::decode(upsert.body.clone()).unwrap();
    config.authenticators = Some(provider());
    let body = config.encode_to_vec().into();
    Upsert { body, ..upsert }
}

fn old_tenant(upsert: Upsert) -> Upsert {
    let mut config = TenantConfig::decode(upsert.body.clone()).unwrap();
    config.authenticators = Some(provider());
    let body = config.encode_to_vec().into();
    Upsert { body, ..upsert }
}

fn provider() -> access::Authenticators {
    access::Authenticators {
        provider: "none".to_owned(),
        ..Default::default()
    }
}

fn with_keys(upsert: Upsert, keys: Vec<v1::SigningKey>) -> Upsert {
    let mut config = TenantConfig::decode(upsert.body.clone()).unwrap();
    config.signing_keys = keys;
    Upsert {
        body: config.encode_to_vec().into(),
        ..upsert
    }
}
