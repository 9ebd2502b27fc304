//! What a node holds of one key's tokens, shared by its cores. Taking one is an atomic step; getting
//! more is a request that [`Held::begin`] makes and [`Held::finish`] or [`Held::fail`] ends. No clock
//! and no socket in here: a model in the tests drives it through lost messages and crashes.
//!
//! The rules that keep what all nodes hold within the bucket (control-plane.md §5.2): tokens to be
//! returned are gone here before the request is sent; a lease dies here counted from when its request
//! was sent, which is before Redis counts; a lost answer's tokens are never used.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

use super::{
    bucket::{Answer, Ask},
    rate::Limit,
};

/// How long leases and refusals live.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// A lease, at the node, in milliseconds.
    pub life_ms: u64,
    /// How much longer Redis waits for a lease, for clocks that run apart.
    pub margin_ms: u64,
    /// The longest time in which a node refuses without asking again.
    pub refuse_ms: u64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            life_ms: 2_000,
            margin_ms: 200,
            refuse_ms: 1_000,
        }
    }
}

/// The tokens of one key on this node. All times are in milliseconds of the node's own clock.
#[derive(Debug, Default)]
pub struct Held {
    /// Two, so that one is used while the other is renewed.
    slots: [AtomicU64; 2],
    /// Below this many tokens it is time to ask for more; 0: only when none are left.
    low: AtomicU32,
    /// Until when nobody needs to ask.
    denied: AtomicU64,
    /// When, as Redis said, there will be tokens.
    retry: AtomicU64,
    /// Whether somebody has asked and not been answered.
    asking: AtomicBool,
    /// Whether a token was taken since the last request.
    touched: AtomicBool,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// The number of the lease that is being asked for, or was last.
    number: u64,
    /// Which lease each slot has.
    leases: [Option<u64>; 2],
    /// When the newer of them is to be renewed, or given back.
    renew_at: u64,
}

/// What came of trying to take a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A token of this lease. `low`: it is time to ask for more.
    Token {
        /// Where to put it back.
        mark: Mark,
        /// Whether few are left.
        low: bool,
    },
    /// There are none, and Redis said when there will be some.
    Denied {
        /// In milliseconds from now.
        wait_ms: u64,
    },
    /// There are none here.
    Empty,
}

/// Which lease a token is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    slot: usize,
    generation: u64,
}

/// Why a key is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Tokens are needed: this many at least.
    More(u32),
    /// Nobody uses the key: what is left goes back.
    GiveBack,
}

