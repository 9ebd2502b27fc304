//! Text that came from others, fit to be shown: one line, nothing that is invisible, reorders what
//! stands beside it or piles up, and of bounded length (A22, A35, OA-12). Escaping is the template's.

/// What remains of a text; `None` when nothing does.
pub(crate) fn clean(text: &str, longest: usize) -> Option<String> {
    let mut cleaned = String::new();
    let (mut kept, mut marks, mut space) = (0, 0, false);
    for character in text.chars() {
        if character.is_whitespace() {
            space = true;
            continue;
        }
        if is_unseen(character) {
            continue;
        }
        marks = if is_mark(character) { marks + 1 } else { 0 };
        if marks > 2 {
            continue;
        }
        if kept >= longest {
            cleaned.push('…');
            break;
        }
        if space && !cleaned.is_empty() {
            cleaned.push(' ');
            kept += 1;
        }
        space = false;
        cleaned.push(character);
        kept += 1;
    }
    (!cleaned.is_empty()).then_some(cleaned)
}

/// Control characters, and those that only steer how others are set.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// Marks that stand above or below what precedes them.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A22, A35, OA-12.
    #[test]
    fn what_cannot_be_seen_is_gone() {
        for (text, shown) in [
            ("Claude", Some("Claude")),
            ("  Claude \t\n Code ", Some("Claude Code")),
            ("Cl\u{200b}au\u{feff}de\u{ad}", Some("Claude")),
            ("\u{202e}edualC\u{202c}", Some("edualC")),
            ("\u{2066}a\u{2069}\u{200f}b\u{61c}", Some("ab")),
            ("a\u{0}\u{1b}[31m\u{7f}\u{9b}b", Some("a[31mb")),
            ("a\u{e0041}\u{e000}b", Some("ab")),
            ("\u{3164}\u{2800}\u{115f} \u{200d}", None),
            ("", None),
            ("Ünïcøde 試験 שלום", Some("Ünïcøde 試験 שלום")),
        ] {
            assert_eq!(clean(text, 60).as_deref(), shown, "{text:?}");
        }
    }

    #[test]
    fn length_and_piles_are_bounded() {
        assert_eq!(clean(&"x".repeat(5000), 4).unwrap(), "xxxx…");
        assert_eq!(clean("abcd", 4).unwrap(), "abcd");
        let pile = format!("Z{}x", "\u{30d}".repeat(400));
        assert_eq!(clean(&pile, 60).unwrap(), "Z\u{30d}\u{30d}x");
    }
}
