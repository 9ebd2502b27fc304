//! How a process ends: the signal, the soft and the hard token, and tasks that have names and are
//! waited for.

mod tasks;

use tokio::signal::unix::{SignalKind, signal as listen};
use tokio_util::sync::CancellationToken;

pub use self::tasks::Tasks;

/// Two tokens: *soft* means take no new work and finish what is begun, *hard* means stop at once.
#[derive(Debug, Clone)]
pub struct Shutdown {
    hard: CancellationToken,
    soft: CancellationToken,
}

impl Shutdown {
    /// Tokens that nobody has cancelled. Cancelling the hard one cancels the soft one too.
    pub fn new() -> Self {
        let hard = CancellationToken::new();
        let soft = hard.child_token();
        Self { hard, soft }
    }

    /// Cancelled when draining begins.
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when the drain deadline has passed.
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until the process is told to stop, by SIGTERM or SIGINT.
pub async fn signal() {
    let mut terminate =
        listen(SignalKind::terminate()).expect("SIGTERM is a signal that may be caught");
    let mut interrupt =
        listen(SignalKind::interrupt()).expect("SIGINT is a signal that may be caught");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_implies_soft_and_not_the_other_way_round() {
        let shutdown = Shutdown::new();
        shutdown.soft().cancel();
        assert!(!shutdown.hard().is_cancelled());

        let shutdown = Shutdown::new();
        shutdown.hard().cancel();
        assert!(shutdown.soft().is_cancelled());
    }
}