impl Held {
    /// Takes a token of the lease that ends first.
    pub fn take(&self, now: u64) -> Taken {
        loop {
            let values = [0, 1].map(|slot| Slot(self.slots[slot].load(Ordering::Acquire)));
            let alive = values.map(|value| value.alive(now));
            let slot = match (alive[0] > 0, alive[1] > 0) {
                (true, true) => usize::from(values[1].expires() < values[0].expires()),
                (true, false) => 0,
                (false, true) => 1,
                (false, false) => return self.none(now),
            };
            let (old, new) = (values[slot].0, values[slot].0 - 1);
            let won = self.slots[slot].compare_exchange_weak(
                old,
                new,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if won.is_ok() {
                if !self.touched.load(Ordering::Relaxed) {
                    self.touched.store(true, Ordering::Relaxed);
                }
                let left = alive[0] + alive[1] - 1;
                let mark = Mark {
                    slot,
                    generation: values[slot].generation(),
                };
                return Taken::Token {
                    mark,
                    low: left < self.low.load(Ordering::Relaxed),
                };
            }
        }
    }

    fn none(&self, now: u64) -> Taken {
        if self.denied.load(Ordering::Acquire) > now {
            let retry = self.retry.load(Ordering::Relaxed);
            return Taken::Denied {
                wait_ms: retry.saturating_sub(now).max(1),
            };
        }
        Taken::Empty
    }

    /// Puts a token back that was not used. If its lease has ended in the meantime, it counts as spent.
    pub fn put_back(&self, mark: Mark) {
        // An update that changes nothing fails, which is as well.
        let _ = self.slots[mark.slot].fetch_update(Ordering::AcqRel, Ordering::Acquire, |value| {
            let same = value != 0 && Slot(value).generation() == mark.generation;
            same.then(|| value + 1)
        });
    }

    /// Reserves the right to ask. Whoever gets it must see to it that `finish` or `fail` follows.
    pub fn claim(&self, now: u64) -> bool {
        self.denied.load(Ordering::Acquire) <= now
            && !self.asking.load(Ordering::Acquire)
            && !self.asking.swap(true, Ordering::AcqRel)
    }

    /// The same, even if Redis would grant nothing: there is something to return.
    pub fn claim_any(&self) -> bool {
        !self.asking.swap(true, Ordering::AcqRel)
    }

    /// Whether a request is under way.
    pub fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Acquire)
    }

    /// Makes the request that [`Held::claim`] gave the right to, just before it is sent. What it
    /// returns can no longer be spent here from this moment on.
    pub fn begin(&self, now: u64, limit: Limit, purpose: Purpose) -> Ask {
        let mut books = self.books();
        books.number += 1;
        self.touched.store(false, Ordering::Relaxed);
        let newest = books.newest();
        let mut closes = Vec::new();
        for slot in 0..2 {
            let Some(number) = books.leases[slot] else {
                continue;
            };
            let useful = Slot(self.slots[slot].load(Ordering::Acquire)).alive(now) > 0;
            let keep = newest == Some(slot) && useful && purpose != Purpose::GiveBack;
            if !keep {
                let unused = Slot(self.slots[slot].swap(0, Ordering::AcqRel)).tokens();
                books.leases[slot] = None;
                closes.push((number, unused));
            }
        }
        Ask {
            limit,
            closes,
            opens: books.number,
            need: match purpose {
                Purpose::More(need) => need.max(1),
                Purpose::GiveBack => 0,
            },
        }
    }

    /// Takes the answer to the request that was sent at `sent`. Returns when to look at the lease
    /// again, if one was opened.
    pub fn finish(&self, sent: u64, now: u64, terms: &Terms, answer: Answer) -> Option<u64> {
        let mut books = self.books();
        let mut due = None;
        if answer.granted > 0 {
            let number = books.number;
            let free = usize::from(books.leases[0].is_some());
            books.leases[free] = Some(number);
            books.renew_at = sent + terms.life_ms / 2;
            due = Some(books.renew_at);
            let slot = Slot::new(sent + terms.life_ms, number, answer.granted);
            self.slots[free].store(slot.0, Ordering::Release);
            // A lease of one or two is renewed when it is used up: to hold more than is used would
            // keep it from other nodes.
            let low = if answer.granted > 2 {
                answer.granted / 2
            } else {
                0
            };
            self.low.store(low, Ordering::Relaxed);
        } else if answer.wait_ms > 0 {
            self.retry.store(now + answer.wait_ms, Ordering::Relaxed);
            let refuse = answer.wait_ms.min(terms.refuse_ms);
            self.denied.store(now + refuse, Ordering::Release);
        }
        drop(books);
        self.asking.store(false, Ordering::Release);
        due
    }

    /// The request was not sent, or nobody knows what became of it.
    pub fn fail(&self) {
        self.asking.store(false, Ordering::Release);
    }

    /// What is to be done about the key's leases at their half: renewed if they were used since they
    /// were asked for, else given back. None: it is not time, or there are none.
    pub fn due(&self, now: u64) -> Option<Purpose> {
        let books = self.books();
        if books.leases == [None; 2] || now < books.renew_at {
            return None;
        }
        Some(if self.touched.load(Ordering::Relaxed) {
            Purpose::More(1)
        } else {
            Purpose::GiveBack
        })
    }

    /// Whether Redis has leases of this node in its books that it was not told the end of.
    pub fn has_leases(&self) -> bool {
        self.books().leases != [None; 2]
    }

    /// Whether forgetting the key would lose nothing and give nobody anything.
    pub fn is_idle(&self, now: u64) -> bool {
        !self.is_asking() && self.denied.load(Ordering::Acquire) <= now && !self.has_leases()
    }

    /// Tokens that could be taken now.
    pub fn tokens(&self, now: u64) -> u32 {
        self.slots
            .iter()
            .map(|slot| Slot(slot.load(Ordering::Acquire)).alive(now))
            .sum()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing in here can be left half done by a panic.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// The slot whose lease was opened last.
    fn newest(&self) -> Option<usize> {
        match self.leases {
            [None, None] => None,
            [Some(first), Some(second)] => Some(usize::from(second > first)),
            [first, _] => Some(usize::from(first.is_none())),
        }
    }
}

/// A lease in one word, so that tokens can be taken and the lease replaced in one step: when it ends
/// (38 bits, eight years of milliseconds), the end of its number (6 bits), its tokens (20 bits).
#[derive(Clone, Copy)]
struct Slot(u64);

impl Slot {
    fn new(expires: u64, number: u64, tokens: u32) -> Self {
        let generation = number & GENERATIONS;
        Self(expires << 26 | generation << 20 | u64::from(tokens.min(TOKENS)))
    }

    fn tokens(self) -> u32 {
        u32::try_from(self.0 & u64::from(TOKENS)).expect("20 bits are left")
    }

