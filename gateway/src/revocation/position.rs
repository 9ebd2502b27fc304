//! Up to where everything is known: the largest number such that every revocation up to it is held or
//! has expired. Numbers compare only inside one epoch of config, and epochs only grow.

/// Where the node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    epoch: u64,
    sequence: u64,
}

/// What became of a stretch of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Covered {
    /// It counts.
    Yes,
    /// Something before it is missing.
    Gap,
    /// It is numbered in an epoch that is over.
    Past,
}

impl Position {
    /// Everything of (`after`, `to`] is held or has expired.
    pub(super) fn cover(&mut self, epoch: u64, after: u64, to: u64) -> Covered {
        if epoch < self.epoch {
            return Covered::Past;
        }
        if epoch > self.epoch {
            *self = Self { epoch, sequence: 0 };
        }
        if after > self.sequence {
            return Covered::Gap;
        }
        self.sequence = self.sequence.max(to);
        Covered::Yes
    }

    /// Whether that is all that there is, if there are so many.
    pub(super) fn reaches(&self, epoch: u64, head: u64) -> bool {
        // The first revocation of an epoch is number 1, so nothing is missing of none.
        (epoch == self.epoch || (epoch > self.epoch && head == 0)) && head <= self.of(epoch)
    }

    /// Where it is in this epoch.
    pub(super) fn of(&self, epoch: u64) -> u64 {
        if epoch == self.epoch {
            self.sequence
        } else {
            0
        }
    }

    /// Where it is in its own epoch.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_moves_over_what_follows_and_never_back() {
        let mut position = Position::default();
        assert_eq!(position.cover(1, 0, 3), Covered::Yes);
        assert_eq!(position.cover(1, 3, 4), Covered::Yes);
        assert_eq!(position.cover(1, 1, 2), Covered::Yes);
        assert_eq!(position.of(1), 4);
        assert_eq!(position.cover(1, 5, 6), Covered::Gap);
        assert_eq!(position.of(1), 4);
        assert_eq!(position.cover(1, 2, 6), Covered::Yes);
        assert_eq!(position.of(1), 6);
    }

    #[test]
    fn a_new_epoch_begins_at_nothing_and_an_old_one_does_not_come_back() {
        let mut position = Position::default();
        assert_eq!(position.cover(5, 0, 9), Covered::Yes);
        assert!(position.reaches(5, 9) && !position.reaches(5, 10));
        assert_eq!(position.cover(4, 0, 20), Covered::Past);
        assert!(!position.reaches(4, 1));
        assert_eq!(position.cover(6, 2, 3), Covered::Gap);
        assert_eq!((position.of(5), position.of(6)), (0, 0));
        assert_eq!(position.cover(6, 0, 3), Covered::Yes);
        assert!(position.reaches(6, 3));
    }

    #[test]
    fn where_nothing_was_revoked_nothing_is_missing() {
        let position = Position::default();
        assert!(position.reaches(7, 0));
        assert!(!position.reaches(7, 1));
    }
}
