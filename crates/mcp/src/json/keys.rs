//! Unique keys: finds the second of two equal keys in one object.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    ops::Range,
};

/// Objects up to this size are searched in order, which needs no memory and is faster.
const SEARCHED: usize = 16;

/// The keys of all open objects, as places in the output, innermost last. Canonical text is equal exactly where
/// the decoded keys are.
#[derive(Debug, Default)]
pub(super) struct Keys {
    spans: Vec<Range<usize>>,
}

/// The keys of one open object within [`Keys`].
#[derive(Debug)]
pub(super) struct Group {
    first: usize,
    index: Option<Index>,
}

/// First key by hash; keyed at random, so that nobody can choose keys that collide.
#[derive(Debug, Default)]
struct Index {
    hasher: RandomState,
    first_by_hash: HashMap<u64, usize>,
}

impl Keys {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            spans: Vec::with_capacity(capacity),
        }
    }

    /// Starts the group of an object that opens.
    pub(super) fn open(&self) -> Group {
        Group {
            first: self.spans.len(),
            index: None,
        }
    }

    /// Forgets the keys of the innermost object, which closes.
    pub(super) fn close(&mut self, group: &Group) {
        self.spans.truncate(group.first);
    }

    /// Adds a key of the innermost object; false where the object has it already.
    pub(super) fn add(&mut self, group: &mut Group, key: Range<usize>, out: &[u8]) -> bool {
        let spans = &self.spans[group.first..];
        let unique = if spans.len() < SEARCHED {
            !contains(spans, &out[key.clone()], out)
        } else {
            group
                .index
                .get_or_insert_with(|| Index::over(spans, out))
                .add(spans, &out[key.clone()], out)
        };
        self.spans.push(key);
        unique
    }
}

impl Index {
    fn over(spans: &[Range<usize>], out: &[u8]) -> Self {
        let mut index = Self::default();
        for (position, span) in spans.iter().enumerate() {
            index.add(&spans[..position], &out[span.clone()], out);
        }
        index
    }

    fn add(&mut self, spans: &[Range<usize>], key: &[u8], out: &[u8]) -> bool {
        match self.first_by_hash.entry(self.hasher.hash_one(key)) {
            Entry::Vacant(entry) => {
                entry.insert(spans.len());
                true
            }
            // Two keys with one hash: rare enough to search.
            Entry::Occupied(first) if out[spans[*first.get()].clone()] != *key => {
                !contains(spans, key, out)
            }
            Entry::Occupied(_) => false,
        }
    }
}

fn contains(spans: &[Range<usize>], key: &[u8], out: &[u8]) -> bool {
    spans.iter().any(|span| out[span.clone()] == *key)
}
