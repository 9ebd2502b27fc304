//! Which roles were looked at already. A role that comes by many ways, or a credential that names
//! one a thousand times, costs no more than one; and nothing is allocated for it.

use crate::check::ENTRIES;

/// One bit for each role that a policy can have.
#[derive(Debug)]
pub(super) struct Seen([u64; ENTRIES.div_ceil(64)]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; ENTRIES.div_ceil(64)])
    }
}

impl Seen {
    /// Whether this role is seen for the first time.
    pub(super) fn is_first(&mut self, role: usize) -> bool {
        let (word, bit) = (&mut self.0[role / 64], 1 << (role % 64));
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}
