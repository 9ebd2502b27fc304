//! A resource of which there is one, and whose newest good version counts on while a newer one is
//! bad: a tenant itself, its policy, what holds for all tenants.

/// What was sent of it.
#[derive(Debug)]
pub(super) struct Versions<T> {
    /// The revision that was sent last.
    pub(super) held: u64,
    /// The newest good version, with its revision.
    pub(super) good: Option<(u64, T)>,
}

impl<T> Versions<T> {
    /// A version was sent; a bad one leaves the one before in place. Returns the revision that
    /// counts from now on, 0 if none does.
    pub(super) fn put(slot: &mut Option<Self>, revision: u64, sent: Option<T>) -> u64 {
        let before = slot.take().and_then(|versions| versions.good);
        let good = sent.map(|sent| (revision, sent)).or(before);
        let serving = good.as_ref().map_or(0, |(revision, _)| *revision);
        *slot = Some(Self {
            held: revision,
            good,
        });
        serving
    }
}
