//! Which resources each of the latest revisions changed, so that a node can be brought from its
//! cursor to the newest state by a delta. It holds names only; the bodies are the state's.

use std::{collections::VecDeque, sync::Arc};

use proto::name::StreamName;

/// The resources that one revision changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The revision.
    pub revision: u64,
    /// What it changed; a deleted resource is named too.
    pub names: Arc<[StreamName]>,
}

/// The changes of the revisions `(floor, newest]`, without holes.
///
/// Full blocks are shared between the versions of a history, so that the copy made for each new
/// state costs one block at most.
#[derive(Debug, Clone)]
pub struct History {
    floor: u64,
    blocks: VecDeque<Arc<[Change]>>,
    tail: Vec<Change>,
}

impl History {
    /// A history that reaches back to `floor` and knows nothing after it yet.
    pub fn new(floor: u64) -> Self {
        Self {
            floor,
            blocks: VecDeque::new(),
            tail: Vec::new(),
        }
    }

    /// The longest run of changes without holes that ends at `head`. `changes` are in the order of
    /// their revisions.
    pub fn ending_at(head: u64, changes: Vec<Change>) -> Self {
        let mut first = changes.len();
        let mut wanted = head;
        while first > 0 && wanted > 0 && changes[first - 1].revision == wanted {
            first -= 1;
            wanted -= 1;
        }
        let mut history = Self::new(wanted);
        for change in changes.into_iter().skip(first) {
            history.push(change);
        }
        history
    }

    /// Appends the next revision's change and forgets the oldest ones beyond the bound.
    pub fn push(&mut self, change: Change) {
        debug_assert_eq!(change.revision, self.newest() + 1, "a history has no holes");
        self.tail.push(change);
        if self.tail.len() < BLOCK {
            return;
        }
        self.blocks.push_back(std::mem::take(&mut self.tail).into());
        while self.blocks.len() > MAX_REVISIONS / BLOCK {
            if let Some(last) = self.blocks.pop_front().as_deref().and_then(<[_]>::last) {
                self.floor = last.revision;
            }
        }
    }

    /// The oldest cursor that can be resumed from.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The changes after `from`, newest first; `None` when it does not reach back so far.
    pub fn since(&self, from: u64) -> Option<impl Iterator<Item = &Change>> {
        let newest_first = self.tail.iter().rev().chain(
            self.blocks
                .iter()
                .rev()
                .flat_map(|block| block.iter().rev()),
        );
        (from >= self.floor).then(|| newest_first.take_while(move |change| change.revision > from))
    }

    fn newest(&self) -> u64 {
        self.tail
            .last()
            .or_else(|| self.blocks.back().and_then(|block| block.last()))
            .map_or(self.floor, |change| change.revision)
    }
}

/// How many revisions are remembered at least, once there were so many.
pub const MAX_REVISIONS: usize = 100_000;

const BLOCK: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reaches_back_to_its_floor_and_no_further() {
        let history = History::ending_at(5, changes(3..=5));
        assert_eq!(history.floor(), 2);
        assert_eq!(revisions(&history, 2), [5, 4, 3]);
        assert_eq!(revisions(&history, 4), [5]);
        assert_eq!(revisions(&history, 5), [0; 0]);
        assert!(history.since(1).is_none());
    }

    #[test]
    fn what_stands_before_a_hole_is_not_used() {
        let with_hole = changes(1..=3).into_iter().chain(changes(5..=6)).collect();
        assert_eq!(History::ending_at(6, with_hole).floor(), 4);
        assert_eq!(History::ending_at(9, changes(1..=3)).floor(), 9);
        assert_eq!(History::ending_at(0, Vec::new()).floor(), 0);
    }

    #[test]
    fn the_oldest_revisions_are_forgotten_beyond_the_bound() {
        let bound = u64::try_from(MAX_REVISIONS).unwrap();
        let mut history = History::new(0);
        for change in changes(1..=bound) {
            history.push(change);
        }
        assert_eq!(history.floor(), 0);
        for change in changes(bound + 1..=bound + 1_000) {
            history.push(change);
        }
        assert_eq!(history.floor(), 1_000);
        assert_eq!(history.since(1_000).unwrap().count(), MAX_REVISIONS);
    }

    fn changes(revisions: std::ops::RangeInclusive<u64>) -> Vec<Change> {
        revisions
            .map(|revision| Change {
                revision,
                names: Arc::new([]),
            })
            .collect()
    }

    fn revisions(history: &History, from: u64) -> Vec<u64> {
        let since = history.since(from).unwrap();
        since.map(|change| change.revision).collect()
    }
}
