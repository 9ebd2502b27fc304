//! A core's open event streams, so that they end when their callers would not be let in any more
//! (TK-12, TK-16). While config does not change, a round only looks at the clock; when it does, the
//! streams of unchanged tenants cost one comparison.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    task::{Context, Waker},
    time::{Instant, SystemTime},
};

use crate::{authn::Standing, config::snapshot::Snapshot, policy::Grant, revocation::Revocations};

/// The streams of one core.
#[derive(Default)]
pub struct Streams {
    open: RefCell<HashMap<u64, Rc<Entry>>>,
    count: Cell<u64>,
    /// What every stream but the new ones was checked against.
    checked: RefCell<Option<Arc<Snapshot>>>,
    /// Likewise.
    generation: Cell<u64>,
}

struct Entry {
    /// As of the last change of the tenant.
    grant: RefCell<Grant>,
    expires: Cell<Option<SystemTime>>,
    /// Not checked yet: its caller may have been let in by an older snapshot.
    fresh: Cell<bool>,
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// One stream's place among the open ones; dropping it gives the place up.
pub(super) struct Watch {
    streams: Rc<Streams>,
    number: u64,
    entry: Rc<Entry>,
}

impl Streams {
    /// A place for a new stream.
    pub(super) fn enter(self: &Rc<Self>, grant: Grant) -> Watch {
        let entry = Rc::new(Entry {
            expires: Cell::new(grant.expires()),
            grant: RefCell::new(grant.without_lease()),
            fresh: Cell::new(true),
            over: Cell::new(false),
            waker: RefCell::default(),
        });
        let number = self.count.get();
        self.count.set(number + 1);
        self.open.borrow_mut().insert(number, Rc::clone(&entry));
        Watch {
            streams: Rc::clone(self),
            number,
            entry,
        }
    }

    /// Ends the streams whose callers this snapshot and time would not let in, or whose credentials
    /// were revoked.
    pub fn check(&self, snapshot: &Arc<Snapshot>, now: SystemTime, revocations: &Revocations) {
        let generation = revocations.generation();
        let revoked = self.generation.replace(generation) != generation;
        let mut checked = self.checked.borrow_mut();
        let changed = !checked
            .as_ref()
            .is_some_and(|checked| Arc::ptr_eq(checked, snapshot));
        if changed {
            *checked = Some(Arc::clone(snapshot));
        }
        for entry in self.open.borrow().values() {
            let fresh = entry.fresh.replace(false);
            let expired = entry.expires.get().is_some_and(|expires| expires <= now);
            let changed = (changed || fresh) && !entry.grant.borrow().is_current(snapshot);
            if changed || expired {
                entry.check(snapshot, now);
            }
            entry.check_standing(revocations, revoked || fresh);
        }
    }
}

impl Entry {
    fn check(&self, snapshot: &Snapshot, now: SystemTime) {
        let renewed = self.grant.borrow().renewed(snapshot, now);
        let same = |grant: &Grant| grant.may_as_much_as(&self.grant.borrow());
        if let Some(renewed) = renewed.filter(same) {
            self.expires.set(renewed.expires());
            *self.grant.borrow_mut() = renewed;
            return;
        }
        self.end();
    }

    /// Nobody knows whether a stream may go on that this node cannot confirm (design.md §10).
    fn check_standing(&self, revocations: &Revocations, anew: bool) {
        let now = Instant::now();
        let grant = self.grant.borrow();
        let caller = grant.caller();
        let good = if anew {
            caller.standing(revocations, now) == Standing::Good
        } else {
            caller.is_confirmed(revocations, now)
        };
        if !good {
            self.end();
        }
    }

    fn end(&self) {
        self.over.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Watch {
    /// Whether the stream must end. The task is woken when that changes.
    pub(super) fn poll_over(&self, cx: &Context<'_>) -> bool {
        if self.entry.over.get() {
            return true;
        }
        let mut waker = self.entry.waker.borrow_mut();
        let known = waker.as_ref();
        if !known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        false
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.streams.open.borrow_mut().remove(&self.number);
    }
}
