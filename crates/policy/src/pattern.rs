//! Names in which `*` stands for any text, also none; every other character stands for itself.
//! Matching is linear: the fixed parts are searched one after the other, each by a linear search,
//! and nothing is ever tried twice (RX-14).

/// One pattern with at least one `*`, cut at them.
#[derive(Debug)]
struct Glob {
    head: Box<str>,
    middle: Box<[Box<str>]>,
    tail: Box<str>,
}

impl Glob {
    /// `None` for text without a `*`.
    fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.split_once('*')?;
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        Some(Self {
            head: head.into(),
            middle: middle
                .split('*')
                .filter(|part| !part.is_empty())
                .map(Box::from)
                .collect(),
            tail: tail.into(),
        })
    }

    /// The earliest place for each part leaves the most room for the next, so that no other place
    /// has to be tried.
    fn matches(&self, text: &str) -> bool {
        let Some(mut rest) = text
            .strip_prefix(&*self.head)
            .and_then(|rest| rest.strip_suffix(&*self.tail))
        else {
            return false;
        };
        for part in &self.middle {
            let Some((_, after)) = rest.split_once(&**part) else {
                return false;
            };
            rest = after;
        }
        true
    }

    fn is_any(&self) -> bool {
        self.head.is_empty() && self.is_prefix()
    }

    /// Whether everything after the head is free.
    fn is_prefix(&self) -> bool {
        self.middle.is_empty() && self.tail.is_empty()
    }
}

/// A list of patterns, sorted by kind: most are plain names.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    any: bool,
    exact: Box<[Box<str>]>,
    globs: Box<[Glob]>,
}

impl Patterns {
    /// These patterns, already checked.
    pub(crate) fn compile(texts: &[String]) -> Self {
        let mut exact: Vec<Box<str>> = Vec::new();
        let mut globs = Vec::new();
        for text in texts {
            match Glob::parse(text) {
                Some(glob) => globs.push(glob),
                None => exact.push(text.as_str().into()),
            }
        }
        exact.sort_unstable();
        Self {
            any: globs.iter().any(Glob::is_any),
            exact: exact.into(),
            globs: globs.into(),
        }
    }

    /// Whether one of them matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.any || self.names(text) || self.globs.iter().any(|glob| glob.matches(text))
    }

    /// Whether one of them is this very text.
    pub(crate) fn names(&self, text: &str) -> bool {
        self.exact.binary_search_by(|own| (**own).cmp(text)).is_ok()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }

    /// Whether one of them is `*`.
    pub(crate) fn is_any(&self) -> bool {
        self.any
    }

    /// Whether one of them matches some text that begins so.
    pub(crate) fn can_begin(&self, start: &str) -> bool {
        let exact = || self.exact.iter().any(|own| own.starts_with(start));
        let reaches = |glob: &Glob| glob.head.starts_with(start) || start.starts_with(&*glob.head);
        self.any || exact() || self.globs.iter().any(reaches)
    }

    /// Whether one of them matches every text that begins so. May say no for patterns that do so in
    /// a less obvious way.
    pub(crate) fn covers_all_beginning(&self, start: &str) -> bool {
        let covers = |glob: &Glob| glob.is_prefix() && start.starts_with(&*glob.head);
        self.any || self.globs.iter().any(covers)
    }
}

#[cfg(test)]
mod tests;
