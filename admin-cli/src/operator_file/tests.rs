//! What may stand in a file, what it means, and where a mistake is.

use proto::{
    access::v1::{Grant, authenticator},
    admin::v1::{AuthScheme, EgressMode},
};

use super::*;
use crate::output;

/// S4-44, S4-45.
#[test]
fn a_policy_may_be_written_in_the_source_s_form() {
    let policy: Policy = good(
        "default: deny\nstrictClassification: true\nroles:\n  dev:\n    - server: files\n      access: read\n    - server: [a, 'b*']\n      access: '*'\n      tools: [x]\n      deny: true\nsubjects:\n  alice: {roles: [dev], extra: [{server: '*', access: write}]}\n",
    );
    assert!(policy.strict_classification);
    let dev = &policy.roles["dev"].grants;
    assert_eq!(dev[0], grant(&["files"], "read"));
    assert_eq!(dev[1].servers, ["a", "b*"]);
    assert!(dev[1].deny);
    let alice = &policy.subjects["alice"];
    assert_eq!(
        (alice.roles.as_slice(), &alice.extra[0]),
        (["dev".to_owned()].as_slice(), &grant(&["*"], "write"))
    );
}

#[test]
fn the_same_policy_in_the_api_s_form_is_the_same() {
    let short: Policy = good("roles: {dev: [{server: files, access: read}]}");
    let long: Policy =
        good(r#"{"roles":	{"dev": {"grants": [{"servers": ["files"], "access": "read"}]}}}"#);
    assert_eq!(short, long);
}

/// S4-43, S4-50.
#[test]
fn flat_rules_are_read_in_their_order() {
    let policy: Policy =
        good("rules:\n- {tools: ['files__*'], policy: allow}\n- {subjects: [bob], policy: deny}\n");
    let said: Vec<_> = policy
        .rules
        .iter()
        .map(|rule| rule.policy.as_str())
        .collect();
    assert_eq!(said, ["allow", "deny"]);
}

#[test]
fn a_mistake_is_named_with_its_line() {
    insta::assert_snapshot!(bad::<Policy>("roles:\n  dev:\n  - server: files\n    acess: read\n"), @"roles.dev[0]: unknown key `acess`; known are servers, access, tools, resources, prompts, methods, deny at line 4 column 5");
    insta::assert_snapshot!(bad::<Policy>("default: deny\nroles: {}\ndefault: allow\n"), @"`default` stands here twice at line 3 column 1");
    insta::assert_snapshot!(bad::<Policy>("roles:\n  dev: []\n  dev: []\n"), @"roles: `dev` stands here twice at line 3 column 3");
    insta::assert_snapshot!(bad::<Policy>("roles:\n  dev:\n  - server: a\n    servers: [b]\n"), @"roles.dev[0]: `servers` stands here twice at line 4 column 5");
    insta::assert_snapshot!(bad::<Policy>("{\"roles\": {},\n \"rols\": {}}"), @"unknown key `rols`; known are default, strict_classification, roles, subjects, groups, rules, tool_overrides at line 2 column 7");
    insta::assert_snapshot!(bad::<Policy>("strict_classification: 'yes'"), @"strict_classification: must be true or false at line 1 column 24");
    insta::assert_snapshot!(bad::<Policy>("default: 1"), @"default: must be text in quotes at line 1 column 10");
    insta::assert_snapshot!(bad::<Policy>("roles: [a]"), @"roles: must be a mapping of names at line 1 column 8");
    insta::assert_snapshot!(bad::<Policy>(""), @"has no value; it must be a mapping (`{}`, if it is empty)");
    insta::assert_snapshot!(bad::<Authenticators>("- session:\n"), @".[0].session: has no value; it must be a mapping (`{}`, if it is empty) at line 1 column 11");
    insta::assert_snapshot!(bad::<Authenticators>("- session: {}\n  api_key: {}\n"), @".[0]: `api_key` stands beside another kind; make it an entry of its own at line 2 column 3");
}

/// S4-19.
#[test]
fn authenticators_may_be_a_bare_list() {
    let bare: Authenticators = good(
        "- api_key: {header_name: X-Key}\n- jwt: {issuer: 'https://i', audiences: [a]}\n- anonymous: {}\n",
    );
    let whole: Authenticators = good(
        "list:\n- apiKey: {headerName: X-Key}\n- jwt: {issuer: 'https://i', audiences: [a]}\n- anonymous: {}\n",
    );
    assert_eq!(bare, whole);
    assert!(matches!(
        bare.list[2].kind,
        Some(authenticator::Kind::Anonymous(_))
    ));
}

/// S4-20: the API says why it is refused.
#[test]
fn the_old_scalar_is_passed_on_to_be_refused() {
    let old: Authenticators = good("provider: oauth");
    assert_eq!(old.provider, "oauth");
}

#[test]
fn a_server_has_the_shape_of_its_request() {
    let text = "server:\n  url: https://${HOST}/mcp\n  timeout: 90s\n  egress_mode: passthrough\nauthenticators:\n- static: {}\ncredential: {scheme: bearer, value: '${TOKEN}'}\nomit_primary_key: true\n";
    let request: CreateServerRequest = good(text);
    let server = request.server.unwrap();
    assert_eq!(server.url, "https://files.example.com/mcp");
    assert_eq!(server.timeout.unwrap().seconds, 90);
    assert_eq!(server.egress_mode(), EgressMode::Passthrough);
    assert_eq!(server.authenticators.unwrap().list.len(), 1);
    let credential = request.credential.unwrap();
    assert_eq!(
        (credential.scheme(), credential.value.as_str()),
        (AuthScheme::Bearer, "s3cret")
    );
    assert!(request.omit_primary_key);
}

#[test]
fn the_order_of_server_and_authenticators_does_not_matter() {
    let first: CreateServerRequest = good("authenticators: []\nserver: {url: u}");
    let last: CreateServerRequest = good("server: {url: u}\nauthenticators: []");
    assert_eq!(first, last);
    assert!(first.server.unwrap().authenticators.is_some());
    let twice =
        bad::<CreateServerRequest>("server: {url: u, authenticators: []}\nauthenticators: []");
    assert!(twice.contains("`authenticators` is said twice"), "{twice}");
}

/// S4-13: also in JSON inside of a text; S0-13, S0-14.
#[test]
fn variables_are_expanded_in_every_text() {
    let token: StaticToken = good("- {name: X-Key, value: 'k-${TOKEN}', passthrough: true}");
    assert_eq!(
        (
            token.headers[0].value.as_str(),
            token.headers[0].passthrough
        ),
        ("k-s3cret", true)
    );
    let server: CreateServerRequest = good("server: {tool_list_json: '[{\"name\": \"${HOST}\"}]'}");
    assert_eq!(
        server.server.unwrap().tool_list_json,
        r#"[{"name": "files.example.com"}]"#
    );
}

#[test]
fn a_mistake_does_not_repeat_what_may_be_secret() {
    for text in [
        "credential: s3cret",
        "credential: {value: [s3cret]}",
        "credential: {value: 340282366920938463463374607431768211455}",
        "credential: {scheme: s3cret}",
    ] {
        let problem = bad::<CreateServerRequest>(text);
        assert!(
            !problem.contains("s3cret") && !problem.contains("3402"),
            "{problem}"
        );
    }
}

#[test]
fn what_get_prints_is_what_set_reads() {
    let policy: Policy = good(
        "default: allow\nroles: {dev: [{server: files, access: '*', deny: true}]}\ngroups: {g: {roles: [dev]}}\ntool_overrides: [{read: [a]}]\n",
    );
    let printed = output::written(&policy);
    assert!(!printed.contains("strict"), "no defaults: {printed}");
    assert_eq!(good::<Policy>(&printed), policy);
    let authenticators: Authenticators =
        good("[{session: {}}, {forwarded: {source_networks: ['10.0.0.0/8']}}]");
    assert_eq!(
        good::<Authenticators>(&output::written(&authenticators)),
        authenticators
    );
}

/// What operators copy must work: every example in YAML is a policy without mistakes.
#[test]
fn the_examples_of_the_manual_are_policies() {
    let manual = include_str!("../../../docs/policy.md");
    let examples: Vec<&str> = manual
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let written: Policy = good(example);
        let faults = policy::Policy::compile(&written).err();
        assert_eq!(faults, None, "{example}");
    }
}

fn grant(servers: &[&str], access: &str) -> Grant {
    Grant {
        servers: servers.iter().map(|&server| server.into()).collect(),
        access: access.into(),
        ..Grant::default()
    }
}

fn good<M: Written>(text: &str) -> M {
    parse(text, &variables()).unwrap()
}

fn bad<M: Written>(text: &str) -> String {
    parse::<M>(text, &variables()).err().unwrap()
}

fn variables() -> Variables<'static> {
    Variables::new(|name| match name {
        "HOST" => Some("files.example.com".into()),
        "TOKEN" => Some("s3cret".into()),
        _ => None,
    })
}
