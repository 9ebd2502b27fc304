//! What policies mean, by example.

use proto::access::v1::{
    Grant, Group, Policy as Written, Role, Rule as Line, Subject, ToolOverride,
};

use super::*;

mod agreement;
mod faults;

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.into()).collect()
}

fn grant(servers: &[&str], access: &str, tools: &[&str]) -> Grant {
    Grant {
        servers: texts(servers),
        access: access.into(),
        tools: texts(tools),
        ..Grant::default()
    }
}

fn denial(servers: &[&str], access: &str, tools: &[&str]) -> Grant {
    Grant {
        deny: true,
        ..grant(servers, access, tools)
    }
}

fn roles(entries: &[(&str, &[Grant])]) -> Written {
    let role = |(name, grants): &(&str, &[Grant])| {
        let grants = grants.to_vec();
        ((*name).to_owned(), Role { grants })
    };
    Written {
        roles: entries.iter().map(role).collect(),
        ..Written::default()
    }
}

fn line(subjects: &[&str], roles: &[&str], tools: &[&str], policy: &str) -> Line {
    Line {
        subjects: texts(subjects),
        roles: texts(roles),
        tools: texts(tools),
        policy: policy.into(),
    }
}

fn compile(written: &Written) -> Policy {
    Policy::compile(written).unwrap()
}

/// Whether a caller may call a tool of the server `files`, and the rule.
fn ask(policy: &Policy, subject: &str, roles: &[&str], object: Object<'_>) -> (bool, String) {
    let roles: Vec<Box<str>> = roles.iter().map(|&role| role.into()).collect();
    let who = Who {
        subject,
        roles: &roles,
        groups: &[],
    };
    let server = "files";
    let decision = policy.decide(&who, &What { server, object });
    (decision.allowed, decision.rule())
}

fn yes(rule: &str) -> (bool, String) {
    (true, rule.into())
}

fn no(rule: &str) -> (bool, String) {
    (false, rule.into())
}

const READ: Object<'_> = Object::Tool {
    name: "get_x",
    class: Class::Read,
};
const WRITE: Object<'_> = Object::Tool {
    name: "set_x",
    class: Class::Write,
};
const AMBIGUOUS: Object<'_> = Object::Tool {
    name: "x",
    class: Class::Ambiguous,
};

/// S4-44, X-6: new tenants deny; `allow` holds where it is written.
#[test]
fn nothing_is_allowed_that_nobody_wrote() {
    assert_eq!(ask(&Policy::none(), "alice", &["dev"], READ), no("no-acl"));
    let mut written = Written::default();
    assert_eq!(ask(&compile(&written), "alice", &[], READ), no("default"));
    written.default = "allow".into();
    assert_eq!(ask(&compile(&written), "alice", &[], READ), yes("default"));
    assert_eq!(
        ask(&compile(&written), "alice", &[], Object::Method("x/y")),
        yes("default")
    );
}

/// S4-47: access expands to classes; writing does not include reading.
#[test]
fn access_covers_classes() {
    let policy = compile(&roles(&[
        ("reader", &[grant(&["files"], "read", &[])]),
        ("writer", &[grant(&["files"], "write", &[])]),
        ("all", &[grant(&["files"], "*", &[])]),
    ]));
    let may = |role, object| ask(&policy, "alice", &[role], object).0;
    assert_eq!(
        [READ, WRITE, AMBIGUOUS].map(|tool| may("reader", tool)),
        [true, false, false]
    );
    assert_eq!(
        [READ, WRITE, AMBIGUOUS].map(|tool| may("writer", tool)),
        [false, true, true]
    );
    assert_eq!(
        [READ, WRITE, AMBIGUOUS].map(|tool| may("all", tool)),
        [true; 3]
    );
    for read in [Object::Resource("file:///x"), Object::Prompt("p")] {
        assert_eq!(
            ["reader", "writer", "all"].map(|role| may(role, read)),
            [true, false, true]
        );
    }
}

/// S4-48: strict blocks ambiguous tools whatever is granted.
#[test]
fn a_strict_policy_denies_ambiguous_tools_to_everybody() {
    let mut written = roles(&[("all", &[grant(&["*"], "*", &[])])]);
    written.default = "allow".into();
    assert_eq!(
        ask(&compile(&written), "alice", &["all"], AMBIGUOUS),
        yes("all[0]")
    );
    written.strict_classification = true;
    assert_eq!(
        ask(&compile(&written), "alice", &["all"], AMBIGUOUS),
        no("strict")
    );
    assert_eq!(
        ask(&compile(&written), "alice", &["all"], WRITE),
        yes("all[0]")
    );
}

