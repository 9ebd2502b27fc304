//! The wall clock as a value, so that tests decide what time it is. Not for measuring: that is
//! `tokio::time::Instant`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// Tells the time of day.
#[derive(Debug, Clone)]
pub struct Clock(Inner);

#[derive(Debug, Clone)]
enum Inner {
    System,
    Fixed(Arc<Mutex<SystemTime>>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that stands at `time` until its hand is moved.
    pub fn fixed(time: SystemTime) -> (Self, Hand) {
        let time = Arc::new(Mutex::new(time));
        (Self(Inner::Fixed(Arc::clone(&time))), Hand(time))
    }

    /// The time it is.
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            Inner::System => SystemTime::now(),
            Inner::Fixed(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Moves a fixed clock and all its clones.
#[derive(Debug, Clone)]
pub struct Hand(Arc<Mutex<SystemTime>>);

impl Hand {
    /// Sets the clock.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_by_its_hand() {
        let (clock, hand) = Clock::fixed(SystemTime::UNIX_EPOCH);
        let copy = clock.clone();
        hand.advance(Duration::from_secs(5));
        assert_eq!(copy.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(5));
        hand.set(SystemTime::UNIX_EPOCH);
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
    }
}
