//! What the reader accepts and writes, against `serde_json` as the independent reader; and what it refuses.

use std::collections::HashSet;

use proptest::{collection::vec, prelude::*};
use serde_json::Value;

use super::*;

fn canonical(text: &str) -> Result<String, JsonError> {
    let document = Document::parse(text.as_bytes(), &Limits::default())?;
    Ok(String::from_utf8(document.bytes().to_vec()).unwrap())
}

fn refusal(text: &str) -> JsonError {
    Document::parse(text.as_bytes(), &Limits::default()).expect_err(text)
}

#[test]
fn output_has_no_whitespace_and_only_required_escapes() {
    let written = canonical(
        " { \"a\\/\\u0041\\u00e9\\ud83d\\ude00\" : [ 1.50 , -0 , 1E5 , true , false , null ] ,\r\n\
         \t\"\\b\\u0009\\n\\f\\r\\u0001\\u001F\\\"\\\\\\u007f\" : { } , \"\" : [ ] } ",
    );
    assert_eq!(
        written.unwrap(),
        "{\"a/Aé😀\":[1.50,-0,1E5,true,false,null],\"\\b\\t\\n\\f\\r\\u0001\\u001f\\\"\\\\\u{7f}\":{},\"\":[]}"
    );
}

#[test]
fn scalars_are_texts_too() {
    for text in ["0", "\"\"", "null", "[]", "18446744073709551616", "1e-400"] {
        assert_eq!(canonical(text).unwrap(), text);
    }
}