/// S4-42, S4-49: a denial wins over any grant, but only for the classes that it covers.
#[test]
fn a_denial_wins_where_it_covers_the_class() {
    let mut written = roles(&[
        ("all", &[grant(&["*"], "*", &[])]),
        ("careful", &[denial(&["files"], "write", &["*_x", "x"])]),
    ]);
    written.default = "allow".into();
    let policy = compile(&written);
    assert_eq!(ask(&policy, "alice", &["all"], WRITE), yes("all[0]"));
    for both in [["all", "careful"], ["careful", "all"]] {
        assert_eq!(ask(&policy, "alice", &both, WRITE), no("careful[0]"));
        assert_eq!(ask(&policy, "alice", &both, AMBIGUOUS), no("careful[0]"));
        assert_eq!(ask(&policy, "alice", &both, READ), yes("all[0]"));
    }
}

/// S4-45: lists narrow their own kind down and leave the other kinds alone.
#[test]
fn an_empty_list_means_all_of_its_kind() {
    let narrow = Grant {
        resources: texts(&["file:///pub/*"]),
        prompts: texts(&["hello"]),
        ..grant(&["fi*"], "read", &["get_*"])
    };
    let policy = compile(&roles(&[
        ("narrow", &[narrow]),
        ("wide", &[grant(&["files"], "read", &["none"])]),
        ("elsewhere", &[grant(&["mail", "*-files"], "*", &[])]),
    ]));
    let may = |role, object| ask(&policy, "alice", &[role], object).0;
    let other = Object::Tool {
        name: "list",
        class: Class::Read,
    };
    for (object, narrow, wide) in [
        (READ, true, false),
        (other, false, false),
        (Object::Resource("file:///pub/x"), true, true),
        (Object::Resource("file:///etc/x"), false, true),
        (Object::Prompt("hello"), true, true),
        (Object::Prompt("bye"), false, true),
        (Object::Method("x/y"), false, false),
    ] {
        assert_eq!(
            (may("narrow", object), may("wide", object)),
            (narrow, wide),
            "{object:?}"
        );
        assert!(!may("elsewhere", object), "{object:?}");
    }
}

/// What a pattern allows does not reach above the folder that it ends in.
#[test]
fn a_pattern_allows_no_uri_that_climbs() {
    let pub_only = Grant {
        resources: texts(&["file:///pub/*", "file:///a/../b"]),
        ..grant(&["*"], "read", &[])
    };
    let secret = Grant {
        resources: texts(&["*/../*"]),
        ..denial(&["*"], "read", &["none"])
    };
    let policy = compile(&roles(&[
        ("pub", &[pub_only]),
        ("all", &[grant(&["*"], "read", &[])]),
        ("secret", &[secret]),
    ]));
    let may = |roles: &[&str], uri| ask(&policy, "alice", roles, Object::Resource(uri)).0;
    assert!(may(&["pub"], "file:///pub/x"));
    assert!(!may(&["pub"], "file:///pub/../x"));
    assert!(!may(&["pub"], "file:///pub/%2E./x"));
    assert!(may(&["pub"], "file:///a/../b"), "where it is written so");
    assert!(
        may(&["all"], "file:///pub/../x"),
        "where nothing was narrowed"
    );
    assert!(
        !may(&["all", "secret"], "file:///pub/../x"),
        "denials match as ever"
    );
}

/// Methods beyond tools, resources and prompts want to be named; a denial of everything is one of
/// them, too.
#[test]
fn methods_are_granted_by_name_alone() {
    let methods = Grant {
        methods: texts(&["tasks/list", "x/*"]),
        ..grant(&["*"], "read", &[])
    };
    let nothing = denial(&["files"], "*", &[]);
    let policy = compile(&roles(&[
        ("all", &[grant(&["*"], "*", &[])]),
        ("methods", &[methods]),
        ("nothing", &[nothing]),
        ("no-tools", &[denial(&["files"], "*", &["*"])]),
    ]));
    let may = |roles: &[&str], name| ask(&policy, "alice", roles, Object::Method(name));
    assert_eq!(may(&["all"], "tasks/list"), no("default"));
    assert_eq!(may(&["methods"], "tasks/list"), yes("methods[0]"));
    assert_eq!(may(&["methods"], "x/y"), yes("methods[0]"));
    assert_eq!(may(&["methods"], "y/x"), no("default"));
    assert_eq!(may(&["methods", "nothing"], "x/y"), no("nothing[0]"));
    assert_eq!(may(&["methods", "no-tools"], "x/y"), yes("methods[0]"));
}

