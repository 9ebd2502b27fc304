//! Patterns mean what their letters say, at linear cost.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    Patterns::compile(&[pattern.into()]).matches(text)
}

/// S4-45: a star is any text, also none; all else is itself.
#[test]
fn a_star_is_any_text_and_all_else_is_itself() {
    for (pattern, text) in [
        ("get", "get"),
        ("get*", "get"),
        ("get*", "get_user"),
        ("*user", "get_user"),
        ("*et_u*", "get_user"),
        ("g*t*r", "get_user"),
        ("**", ""),
        ("a*a", "aa"),
        ("file://*?x=[1]", "file:///y?x=[1]"),
        ("*é*", "cafés"),
    ] {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("get", "gets"),
        ("get", "GET"),
        ("get*", "forget"),
        ("*user", "users"),
        ("a*a", "a"),
        ("ab*bc", "abc"),
        ("*a*b*", "ba"),
        ("g?t", "get"),
        ("[a-z]", "a"),
        ("(a+)+$", "aaa"),
    ] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}

/// RX-14: what makes other engines try everything.
#[test]
fn no_pattern_and_no_name_takes_long() {
    let text = "a".repeat(100_000);
    let stars = "a*".repeat(512) + "b";
    for pattern in [
        "(a+)+$",
        "*a*a*a*a*a*a*a*a*b",
        &stars,
        "*aaaaaaaaaaaaaaaab*",
    ] {
        let patterns = Patterns::compile(&[pattern.into()]);
        let once = |_| {
            let begun = Instant::now();
            assert!(!patterns.matches(&text));
            begun.elapsed()
        };
        let quickest = (0..10).map(once).min();
        assert!(
            quickest < Some(Duration::from_millis(10)),
            "{pattern}: {quickest:?}"
        );
    }
}

/// What a star means, in the plainest words.
fn means(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| means(rest, &text[skip..])),
        Some((sign, rest)) => text.first() == Some(sign) && means(rest, &text[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn matching_agrees_with_what_a_star_means(
        list in prop::collection::vec("[ab*]{1,6}", 1..4),
        text in "[ab]{0,8}",
    ) {
        let patterns = Patterns::compile(&list);
        let expected = list.iter().any(|own| means(own.as_bytes(), text.as_bytes()));
        prop_assert_eq!(patterns.matches(&text), expected);
    }

    /// What [`Patterns::can_begin`] and [`Patterns::covers_all_beginning`] conclude holds for
    /// every continuation.
    #[test]
    fn conclusions_from_a_beginning_hold(
        pattern in "[ab*]{1,5}",
        start in "[ab]{0,3}",
        rest in "[ab]{0,4}",
    ) {
        let text = format!("{start}{rest}");
        let patterns = Patterns::compile(&[pattern]);
        if patterns.matches(&text) {
            prop_assert!(patterns.can_begin(&start));
        }
        if patterns.covers_all_beginning(&start) {
            prop_assert!(patterns.matches(&text));
        }
    }
}
