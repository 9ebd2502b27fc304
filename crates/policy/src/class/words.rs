//! Words in names: cut where there is no letter or digit, and where a capital begins a word, as in
//! `getURLList`: get, URL, List. Nothing is copied: tools are classed in the path of requests.

/// The words of a text, as they are written in it.
pub(super) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self(text)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let start = self.0.find(char::is_alphanumeric)?;
        let text = &self.0[start..];
        let (word, rest) = text.split_at(end(text));
        self.0 = rest;
        Some(word)
    }
}

/// Where the word ends that a text begins with.
fn end(text: &str) -> usize {
    let mut signs = text.char_indices().peekable();
    let mut before = None;
    while let Some((place, sign)) = signs.next() {
        if !sign.is_alphanumeric() {
            return place;
        }
        if sign.is_uppercase()
            && let Some(before) = before.replace(sign)
        {
            let next_is_small = signs.peek().is_some_and(|(_, next)| next.is_lowercase());
            if !char::is_uppercase(before) || next_is_small {
                return place;
            }
        }
        before = Some(sign);
    }
    text.len()
}

/// Whether a word is in a sorted list of lower-case words, whatever its case.
pub(super) fn is_in(sorted: &[&str], word: &str) -> bool {
    let lower = || word.bytes().map(|byte| byte.to_ascii_lowercase());
    sorted
        .binary_search_by(|own| own.bytes().cmp(lower()))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S4-53: names come in every style.
    #[test]
    fn names_are_cut_at_signs_and_at_capitals() {
        let words = |text| Words::of(text).collect::<Vec<_>>();
        assert_eq!(
            words("get_user-list.v2/x"),
            ["get", "user", "list", "v2", "x"]
        );
        assert_eq!(words("getURLList"), ["get", "URL", "List"]);
        assert_eq!(words("GetUser"), ["Get", "User"]);
        assert_eq!(words("s3Upload"), ["s3", "Upload"]);
        assert_eq!(words("HTTP"), ["HTTP"]);
        assert_eq!(words("größe_Ändern"), ["größe", "Ändern"]);
        assert_eq!(words("__"), [""; 0]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn a_word_is_found_whatever_its_case() {
        assert!(is_in(&["delete", "get"], "GET"));
        assert!(!is_in(&["delete", "get"], "gets"));
    }
}