#[test]
fn members_of_the_three_remembered_objects_are_found() {
    let text = r#" { "a" : 1 , "params" : { "x" : [ { "params" : { "y" : 2 } } ] , "_meta" : { "k" : { "_meta" : {} } } , "z" : "\u0041" } , "_meta" : { "no" : 1 } } "#;
    let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
    let members = |scope| -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let members = document.members(scope);
        members
            .map(|(key, value)| (text(key), text(value)))
            .collect()
    };
    let pairs = |expected: &[(&str, &str)]| -> Vec<(String, String)> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        expected.iter().map(owned).collect()
    };
    assert_eq!(
        members(Scope::Envelope),
        pairs(&[
            ("a", "1"),
            (
                "params",
                r#"{"x":[{"params":{"y":2}}],"_meta":{"k":{"_meta":{}}},"z":"A"}"#
            ),
            ("_meta", r#"{"no":1}"#),
        ])
    );
    assert_eq!(
        members(Scope::Params),
        pairs(&[
            ("x", r#"[{"params":{"y":2}}]"#),
            ("_meta", r#"{"k":{"_meta":{}}}"#),
            ("z", r#""A""#),
        ])
    );
    assert_eq!(members(Scope::Meta), pairs(&[("k", r#"{"_meta":{}}"#)]));
    assert_eq!(document.member(Scope::Params, "z"), Some(&b"\"A\""[..]));
    assert_eq!(document.member(Scope::Params, "y"), None);
}

#[test]
fn duplicates_are_refused_at_every_depth_and_however_written() {
    assert!(canonical(r#"{"a":{"b":1},"b":{"a":1},"A":2,"c":[{"a":1},{"a":1}]}"#).is_ok());
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":{"a":2},"\u0061":3}"#,
        r#"[[{"x":[{"a":1,"b":2,"a":3}]}]]"#,
        r#"{"a":{"a":{"a":1,"a":1}}}"#,
    ] {
        assert_eq!(
            refusal(text),
            JsonError::Duplicate { key: "a".into() },
            "{text}"
        );
    }
}

#[test]
fn a_duplicate_key_is_shown_cut_and_escaped() {
    let key = "é\\n\\u001b[31m\\\"".to_owned() + &"x".repeat(100);
    let refused = refusal(&format!("{{\"{key}\":1,\"{key}\":2}}"));
    let JsonError::Duplicate { key } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(&*key, format!("é\\n\\u{{1b}}[31m\\\"{}…", "x".repeat(56)));
}

/// JR-14, JR-25.
#[test]
fn limits_hold_exactly() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(canonical(&nested(64)).is_ok());
    assert_eq!(refusal(&nested(65)), JsonError::Depth { limit: 64 });
    assert_eq!(
        refusal(&"[".repeat(1_000_000)),
        JsonError::Depth { limit: 64 }
    );

    let keyed = |length: usize| format!("{{\"{}\":1}}", "é".repeat(length / 2));
    assert!(canonical(&keyed(1024)).is_ok());
    assert_eq!(refusal(&keyed(1026)), JsonError::Key { limit: 1024 });
    let escaped = |length: usize| format!("{{\"{}\":1}}", "\\u0001".repeat(length));
    assert!(canonical(&escaped(1024)).is_ok());
    assert_eq!(refusal(&escaped(1025)), JsonError::Key { limit: 1024 });

    let listed = |values: usize| format!("[{}1]", "1,".repeat(values - 1));
    assert!(canonical(&listed(199_999)).is_ok());
    assert_eq!(
        refusal(&listed(200_000)),
        JsonError::Tokens { limit: 200_000 }
    );
    let flood: Vec<String> = (0..1_000_000).map(|key| format!("\"{key}\":0")).collect();
    let flood = format!("{{{}}}", flood.join(","));
    assert_eq!(refusal(&flood), JsonError::Tokens { limit: 200_000 });
}

/// JR-12, JR-13, JR-15, JR-22, JR-24.
#[test]
fn what_is_not_json_is_refused_with_its_code() {
    let error = |body: &[u8]| Document::parse(body, &Limits::default()).unwrap_err();
    assert_eq!(error(b"[\"\xff\"]"), JsonError::Utf8 { at: 2 });
    assert_eq!(error(b"[\"\xff\"]").code(), -32700);
    for text in [
        r#"["\ud800"]"#,
        r#"["\udc00"]"#,
        r#"["\ud800\u0041"]"#,
        r#"["\ud800\ud800"]"#,
        r#"["\ud800x"]"#,
    ] {
        assert_eq!(refusal(text), JsonError::Surrogate { at: 2 }, "{text}");
        assert_eq!(refusal(text).code(), -32700);
    }
    for text in [
        "",
        " ",
        "{}{}",
        "{} x",
        "\u{feff}{}",
        "// c\n{}",
        "{/**/}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "{1:1}",
        "['a']",
        "[1 2]",
        "[}",
        "{]",
        "[",
        "[\"a",
        "[\"a\\",
        "[\"\\x41\"]",
        "[\"\\u00g0\"]",
        "[\"\\u+041\"]",
        "[\"a\nb\"]",
        "[\"\0\"]",
        "[01]",
        "[-]",
        "[+1]",
        "[.5]",
        "[1.]",
        "[1e]",
        "[1e+]",
        "[NaN]",
        "[Infinity]",
        "[tru]",
        "[True]",
        "[nulll]",
        "\u{a0}1",
        "1\u{2028}",
    ] {
        assert!(
            matches!(refusal(text), JsonError::Syntax { .. }),
            "{text:?}"
        );
        assert_eq!(refusal(text).code(), -32700);
    }
    assert!(canonical("[1e308,-1.7976931348623157e308,1e-999999999999,0e999999999999]").is_ok());
    let digits = "9".repeat(400);
    for number in ["1e400", "-1e309", "0.1e999999999999", &digits] {
        assert_eq!(refusal(&format!("[{number}]")), JsonError::Number { at: 1 });
        assert_eq!(refusal(&format!("[{number}]")).code(), -32600);
    }
}

#[test]
fn member_looks_up_canonical_objects() {
    let object = br#"{"a":[1,{"b":"}"}],"b\"":"\\","b":{"a":"x"},"c":-1.5e3}"#;
    assert_eq!(member(object, "a"), Some(&br#"[1,{"b":"}"}]"#[..]));
    assert_eq!(member(object, "b"), Some(&br#"{"a":"x"}"#[..]));
    assert_eq!(member(object, "c"), Some(&b"-1.5e3"[..]));
    assert_eq!(member(object, "x"), None);
    for other in ["{}", "[]", "[\"a\",1]", "\"a\"", "1", "null"] {
        assert_eq!(member(other.as_bytes(), "a"), None, "{other}");
    }
}

/// Strings that exercise every escape.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{0,3}",
        "[\\x00-\\x7f]{0,12}",
        any::<String>(),
        Just("\u{10ffff}\u{e000}\u{d7ff}".to_owned()),
    ]
}

/// Values without duplicate keys: a map drops them.
fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 24, |inner| {
        let members = vec((any_text(), inner.clone()), 0..24);
        prop_oneof![
            vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Another spelling of the same value: whitespace between tokens, characters as escapes, by `choices`.
fn respell(compact: &str, choices: &[u8]) -> String {
    let mut choices = choices.iter().copied().cycle();
    let mut spelled = String::new();
    let mut inside = false;
    // Characters that belong to an escape, which stay as they are.
    let mut escape = 0_u8;
    for char in compact.chars() {
        let choice = choices.next().unwrap_or_default();
        let plain = inside && escape == 0 && char != '"' && char != '\\';
        if plain && choice.is_multiple_of(4) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                spelled.extend(["\\u".to_owned(), format!("{unit:04X}")]);
            }
        } else {
            spelled.push(char);
        }
        if char == '"' && escape == 0 {
            inside = !inside;
        }
        escape = match (escape, char) {
            (0, '\\') => 5,
            (0, _) | (5, '"' | '\\' | 'b' | 'f' | 'n' | 'r' | 't') => 0,
            (left, _) => left - 1,
        };
        if !inside && matches!(char, '{' | '}' | '[' | ']' | ',' | ':') {
            spelled += ["", " ", "\n\t", "\r\n"][usize::from(choice % 4)];
        }
    }
    spelled
}

proptest! {
    #[test]
    fn accepted_text_means_the_same_and_is_written_once_and_for_all(
        value in any_value(),
        choices in vec(any::<u8>(), 1..40),
    ) {
        let compact = value.to_string();
        let spelled = respell(&compact, &choices);
        let first = canonical(&spelled).unwrap();
        let input: Value = serde_json::from_str(&spelled).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(&first).unwrap(), &input);
        prop_assert_eq!(&first, &compact);
        prop_assert_eq!(canonical(&first).unwrap(), first);
    }

    #[test]
    fn the_grammar_is_that_of_serde_json(
        body in prop_oneof![
            vec(any::<u8>(), 0..24),
            "[\\[\\]{}:,\"\\\\ \\n0-2eE+.\\-truefalsnu\\x00é😀]{0,16}".prop_map(String::into_bytes),
            "\"(\\\\u[dD][89abc][0-9a]{2}|\\\\u00[0-9a-f]{2}|\\\\.|[ -~é\\n]){0,5}\"".prop_map(String::into_bytes),
            "-?[0-9]{0,3}\\.?[0-9]{0,2}([eE][+-]?[0-9]{0,4})?".prop_map(String::into_bytes),
        ],
    ) {
        compare_with_serde(&body)?;
    }

    #[test]
    fn one_changed_byte_is_judged_as_serde_json_judges_it(
        value in any_value(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut body = value.to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        compare_with_serde(&body)?;
    }

    #[test]
    fn a_duplicate_is_found_among_any_number_of_keys(keys in vec("[ab\\n]{1,6}", 0..60)) {
        let members: Vec<String> = keys.iter().map(|key| format!("{}:[{{}}]", Value::from(&**key))).collect();
        let text = format!("{{{}}}", members.join(","));
        let unique = keys.iter().collect::<HashSet<_>>().len() == keys.len();
        prop_assert_eq!(canonical(&text).is_ok(), unique);
    }
}

fn compare_with_serde(body: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<Value>(body);
    match Document::parse(body, &Limits::default()) {
        Ok(document) => {
            let written: Value = serde_json::from_slice(document.bytes()).unwrap();
            prop_assert_eq!(theirs.unwrap(), written);
        }
        Err(
            JsonError::Utf8 { .. }
            | JsonError::Syntax { .. }
            | JsonError::Surrogate { .. }
            | JsonError::Number { .. },
        ) => prop_assert!(theirs.is_err(), "{:?}", String::from_utf8_lossy(body)),
        Err(
            JsonError::Duplicate { .. }
            | JsonError::Depth { .. }
            | JsonError::Tokens { .. }
            | JsonError::Key { .. },
        ) => {}
    }
    Ok(())
}
