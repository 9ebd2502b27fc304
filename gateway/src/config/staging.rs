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
