//! Points for words: above zero speaks for reading, below for writing. Two either way decide; what
//! speaks for both cancels out and stays ambiguous, which is the safe side.

use serde_json::Value;

use super::{
    Class, Classification, Source,
    lexicon::{
        PLAIN_READ, READ, READ_PHRASES, READ_PROPERTIES, THING, WRITE, WRITE_PHRASES,
        WRITE_PROPERTIES,
    },
    words::{Words, is_in},
};

/// How much of a description is looked at, in characters: the beginning says what a tool does.
const DESCRIPTION: usize = 2_048;

/// Points so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score(i32);

impl Score {
    /// The name, the description and the properties of a definition.
    pub(super) fn of(definition: &Value) -> Self {
        let text = |field| definition.get(field).and_then(Value::as_str).unwrap_or("");
        let properties = definition
            .get("inputSchema")
            .and_then(|schema| schema.get("properties"));
        Self(
            Self::of_name(text("name")).0
                + of_description(text("description"))
                + properties.map_or(0, of_properties),
        )
    }

    /// The first verb says most: `delete_list` deletes, `github_list_issues` lists. A verb of
    /// writing counts wherever it stands, `get_or_create` is ambiguous; but not where it is a thing
    /// that is got, as in `get_commit`.
    pub(super) fn of_name(name: &str) -> Self {
        let mut score = 0_i32;
        let mut first = true;
        let mut before = "";
        for word in Words::of(name) {
            let is_thing = is_in(PLAIN_READ, before) && is_in(THING, word);
            before = word;
            let points = match (is_in(READ, word), is_in(WRITE, word)) {
                (true, _) if first => 2,
                (true, _) => 1,
                (_, true) if is_thing => continue,
                (_, true) if first => -3,
                (_, true) => -2,
                (false, false) => continue,
            };
            first = false;
            score = score.saturating_add(points);
        }
        Self(score.clamp(-MOST, MOST))
    }

    /// The class, and how sure it is.
    pub(super) fn conclude(self, source: Source) -> Classification {
        let class = match self.0 {
            2.. => Class::Read,
            ..=-2 => Class::Write,
            _ => Class::Ambiguous,
        };
        Classification {
            class,
            source,
            confidence: self.confidence(),
        }
    }

    /// 0.5 where nobody knows, 0.6 for two points, 0.1 for each further one; never as sure as
    /// annotations.
    fn confidence(self) -> f64 {
        match self.0.unsigned_abs() {
            0 | 1 => 0.5,
            2 => 0.6,
            3 => 0.7,
            4 => 0.8,
            _ => 0.9,
        }
    }
}

/// The most points that a name can have, so that the rest can never be drowned.
const MOST: i32 = 5;

/// At most two points either way: prose tells less than a name.
fn of_description(text: &str) -> i32 {
    let end = text
        .char_indices()
        .nth(DESCRIPTION)
        .map_or(text.len(), |(end, _)| end);
    let mut prose = String::from(" ");
    for word in Words::of(&text[..end]) {
        prose.push_str(&word.to_lowercase());
        prose.push(' ');
    }
    let says = |phrases: &[&str]| {
        let said = |phrase: &&&str| prose.contains(&format!(" {phrase} "));
        count(phrases.iter().filter(said), 2)
    };
    says(READ_PHRASES) - says(WRITE_PHRASES)
}

/// One point for reading, at most two for writing.
fn of_properties(properties: &Value) -> i32 {
    let has = |list, most| {
        let names = properties
            .as_object()
            .into_iter()
            .flat_map(|map| map.keys());
        let known = |name: &&String| is_in(list, &Words::of(name).collect::<String>());
        count(names.filter(known), most)
    };
    has(READ_PROPERTIES, 1) - has(WRITE_PROPERTIES, 2)
}

fn count<T>(found: impl Iterator<Item = T>, most: usize) -> i32 {
    found.take(most).map(|_| 1).sum()
}
