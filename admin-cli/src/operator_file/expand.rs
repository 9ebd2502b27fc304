//! `${NAME}` in operators' files (S4-13). What comes in is text and is not expanded again; a `$` that no
//! such name follows stands for itself.

use std::{cell::RefCell, collections::BTreeSet};

/// Where variables come from, and which were asked for and not there.
pub(super) struct Variables<'a> {
    find: Box<Find<'a>>,
    unset: RefCell<BTreeSet<String>>,
}

/// The value of a variable, if it is set.
type Find<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl<'a> Variables<'a> {
    pub(super) fn new(find: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self {
            find: Box::new(find),
            unset: RefCell::default(),
        }
    }

    /// The text with every variable replaced; by nothing, where it is not set.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            if let Some(name) = name_at(from) {
                out.push_str(&self.value(name));
                rest = &from["${".len() + name.len() + "}".len()..];
            } else {
                out.push_str("${");
                rest = &from["${".len()..];
            }
        }
        out.push_str(rest);
        out
    }

    /// The variables that were not set, in alphabetical order.
    pub(super) fn unset(&self) -> BTreeSet<String> {
        self.unset.borrow().clone()
    }

    fn value(&self, name: &str) -> String {
        (self.find)(name).unwrap_or_else(|| {
            self.unset.borrow_mut().insert(name.to_owned());
            String::new()
        })
    }
}

/// The name in `${NAME}…`.
fn name_at(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix("${")?.split_once('}')?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (starts_well && goes_on_well).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S4-13.
    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        for (text, expanded) in [
            ("${A}", "1"),
            ("x${A}y${B_2}z", "x1y${A}z"),
            ("no variable", "no variable"),
            ("$A ${} ${1} ${a-b} ${A", "$A ${} ${1} ${a-b} ${A"),
            ("${${A}}", "${1}"),
        ] {
            let variables = variables();
            assert_eq!(variables.expand(text), expanded, "{text}");
            assert_eq!(variables.unset(), BTreeSet::new(), "{text}");
        }
    }

    /// S4-13: unset is empty, and is named once.
    #[test]
    fn an_unset_variable_is_empty_and_remembered() {
        let variables = variables();
        assert_eq!(variables.expand("Bearer ${NONE}${NONE}"), "Bearer ");
        assert_eq!(variables.unset(), BTreeSet::from(["NONE".to_owned()]));
    }

    fn variables() -> Variables<'static> {
        Variables::new(|name| match name {
            "A" => Some("1".into()),
            "B_2" => Some("${A}".into()),
            _ => None,
        })
    }
}
