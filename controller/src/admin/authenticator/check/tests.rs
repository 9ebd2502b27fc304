use proto::access::v1::{RequiredClaim, SessionAuthenticator, StaticAuthenticator};

use super::*;

/// S4-19: several kinds at once, in the order in which they are given.
#[test]
fn all_kinds_go_together_in_their_order() {
    let list = vec![
        api_key(""),
        Kind::Jwt(issuer("https://one.test")),
        Kind::Jwt(issuer("https://two.test")),
        Kind::Session(SessionAuthenticator {}),
        Kind::Static(StaticAuthenticator {}),
        forwarded(&["10.0.0.0/8", "fd00::/8"]),
        Kind::Anonymous(AnonymousAuthenticator {
            roles: vec!["guest".to_owned()],
        }),
    ];
    let mut checks = Checks::new();
    let read = read(&mut checks, "server.authenticators", of(list.clone()));
    assert_eq!(checks.found(), []);
    let kinds: Vec<_> = read.list.into_iter().map(|(_, kind, _)| kind).collect();
    assert_eq!(kinds, list);
}

/// S0-26: an empty list is a choice of its own. It lets nobody in.
#[test]
fn an_empty_list_is_taken_as_it_is() {
    assert_eq!(faults(of(vec![])), [""; 0]);
}

/// S4-20: the old form used to boot without authentication.
#[test]
fn the_old_scalar_is_refused_with_a_message() {
    let mut checks = Checks::new();
    let old = Authenticators {
        provider: "jwt".to_owned(),
        ..of(vec![])
    };
    read(&mut checks, "server.authenticators", old);
    let [fault] = checks.found() else {
        panic!("{:?}", checks.found());
    };
    assert_eq!(fault.field, "server.authenticators.provider");
    assert!(fault.description.contains("use `list`"));
}

/// S4-30, must-hold 5.
#[test]
fn what_is_unknown_double_or_contradictory_is_refused_with_its_field() {
    let two = |one: Kind, other: Kind| of(vec![one, other]);
    let bare = |change: fn(&mut JwtAuthenticator)| {
        let mut jwt = issuer("https://one.test");
        change(&mut jwt);
        two(api_key(""), Kind::Jwt(jwt))
    };
    let unset = Authenticators {
        list: vec![Authenticator { kind: None }],
        provider: String::new(),
    };
    let many = (0..17).map(|n| Kind::Jwt(issuer(&format!("https://{n}.test"))));
    for (given, field) in [
        (unset, "list[0]"),
        (of(many.collect()), "list"),
        (two(api_key(""), api_key("X-Other")), "list[1].api_key"),
        (
            two(
                Kind::Jwt(issuer("https://one.test")),
                Kind::Jwt(issuer("https://one.test")),
            ),
            "list[1].jwt.issuer",
        ),
        (
            of(vec![api_key("Authorization")]),
            "list[0].api_key.header_name",
        ),
        (of(vec![api_key("a b")]), "list[0].api_key.header_name"),
        (bare(|jwt| jwt.issuer.clear()), "list[1].jwt.issuer"),
        (bare(|jwt| jwt.audiences.clear()), "list[1].jwt.audiences"),
        (
            bare(|jwt| jwt.jwks = "{}".to_owned()),
            "list[1].jwt.jwks_uri",
        ),
        (
            bare(|jwt| jwt.secret = SECRET.to_owned()),
            "list[1].jwt.jwks_uri",
        ),
        (
            bare(|jwt| jwt.jwks_uri = "ftp://one.test/".to_owned()),
            "list[1].jwt.jwks_uri",
        ),
        (
            bare(|jwt| jwt.algorithms = vec!["none".to_owned()]),
            "list[1].jwt.algorithms[0]",
        ),
        (
            bare(|jwt| jwt.algorithms = vec!["HS256".to_owned()]),
            "list[1].jwt.algorithms[0]",
        ),
        (
            bare(|jwt| jwt.header_name = "Cookie".to_owned()),
            "list[1].jwt.header_name",
        ),
        (
            bare(|jwt| {
                jwt.required_claims = vec![RequiredClaim {
                    name: "tier".to_owned(),
                    r#type: "text".to_owned(),
                    values: vec![],
                }];
            }),
            "list[1].jwt.required_claims[0].type",
        ),
    ] {
        let wanted = format!("server.authenticators.{field}");
        assert_eq!(faults(given), [wanted]);
    }
}

