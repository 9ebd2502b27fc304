//! Tools are classed as a careful person would, and on the safe side where that is unsure.

use serde_json::json;

use super::*;

fn class_of(name: &str) -> Class {
    classify_name(name).class
}

/// S4-53: the words of the name.
#[test]
fn names_of_well_known_tools_are_classed_as_people_would() {
    let read = [
        "get_me",
        "list_issues",
        "github_list_issues",
        "search_code",
        "getUser",
        "read-file",
        "fetch",
        "get_commit",
        "listDirectoryContents",
        "describe.table",
        "get_file_contents",
    ];
    let write = [
        "create_issue",
        "delete_list",
        "slack_post_message",
        "updateUser",
        "write_file",
        "push_files",
        "execute_sql",
        "run_query",
        "set_status",
        "sendEmail",
        "merge_pull_request",
    ];
    let ambiguous = [
        "get_or_create",
        "find_and_replace",
        "search_replace",
        "status_update",
        "sequentialthinking",
        "check_out_item",
        "resolve_issue",
        "select_option",
        "",
        "___",
        "git",
    ];
    for (names, class) in [
        (&read[..], Class::Read),
        (&write[..], Class::Write),
        (&ambiguous[..], Class::Ambiguous),
    ] {
        for name in names {
            assert_eq!(class_of(name), class, "{name}");
        }
    }
}

#[test]
fn a_name_alone_is_never_as_sure_as_an_annotation() {
    let long = "delete_".repeat(10_000);
    let found = classify_name(&long);
    assert_eq!((found.class, found.source), (Class::Write, Source::Name));
    assert!(found.confidence < 0.95);
    assert!((classify_name("x").confidence - 0.5).abs() < f64::EPSILON);
}

/// S4-53: what a definition says of itself comes before its words, at 0.95.
#[test]
fn annotations_come_before_words() {
    let class = |annotations| {
        let found = classify_definition(&json!({"name": "list", "annotations": annotations}));
        (found.class, found.source)
    };
    let said = |class| (class, Source::Annotations);
    let guessed = (Class::Read, Source::Heuristics);

    assert_eq!(class(json!({"readOnlyHint": true})), said(Class::Read));
    assert_eq!(class(json!({"readOnlyHint": false})), said(Class::Write));
    assert_eq!(class(json!({"destructiveHint": true})), said(Class::Write));
    assert_eq!(
        class(json!({"readOnlyHint": true, "destructiveHint": false})),
        said(Class::Read)
    );
    assert_eq!(
        class(json!({"readOnlyHint": true, "destructiveHint": true})),
        said(Class::Write),
        "a contradiction counts as writing"
    );
    assert_eq!(class(json!({"destructiveHint": false})), guessed);
    assert_eq!(class(json!({"readOnlyHint": "true"})), guessed);
    assert_eq!(class(json!(null)), guessed);

    let sure = classify_definition(&json!({"annotations": {"readOnlyHint": true}}));
    assert!((sure.confidence - 0.95).abs() < f64::EPSILON);
}

/// S4-53: description and schema count where the name does not decide.
#[test]
fn description_and_schema_tip_the_scales() {
    let class = |definition| classify_definition(&definition).class;

    assert_eq!(class(json!({"name": "weather"})), Class::Ambiguous);
    assert_eq!(
        class(json!({"name": "weather", "description": "Returns the forecast. Read-only."})),
        Class::Read
    );
    assert_eq!(
        class(json!({
            "name": "weather",
            "description": "Returns the forecast.",
            "inputSchema": {"properties": {"page_size": {}}},
        })),
        Class::Read
    );
    assert_eq!(
        class(json!({"name": "ticket", "description": "Creates a ticket and sends it."})),
        Class::Write
    );
    assert_eq!(class(json!({"name": "query"})), Class::Read);
    assert_eq!(
        class(json!({"name": "query", "inputSchema": {"properties": {"sql": {}}}})),
        Class::Ambiguous
    );
    assert_eq!(
        class(json!({"name": "delete_all", "description": "Returns lists. Read only."})),
        Class::Ambiguous,
        "prose cannot make a deletion a reading"
    );
}

#[test]
fn odd_definitions_are_ambiguous_and_never_a_panic() {
    for odd in [
        json!(null),
        json!([]),
        json!("get"),
        json!({"name": 7, "description": [], "inputSchema": "x", "annotations": 3}),
        json!({"name": "\u{0}", "inputSchema": {"properties": []}}),
    ] {
        assert_eq!(classify_definition(&odd).class, Class::Ambiguous, "{odd}");
    }
}
