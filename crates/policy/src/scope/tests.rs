//! Scopes take away, and nothing but what they say.

use proptest::prelude::*;

use super::*;

fn scopes(texts: &[&str]) -> Scopes {
    Scopes::parse(texts).unwrap()
}

/// S2-3: the grammar.
#[test]
fn a_scope_is_a_server_and_an_access() {
    let own = scopes(&["files:read", "mail:*", "*:write"]);
    assert!(own.allows("files", Need::Read));
    assert!(own.allows("files", Need::Write), "by the star");
    assert!(own.allows("mail", Need::Read));
    assert!(!own.allows("other", Need::Read));
    assert!(own.mentions("other"));
    assert!(!scopes(&["files:read"]).mentions("other"));

    for bad in [
        "",
        "files",
        "files:",
        ":read",
        "files:Read",
        "Files:read",
        "f*:read",
        "files:read:x",
        "files:read ",
        "*",
        "**:read",
        "files:write,read",
        "a--b:read",
    ] {
        let fault = Scopes::parse(&["files:read", bad]).unwrap_err();
        assert_eq!(fault.field, "scopes[1]", "{bad}");
    }
    let many = vec!["files:read"; MOST + 1];
    assert_eq!(Scopes::parse(&many).unwrap_err().field, "scopes");
}

#[test]
fn no_scopes_limit_nothing_and_nothing_left_allows_nothing() {
    let free = scopes(&[]);
    assert!(free.is_empty());
    assert!(free.allows("files", Need::Write));
    assert!(free.mentions("files"));

    let left = scopes(&["files:read"]).intersect(&scopes(&["mail:read", "files:write"]));
    assert!(!left.is_empty());
    assert!(!left.allows("files", Need::Read));
    assert!(!left.mentions("files"));
    assert!(left.within(&scopes(&["mail:read"])));
    assert!(!free.within(&left));
}

/// TK-13: a refusal names the one scope that is missing.
#[test]
fn a_need_names_the_scope_that_would_suffice() {
    let tool = |class| Object::Tool { name: "x", class };
    assert_eq!(Need::of(&tool(Class::Read)), Need::Read);
    assert_eq!(Need::of(&tool(Class::Write)), Need::Write);
    assert_eq!(Need::of(&tool(Class::Ambiguous)), Need::Write);
    assert_eq!(Need::of(&Object::Resource("x")), Need::Read);
    assert_eq!(Need::of(&Object::Prompt("x")), Need::Read);
    assert_eq!(Need::of(&Object::Method("x")), Need::Write);
    assert_eq!(Need::Write.scope("files"), "files:write");
    assert_eq!(Need::Read.scope("files"), "files:read");
}

fn any_scopes() -> impl Strategy<Value = Scopes> {
    let text = (
        prop::sample::select(vec!["a", "b", "*"]),
        prop::sample::select(vec!["read", "write", "*"]),
    );
    prop::collection::vec(text, 0..4).prop_map(|parts| {
        let texts: Vec<String> = parts
            .iter()
            .map(|(server, access)| format!("{server}:{access}"))
            .collect();
        Scopes::parse(&texts).unwrap()
    })
}

proptest! {
    /// S2-9: a session's scopes never reach beyond its key's. `c` stands for all servers that no
    /// scope names.
    #[test]
    fn what_is_left_of_two_is_what_both_allow(one in any_scopes(), two in any_scopes()) {
        let both = one.intersect(&two);
        let mut inside = true;
        for server in ["a", "b", "c"] {
            for need in [Need::Read, Need::Write] {
                let (first, second) = (one.allows(server, need), two.allows(server, need));
                prop_assert_eq!(both.allows(server, need), first && second);
                inside &= second || !first;
            }
        }
        prop_assert!(both.within(&one) && both.within(&two));
        if one.within(&two) {
            prop_assert!(inside);
        }
        if !two.is_empty() && !one.is_empty() {
            prop_assert_eq!(one.within(&two), inside);
        }
    }
}