/// S4-46, S4-55: grants come from roles, groups, bindings and extras, and each has an id.
#[test]
fn every_way_to_a_grant_counts_and_has_an_id() {
    let mut written = roles(&[
        (
            "dev",
            &[grant(&["mail"], "*", &[]), grant(&["files"], "read", &[])],
        ),
        ("ops", &[grant(&["files"], "write", &[])]),
    ]);
    let bound = Subject {
        roles: texts(&["dev"]),
        extra: vec![denial(&["files"], "write", &["x"])],
    };
    written.subjects.insert("alice".into(), bound);
    let group = Group {
        roles: texts(&["ops"]),
    };
    written.groups.insert("sre".into(), group);
    let policy = compile(&written);

    let ask_as = |subject, roles: &[&str], groups: &[&str], object| {
        let boxed = |list: &[&str]| list.iter().map(|&text| text.into()).collect::<Vec<_>>();
        let (roles, groups) = (boxed(roles), boxed(groups));
        let who = Who {
            subject,
            roles: &roles,
            groups: &groups,
        };
        let server = "files";
        let decision = policy.decide(&who, &What { server, object });
        (decision.allowed, decision.rule())
    };
    assert_eq!(ask_as("bob", &[], &[], READ), no("default"));
    assert_eq!(ask_as("bob", &["dev"], &[], READ), yes("dev[1]"));
    assert_eq!(
        ask_as("bob", &[], &["dev"], READ),
        yes("dev[1]"),
        "a group is a role"
    );
    assert_eq!(
        ask_as("bob", &[], &["sre"], WRITE),
        yes("ops[0]"),
        "a group has roles"
    );
    assert_eq!(
        ask_as("bob", &["sre"], &[], WRITE),
        no("default"),
        "a role is no group"
    );
    assert_eq!(
        ask_as("alice", &[], &[], READ),
        yes("dev[1]"),
        "a subject has roles"
    );
    assert_eq!(ask_as("alice", &["ops"], &[], WRITE), yes("ops[0]"));
    assert_eq!(
        ask_as("alice", &["ops"], &[], AMBIGUOUS),
        no("alice.extra[0]")
    );
    assert_eq!(ask_as("bob", &["nobody", "Dev"], &[], READ), no("default"));
    assert!(policy.names_subject("alice") && !policy.names_subject("bob"));
}

/// S4-43, S4-50, S4-52, S4-55: the flat list.
#[test]
fn in_the_flat_list_the_first_match_decides() {
    let mut written = Written {
        rules: vec![
            line(&["mallory"], &[], &[], "deny"),
            line(&[], &["dev", "ops"], &["files__get_*"], "allow"),
            line(&["alice", "*"], &[], &["*t_x"], "deny"),
            line(&["*"], &["*"], &["*__s*"], "allow"),
        ],
        ..Written::default()
    };
    let policy = compile(&written);
    assert_eq!(ask(&policy, "mallory", &["dev"], READ), no("legacy[0]"));
    assert_eq!(ask(&policy, "alice", &["ops"], READ), yes("legacy[1]"));
    assert_eq!(ask(&policy, "alice", &[], READ), no("legacy[2]"));
    assert_eq!(ask(&policy, "alice", &[], WRITE), no("legacy[2]"));
    let send = Object::Tool {
        name: "send",
        class: Class::Write,
    };
    assert_eq!(ask(&policy, "alice", &[], send), yes("legacy[3]"));
    assert_eq!(ask(&policy, "alice", &[], AMBIGUOUS), no("legacy:default"));
    assert!(policy.names_subject("mallory") && !policy.names_subject("*"));

    for other in [
        Object::Resource("r"),
        Object::Prompt("p"),
        Object::Method("m"),
    ] {
        written.default = "deny".into();
        assert_eq!(
            ask(&compile(&written), "alice", &[], other),
            no("legacy:default")
        );
        written.default = "allow".into();
        assert_eq!(
            ask(&compile(&written), "alice", &[], other),
            yes("legacy:default")
        );
    }
}

#[test]
fn a_tool_with_a_very_long_name_is_matched_whole() {
    let policy = compile(&Written {
        rules: vec![line(&[], &[], &["files__a*z"], "allow")],
        ..Written::default()
    });
    let may = |name: &str| {
        let class = Class::Read;
        ask(&policy, "alice", &[], Object::Tool { name, class })
    };
    for length in [0, 437, 438, 439, 440, 441, 5_000] {
        let name = format!("a{}z", "m".repeat(length));
        assert_eq!(may(&name), yes("legacy[0]"));
        assert_eq!(may(&format!("{name}y")), no("legacy:default"));
    }
}

