//! Every mistake is refused, with its field named (S4-20, S4-41, must-hold 5 of the work on access).

use super::*;

/// The fields that are wrong.
fn fields(written: &Written) -> Vec<String> {
    let faults = Policy::compile(written).map(drop).unwrap_err();
    faults.into_iter().map(|fault| fault.field).collect()
}

/// A policy with every kind of entry, in which one thing is then spoilt.
fn good() -> Written {
    let mut written = roles(&[(
        "dev",
        &[
            grant(&["files"], "read", &["get_*"]),
            grant(&["*"], "*", &[]),
        ],
    )]);
    written.subjects.insert(
        "alice".into(),
        Subject {
            roles: texts(&["dev"]),
            extra: vec![denial(&["mail-*"], "write", &[])],
        },
    );
    let group = Group {
        roles: texts(&["dev"]),
    };
    written.groups.insert("sre".into(), group);
    written.tool_overrides.push(ToolOverride {
        servers: texts(&["files"]),
        read: texts(&["a*"]),
        write: texts(&["b*"]),
    });
    written
}

fn flat() -> Written {
    Written {
        rules: vec![line(&["alice"], &["dev"], &["files__*"], "allow")],
        ..Written::default()
    }
}

fn dev(written: &mut Written) -> &mut Grant {
    &mut written.roles.get_mut("dev").unwrap().grants[1]
}

fn alice(written: &mut Written) -> &mut Subject {
    written.subjects.get_mut("alice").unwrap()
}

#[test]
fn a_policy_without_mistakes_compiles() {
    assert!(Policy::compile(&good()).is_ok());
    assert!(Policy::compile(&flat()).is_ok());
    assert!(Policy::compile(&Written::default()).is_ok());
}