/// S4-24: whom to believe is said exactly, and never everybody.
#[test]
fn proxies_and_roles_are_named_one_by_one() {
    for (given, field) in [
        (
            of(vec![forwarded(&[])]),
            "list[0].forwarded.source_networks",
        ),
        (
            of(vec![forwarded(&["10.0.0.0/8", "10.0.0.0/33"])]),
            "list[0].forwarded.source_networks[1]",
        ),
        (
            of(vec![forwarded(&["10.0.0.1/8"])]),
            "list[0].forwarded.source_networks[0]",
        ),
        (
            of(vec![forwarded(&["0.0.0.0/0"])]),
            "list[0].forwarded.source_networks[0]",
        ),
        (
            of(vec![Kind::Anonymous(AnonymousAuthenticator {
                roles: vec!["a".to_owned(), "a".to_owned()],
            })]),
            "list[0].anonymous.roles[1]",
        ),
    ] {
        let wanted = format!("server.authenticators.{field}");
        assert_eq!(faults(given), [wanted]);
    }
}

/// S4-24, S4-25: headers that already mean something cannot name users.
#[test]
fn forwarded_headers_are_two_and_free() {
    let with = |user: &str, groups: &str| {
        of(vec![Kind::Forwarded(ForwardedAuthenticator {
            source_networks: vec!["10.0.0.0/8".to_owned()],
            user_header: user.to_owned(),
            groups_header: groups.to_owned(),
        })])
    };
    assert_eq!(faults(with("X-Forwarded-Email", "X-Teams")), [""; 0]);
    let user = "server.authenticators.list[0].forwarded.user_header";
    let groups = "server.authenticators.list[0].forwarded.groups_header";
    assert_eq!(faults(with("X-Forwarded-For", "")), [user]);
    assert_eq!(faults(with("Authorization", "")), [user]);
    assert_eq!(faults(with("", "x-forwarded-user")), [groups]);
}

/// A secret is read apart: it is in nothing that is stored in the open or sent to nodes, and what a
/// client sends back as `secret_uid` chooses none.
#[test]
fn secrets_are_taken_out_and_never_chosen_by_name() {
    let jwt = |secret: &str| JwtAuthenticator {
        jwks_uri: String::new(),
        secret: secret.to_owned(),
        secret_uid: "0190b7c2-6f00-7abc-8def-0123456789ab".to_owned(),
        ..issuer("https://one.test")
    };
    for (given, is_new) in [(SECRET, true), ("", false)] {
        let mut checks = Checks::new();
        let list = of(vec![Kind::Jwt(jwt(given))]);
        let read = read(&mut checks, "authenticators", list);
        assert_eq!(checks.found(), []);
        let [(field, Kind::Jwt(jwt), secret)] = read.list.as_slice() else {
            panic!("one JWT issuer");
        };
        assert_eq!(field, "authenticators.list[0].jwt");
        assert_eq!((jwt.secret.as_str(), jwt.secret_uid.as_str()), ("", ""));
        assert_eq!(matches!(secret, Secret::New(_)), is_new);
        assert_eq!(matches!(secret, Secret::Stored), !is_new);
    }
    for length in [31, 1025] {
        let list = of(vec![Kind::Jwt(jwt(&"s".repeat(length)))]);
        assert_eq!(faults(list), ["server.authenticators.list[0].jwt.secret"]);
    }
}

fn faults(given: Authenticators) -> Vec<String> {
    let mut checks = Checks::new();
    read(&mut checks, "server.authenticators", given);
    let found = checks.found().iter();
    found.map(|violation| violation.field.clone()).collect()
}

fn of(list: Vec<Kind>) -> Authenticators {
    let list = list.into_iter();
    Authenticators {
        list: list
            .map(|kind| Authenticator { kind: Some(kind) })
            .collect(),
        provider: String::new(),
    }
}

fn api_key(header_name: &str) -> Kind {
    Kind::ApiKey(ApiKeyAuthenticator {
        header_name: header_name.to_owned(),
    })
}

fn issuer(issuer: &str) -> JwtAuthenticator {
    JwtAuthenticator {
        issuer: issuer.to_owned(),
        audiences: vec!["https://acme.test".to_owned()],
        jwks_uri: "https://issuer.test/jwks".to_owned(),
        ..JwtAuthenticator::default()
    }
}

fn forwarded(networks: &[&str]) -> Kind {
    Kind::Forwarded(ForwardedAuthenticator {
        source_networks: networks.iter().map(ToString::to_string).collect(),
        ..ForwardedAuthenticator::default()
    })
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";
