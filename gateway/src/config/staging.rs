//! A snapshot on its way in: parts are compiled and kept aside, and nothing of it counts until its
//! end has come and the whole is what the controller says it is.

use bytes::Bytes;
use proto::{
    digest::SetDigest,
    sync::v1::{Cursor, SnapshotChunk, SnapshotEnd},
};

use super::compile::{Compiled, compile};

/// The parts so far.
#[derive(Debug, Default)]
pub(super) struct Staging {
    id: Option<Bytes>,
    chunks: u32,
    digest: SetDigest,
    resources: Vec<Compiled>,
}

/// The parts do not make a whole.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Disorder {
    /// A part is missing, comes twice or belongs to another snapshot.
    #[error(
        "part {found} of the snapshot came where part {expected} of another or the same was due"
    )]
    Chunk {
        /// Which came.
        found: u32,
        /// Which was due.
        expected: u32,
    },
    /// Not as many resources, or not the same, as the controller sent.
    #[error("the snapshot has {found} resources, and the controller's {expected}, or they differ")]
    Digest {
        /// How many came.
        found: u64,
        /// How many were sent.
        expected: u64,
    },
    /// It does not say what moment it is of.
    #[error("the snapshot has no cursor")]
    Cursor,
}

impl Staging {
    /// Takes in the next part.
    pub(super) fn add(&mut self, chunk: &SnapshotChunk) -> Result<(), Disorder> {
        let id = self.id.get_or_insert_with(|| chunk.snapshot_id.clone());
        if *id != chunk.snapshot_id || chunk.index != self.chunks {
            return Err(Disorder::Chunk {
                found: chunk.index,
                expected: self.chunks,
            });
        }
        self.chunks += 1;
        for upsert in &chunk.upserts {
            self.digest.add(&upsert.name, upsert.revision);
            self.resources.push(compile(upsert));
        }
        Ok(())
    }

    /// The whole, if it is what the controller sent, and the cursor it brings us to.
    pub(super) fn finish(self, end: &SnapshotEnd) -> Result<(Vec<Compiled>, Cursor), Disorder> {
        let same = self.id.as_ref().is_none_or(|id| *id == end.snapshot_id);
        if !same || self.chunks != end.chunks {
            return Err(Disorder::Chunk {
                found: end.chunks,
                expected: self.chunks,
            });
        }
        let at = end.at.filter(|at| *at != Cursor::default());
        let at = at.ok_or(Disorder::Cursor)?;
        let expected = end.digest.as_ref();
        let matches = expected.is_some_and(|digest| {
            digest.count == self.digest.count() && *digest.sum == self.digest.sum()[..]
        });
        if !matches {
            return Err(Disorder::Digest {
                found: self.digest.count(),
                expected: expected.map_or(0, |digest| digest.count),
            });
        }
        Ok((self.resources, at))
    }
}

#[cfg(test)]
mod tests {
    use proto::sync::v1::Upsert;

    use super::*;
    use crate::config::samples::{self, cursor};

    #[test]
    fn a_snapshot_counts_when_it_is_whole() {
        let all = all();
        let mut staging = Staging::default();
        staging.add(&chunk(0, &all[..1])).unwrap();
        staging.add(&chunk(1, &all[1..])).unwrap();
        let (resources, at) = staging.finish(&end(2, &all)).unwrap();
        assert_eq!((resources.len(), at), (2, cursor(5)));
    }

    #[test]
    fn an_empty_snapshot_is_whole() {
        let (resources, _) = Staging::default().finish(&end(0, &[])).unwrap();
        assert!(resources.is_empty());
    }

    #[test]
    fn parts_that_are_missing_doubled_or_foreign_are_noticed() {
        let all = all();
        let mut staging = Staging::default();
        staging.add(&chunk(0, &all)).unwrap();
        for index in [0, 2] {
            let error = staging.add(&chunk(index, &all)).unwrap_err();
            assert_eq!(
                error,
                Disorder::Chunk {
                    found: index,
                    expected: 1
                }
            );
        }
        let foreign = SnapshotChunk {
            snapshot_id: vec![2; 16].into(),
            ..chunk(1, &all)
        };
        assert!(staging.add(&foreign).is_err());
        assert!(matches!(
            staging.finish(&end(2, &all)),
            Err(Disorder::Chunk { .. })
        ));
    }

    #[test]
    fn a_snapshot_that_is_not_what_was_sent_is_refused() {
        let all = all();
        let staged = |upserts: &[Upsert]| {
            let mut staging = Staging::default();
            staging.add(&chunk(0, upserts)).unwrap();
            staging
        };
        let other = [samples::tenant(1, 1), samples::tenant(2, 3)];
        for found in [&all[..1], &other] {
            let error = staged(found).finish(&end(1, &all)).unwrap_err();
            assert!(matches!(error, Disorder::Digest { .. }), "{error}");
        }
        let silent = SnapshotEnd {
            digest: None,
            ..end(1, &all)
        };
        assert!(staged(&all).finish(&silent).is_err());
        let nowhere = SnapshotEnd {
            at: None,
            ..end(1, &all)
        };
        assert_eq!(staged(&all).finish(&nowhere).unwrap_err(), Disorder::Cursor);
    }

    fn all() -> [Upsert; 2] {
        [samples::tenant(1, 1), samples::tenant(2, 2)]
    }

    fn chunk(index: u32, upserts: &[Upsert]) -> SnapshotChunk {
        SnapshotChunk {
            snapshot_id: vec![1; 16].into(),
            index,
            upserts: upserts.to_vec(),
        }
    }

    fn end(chunks: u32, upserts: &[Upsert]) -> SnapshotEnd {
        SnapshotEnd {
            snapshot_id: vec![1; 16].into(),
            chunks,
            at: Some(cursor(5)),
            digest: Some(samples::digest(5, upserts)),
        }
    }
}