/// S4-53: override, then catalog, then the name; writing wins among overrides, in any order.
#[test]
fn tools_are_classed_by_overrides_first() {
    let entry = |servers: &[&str], read: &[&str], write: &[&str]| ToolOverride {
        servers: texts(servers),
        read: texts(read),
        write: texts(write),
    };
    let mut written = Written {
        tool_overrides: vec![
            entry(&["files"], &["run_*"], &["run_all"]),
            entry(&[], &["*_report"], &[]),
            entry(&["mail"], &[], &["run_report"]),
        ],
        ..Written::default()
    };
    for _ in 0..2 {
        let policy = compile(&written);
        let class = |server, tool, catalog| {
            let found = policy.classify(server, tool, catalog);
            (found.class, found.source)
        };
        let said = |class| (class, Source::Override);
        assert_eq!(
            class("files", "run_report", Some(Class::Write)),
            said(Class::Read)
        );
        assert_eq!(
            class("files", "run_all", None),
            said(Class::Write),
            "both match"
        );
        assert_eq!(
            class("mail", "run_report", None),
            said(Class::Write),
            "in two entries"
        );
        assert_eq!(
            class("mail", "run_x", Some(Class::Read)),
            (Class::Read, Source::Catalog)
        );
        assert_eq!(class("mail", "run_x", None), (Class::Write, Source::Name));
        written.tool_overrides.reverse();
    }
}

#[test]
fn a_server_is_reached_by_whoever_may_do_anything_there() {
    let mut written = roles(&[
        ("all", &[grant(&["*"], "*", &[])]),
        ("writer", &[grant(&["files"], "write", &["x"])]),
        ("blind", &[denial(&["files"], "read", &[])]),
        ("nothing", &[denial(&["files"], "*", &[])]),
    ]);
    let reaches = |written: &Written, roles: &[&str]| {
        let roles: Vec<Box<str>> = roles.iter().map(|&role| role.into()).collect();
        let who = Who {
            subject: "alice",
            roles: &roles,
            groups: &[],
        };
        compile(written).reaches(&who, "files")
    };
    assert!(!reaches(&written, &[]));
    assert!(reaches(&written, &["all"]));
    assert!(reaches(&written, &["writer", "blind"]));
    assert!(reaches(&written, &["all", "blind"]));
    assert!(!reaches(&written, &["blind"]));
    assert!(!reaches(&written, &["all", "writer", "nothing"]));
    written.default = "allow".into();
    assert!(reaches(&written, &[]));
    assert!(!reaches(&written, &["nothing"]));

    let mut flat = Written {
        rules: vec![
            line(&[], &["dev"], &["files__get"], "allow"),
            line(&[], &["out"], &["files__*"], "deny"),
            line(&[], &["ops"], &["*"], "allow"),
        ],
        ..Written::default()
    };
    assert!(!reaches(&flat, &[]));
    assert!(reaches(&flat, &["dev"]));
    assert!(reaches(&flat, &["dev", "out"]));
    assert!(reaches(&flat, &["ops"]));
    assert!(!reaches(&flat, &["ops", "out"]));
    flat.default = "allow".into();
    assert!(
        reaches(&flat, &["ops", "out"]),
        "reading resources is left to the default"
    );
}

/// What cannot be read might name anybody, so that not even an unrestricted key goes free.
#[test]
fn a_policy_that_cannot_be_read_concerns_everybody_and_allows_nothing() {
    let policy = Policy::unreadable();
    assert!(policy.names_subject("keys/ci") && !Policy::none().names_subject("keys/ci"));
    let who = Who {
        subject: "keys/ci",
        roles: &[],
        groups: &[],
    };
    assert!(!policy.reaches(&who, "files"));
    let what = What {
        server: "files",
        object: Object::Prompt("p"),
    };
    assert!(!policy.decide(&who, &what).allowed);
}

/// S4-42: a way round by `..` is no way past a denial.
#[test]
fn a_denial_of_resources_covers_uris_that_climb() {
    let grant = |deny, resources: &[&str]| Grant {
        servers: vec!["*".into()],
        access: "*".into(),
        resources: resources.iter().map(|&text| text.to_owned()).collect(),
        deny,
        ..Grant::default()
    };
    let grants = vec![grant(false, &[]), grant(true, &["file:///secret/*"])];
    let policy = Written {
        roles: [("dev".to_owned(), Role { grants })].into(),
        ..Written::default()
    };
    let policy = Policy::compile(&policy).unwrap();
    let roles = ["dev".into()];
    let who = Who {
        subject: "alice",
        roles: &roles,
        groups: &[],
    };
    let allowed = |uri| {
        let object = Object::Resource(uri);
        let what = What {
            server: "files",
            object,
        };
        policy.decide(&who, &what).allowed
    };
    assert!(allowed("file:///pub/x"));
    for uri in ["file:///secret/x", "file:///pub/../secret/x"] {
        assert!(!allowed(uri), "{uri}");
    }
}