/// A name for what is spoilt, the spoiling, and the field that must be named.
type Case = (fn(&mut Written), &'static str);

fn assert_each(start: fn() -> Written, cases: &[Case]) {
    for (spoil, field) in cases {
        let mut written = start();
        spoil(&mut written);
        assert_eq!(fields(&written), [*field]);
    }
}

#[test]
fn mistakes_in_roles_are_refused_by_field() {
    assert_each(
        good,
        &[
            (|it| it.default = "Allow".into(), "default"),
            (|it| it.default = "read".into(), "default"),
            (
                |it| dev(it).access = String::new(),
                "roles.dev.grants[1].access",
            ),
            (
                |it| dev(it).access = "Read".into(),
                "roles.dev.grants[1].access",
            ),
            (
                |it| dev(it).access = "read,write".into(),
                "roles.dev.grants[1].access",
            ),
            (|it| dev(it).servers.clear(), "roles.dev.grants[1].servers"),
            (
                |it| dev(it).servers = texts(&["a", ""]),
                "roles.dev.grants[1].servers[1]",
            ),
            (
                |it| dev(it).servers = texts(&["Files"]),
                "roles.dev.grants[1].servers[0]",
            ),
            (
                |it| dev(it).servers = texts(&["f.*"]),
                "roles.dev.grants[1].servers[0]",
            ),
            (
                |it| dev(it).tools = texts(&["a", ""]),
                "roles.dev.grants[1].tools[1]",
            ),
            (
                |it| dev(it).tools = texts(&["a", "b", "a"]),
                "roles.dev.grants[1].tools[2]",
            ),
            (
                |it| dev(it).resources = texts(&["a\n"]),
                "roles.dev.grants[1].resources[0]",
            ),
            (
                |it| dev(it).prompts = texts(&[" a"]),
                "roles.dev.grants[1].prompts[0]",
            ),
            (
                |it| dev(it).methods = vec!["m".repeat(1_025)],
                "roles.dev.grants[1].methods[0]",
            ),
            (
                |it| alice(it).roles = texts(&["Dev"]),
                "subjects.alice.roles[0]",
            ),
            (
                |it| alice(it).roles = texts(&["dev", "dev"]),
                "subjects.alice.roles[1]",
            ),
            (
                |it| alice(it).extra[0].access = "all".into(),
                "subjects.alice.extra[0].access",
            ),
            (
                |it| it.groups.get_mut("sre").unwrap().roles = texts(&["dev", "ops"]),
                "groups.sre.roles[1]",
            ),
            (
                |it| drop(it.roles.insert(String::new(), Role::default())),
                "roles.",
            ),
            (
                |it| drop(it.roles.insert("a\nb".into(), Role::default())),
                "roles.a\\nb",
            ),
            (
                |it| drop(it.subjects.insert(" bob".into(), Subject::default())),
                "subjects. bob",
            ),
        ],
    );
}

/// S4-53: the same pattern on both sides; S4-43: words and names of the flat list.
#[test]
fn mistakes_in_overrides_and_rules_are_refused_by_field() {
    assert_each(
        good,
        &[
            (
                |it| it.tool_overrides[0].write = texts(&["x", "a*"]),
                "tool_overrides[0].write[1]",
            ),
            (
                |it| it.tool_overrides[0].servers = texts(&["A"]),
                "tool_overrides[0].servers[0]",
            ),
            (
                |it| it.tool_overrides[0].read = texts(&[""]),
                "tool_overrides[0].read[0]",
            ),
            (
                |it| it.tool_overrides[0] = ToolOverride::default(),
                "tool_overrides[0]",
            ),
        ],
    );
    assert_each(
        flat,
        &[
            (|it| it.rules[0].policy = String::new(), "rules[0].policy"),
            (|it| it.rules[0].policy = "permit".into(), "rules[0].policy"),
            (
                |it| it.rules[0].tools = texts(&["*", "get"]),
                "rules[0].tools[1]",
            ),
            (|it| it.rules[0].tools = texts(&[""]), "rules[0].tools[0]"),
            (
                |it| it.rules[0].subjects = texts(&["a*"]),
                "rules[0].subjects[0]",
            ),
            (
                |it| it.rules[0].roles = texts(&["dev", ""]),
                "rules[0].roles[1]",
            ),
            (
                |it| it.rules[0].roles = texts(&["dev", "dev"]),
                "rules[0].roles[1]",
            ),
        ],
    );
}

/// S4-41: both ways of writing at once.
#[test]
fn both_schemas_at_once_are_refused() {
    for spoil in [
        |it: &mut Written| drop(it.roles.insert("dev".into(), Role::default())),
        |it: &mut Written| drop(it.subjects.insert("bob".into(), Subject::default())),
        |it: &mut Written| drop(it.groups.insert("sre".into(), Group::default())),
    ] {
        let mut written = flat();
        spoil(&mut written);
        assert_eq!(fields(&written), ["rules"]);
    }
}

#[test]
fn all_mistakes_are_reported_at_once_and_in_a_fixed_order() {
    let mut written = good();
    written.default = "maybe".into();
    dev(&mut written).access = "x".into();
    written.roles.insert(
        "a".into(),
        Role {
            grants: vec![grant(&[], "", &[])],
        },
    );
    written.rules = vec![line(&[], &[], &[], "")];
    assert_eq!(
        fields(&written),
        [
            "default",
            "rules",
            "roles.a.grants[0].servers",
            "roles.a.grants[0].access",
            "roles.dev.grants[1].access",
            "rules[0].policy",
        ]
    );
    let fault = &Policy::compile(&written).unwrap_err()[0];
    assert_eq!(fault.to_string(), "default: must be `allow` or `deny`");
}

#[test]
fn what_is_too_large_is_refused_by_field() {
    let name = |index| format!("r{index}");
    let mut written = Written::default();
    for index in 0..1_001 {
        written.roles.insert(name(index), Role::default());
    }
    assert_eq!(fields(&written), ["roles"]);

    let many = vec![grant(&["a"], "read", &[]); 10_001];
    assert_eq!(fields(&roles(&[("dev", &many)])), ["roles.dev.grants"]);
    assert!(Policy::compile(&roles(&[("dev", &many[1..])])).is_ok());

    let patterns: Vec<String> = (0..20_000).map(name).collect();
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let wide = grant(&["a"], "read", &patterns);
    assert_eq!(
        fields(&roles(&[("dev", &[wide])])),
        ["roles.dev.grants[0].tools"]
    );

    let rules = vec![line(&[], &[], &[], "deny"); 1_001];
    let flat = Written {
        rules,
        ..Written::default()
    };
    assert_eq!(fields(&flat), ["rules"]);

    let long = "x".repeat(257);
    let mut written = Written::default();
    written.roles.insert(long, Role::default());
    let field = fields(&written).pop().unwrap();
    assert!(field.len() < 80, "{field}");

    let bad = vec![grant(&[], "", &[]); 1_000];
    assert_eq!(fields(&roles(&[("dev", &bad)])).len(), 50);
}