    fn generation(self) -> u64 {
        self.0 >> 20 & GENERATIONS
    }

    fn expires(self) -> u64 {
        self.0 >> 26
    }

    /// Tokens that may still be spent.
    fn alive(self, now: u64) -> u32 {
        if self.expires() > now {
            self.tokens()
        } else {
            0
        }
    }
}

const GENERATIONS: u64 = (1 << 6) - 1;
const TOKENS: u32 = (1 << 20) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        tokens: 10,
        per_ms: 1_000,
        burst: 10,
    };

    #[test]
    fn tokens_run_out_and_expire_and_only_then_is_anybody_asked() {
        let held = Held::default();
        assert_eq!(held.take(1), Taken::Empty);
        grant(&held, 1, 2);
        assert!(matches!(held.take(2), Taken::Token { .. }));
        assert!(matches!(held.take(2_000), Taken::Token { .. }));
        assert_eq!(held.take(2_000), Taken::Empty);
        grant(&held, 2_000, 2);
        // Two seconds after the request was sent, however late it was answered.
        assert!(matches!(held.take(3_999), Taken::Token { .. }));
        assert_eq!(held.take(4_000), Taken::Empty);
    }

    /// Rule 1 of control-plane.md §5.2.
    #[test]
    fn what_is_returned_cannot_be_spent_any_more_once_the_request_is_made() {
        let held = Held::default();
        grant(&held, 1, 5);
        assert_eq!(held.tokens(2), 5);
        assert!(held.claim(2));
        let ask = held.begin(2, LIMIT, Purpose::GiveBack);
        assert_eq!(ask.closes, [(1, 5)]);
        assert_eq!(held.take(2), Taken::Empty);
        held.fail();
        assert_eq!(held.take(2), Taken::Empty);
    }

    #[test]
    fn the_newer_lease_is_used_while_the_older_is_returned() {
        let held = Held::default();
        grant(&held, 1, 4);
        grant(&held, 500, 4);
        assert_eq!(held.tokens(600), 8);
        assert!(held.claim(600));
        let ask = held.begin(600, LIMIT, Purpose::More(1));
        assert_eq!((ask.closes, ask.need), (vec![(1, 4)], 1));
        assert_eq!(held.tokens(600), 4);
        assert!(!held.claim(600));
    }

    #[test]
    fn a_token_goes_back_to_its_own_lease_only() {
        let held = Held::default();
        grant(&held, 1, 3);
        let Taken::Token { mark, .. } = held.take(2) else {
            panic!("no token");
        };
        held.put_back(mark);
        assert_eq!(held.tokens(2), 3);
        let Taken::Token { mark, .. } = held.take(2) else {
            panic!("no token");
        };
        assert!(held.claim(2));
        held.begin(2, LIMIT, Purpose::GiveBack);
        held.put_back(mark);
        assert_eq!(held.tokens(2), 0);
        answer(&held, 2, 3);
        held.put_back(mark);
        assert_eq!(held.tokens(3), 3);
    }

    #[test]
    fn a_denial_is_remembered_for_a_second_and_told_in_full() {
        let held = Held::default();
        assert!(held.claim(1));
        held.begin(1, LIMIT, Purpose::More(1));
        let denied = Answer {
            granted: 0,
            wait_ms: 60_000,
        };
        assert_eq!(held.finish(1, 5, &Terms::default(), denied), None);
        assert_eq!(held.take(5), Taken::Denied { wait_ms: 60_000 });
        assert!(!held.claim(5));
        assert_eq!(held.take(1_005), Taken::Empty);
        assert!(held.claim(1_005));
    }

    #[test]
    fn half_a_lease_later_a_used_key_is_renewed_and_an_unused_one_given_back() {
        let held = Held::default();
        assert_eq!(held.due(5_000), None);
        grant(&held, 1, 8);
        assert_eq!(held.due(1_000), None);
        assert_eq!(held.due(1_001), Some(Purpose::GiveBack));
        assert!(matches!(held.take(900), Taken::Token { low: false, .. }));
        assert_eq!(held.due(1_001), Some(Purpose::More(1)));
        for _ in 0..3 {
            held.take(900);
        }
        assert!(matches!(held.take(900), Taken::Token { low: true, .. }));
    }

    fn grant(held: &Held, now: u64, tokens: u32) {
        assert!(held.claim(now));
        held.begin(now, LIMIT, Purpose::More(1));
        answer(held, now, tokens);
    }

    fn answer(held: &Held, now: u64, granted: u32) {
        let answer = Answer {
            granted,
            wait_ms: 0,
        };
        held.finish(now, now + 10, &Terms::default(), answer);
    }
}
