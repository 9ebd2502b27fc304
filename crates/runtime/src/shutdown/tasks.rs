//! Tasks with an owner: each has a name, a panic in one is logged and counted, and the end of the
//! process waits for them.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Everything a process has spawned. Cloning is cheap and all clones are the same set.
///
/// Dropping it ends nothing; [`Tasks::finish`] does the waiting.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    work: TaskTracker,
    doors: TaskTracker,
    over: CancellationToken,
    running: Running,
}

/// How many tasks of each name are running.
#[derive(Debug, Clone, Default)]
struct Running(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` on the current runtime.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.work
            .spawn(watched(name, Some(self.running.enter(name)), future));
    }

    /// Runs `future` on the current thread; only inside a `LocalSet` or a local runtime.
    pub fn spawn_local(&self, name: &'static str, future: impl Future<Output = ()> + 'static) {
        self.work
            .spawn_local(watched(name, Some(self.running.enter(name)), future));
    }

    /// Runs a door that must answer until everything else has ended; `finish` then drops it.
    pub(crate) fn spawn_door(
        &self,
        name: &'static str,
        door: impl Future<Output = ()> + Send + 'static,
    ) {
        let over = self.over.clone();
        let guarded = async move {
            let _ = over.run_until_cancelled(door).await;
        };
        self.doors.spawn(watched(name, None, guarded));
    }

    /// How many tasks are running.
    pub fn running(&self) -> usize {
        self.work.len()
    }

    /// Waits until every task has ended, at most `deadline`; true when all did. What still runs is
    /// logged by name.
    ///
    /// The tasks must have been told to end before: this cancels nothing but the ops port.
    pub async fn finish(&self, deadline: Duration) -> bool {
        self.work.close();
        self.doors.close();
        let finished = tokio::time::timeout(deadline, self.work.wait())
            .await
            .is_ok();
        if !finished {
            tracing::warn!(tasks = %self.running.names(), "tasks were still running at the deadline");
        }
        self.over.cancel();
        self.doors.wait().await;
        finished
    }
}

impl Running {
    fn enter(&self, name: &'static str) -> Entry {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name)
            .or_default() += 1;
        Entry {
            name,
            running: self.clone(),
        }
    }

    fn names(&self) -> String {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = running
            .iter()
            .map(|(name, count)| format!("{name}×{count}"));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// One running task; its end is its drop, so that an aborted task is counted out too.
struct Entry {
    name: &'static str,
    running: Running,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut running = self
            .running
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

/// Not `async`, which would hold the future twice: as what it was given and as what it awaits.
fn watched(
    name: &'static str,
    entry: Option<Entry>,
    future: impl Future<Output = ()>,
) -> impl Future<Output = ()> {
    AssertUnwindSafe(future).catch_unwind().map(move |outcome| {
        let _entry = entry;
        // The payload is left out: a panic message can quote the data it tripped over.
        if outcome.is_err() {
            metrics::counter!("aldgate_task_panics_total", "task" => name).increment(1);
            tracing::error!(task = name, "a task panicked and has ended");
        }
    })
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn finish_waits_for_every_task() {
        let tasks = Tasks::new();
        let (let_go, held) = oneshot::channel::<()>();
        tasks.spawn("holder", async move {
            let _ = held.await;
        });
        assert_eq!(tasks.running(), 1);
        let_go.send(()).unwrap();
        assert!(tasks.finish(Duration::from_mins(1)).await);
        assert_eq!(tasks.running(), 0);
    }

    #[tokio::test]
    async fn a_task_that_hangs_is_named_and_not_waited_for_beyond_the_deadline() {
        let tasks = Tasks::new();
        tasks.spawn("hanging", pending());
        tasks.spawn("hanging", pending());
        assert!(!tasks.finish(Duration::from_millis(1)).await);
        assert_eq!(tasks.running.names(), "hanging×2");
    }

    #[tokio::test]
    async fn a_panic_ends_only_its_own_task() {
        let tasks = Tasks::new();
        let (done, seen) = oneshot::channel();
        tasks.spawn("broken", async { panic!("on purpose") });
        tasks.spawn("whole", async move { done.send(()).unwrap() });
        seen.await.unwrap();
        assert!(tasks.finish(Duration::from_mins(1)).await);
    }

    #[tokio::test]
    async fn local_tasks_are_waited_for_too() {
        let local = tokio::task::LocalSet::new();
        let tasks = Tasks::new();
        let inner = tasks.clone();
        local
            .run_until(async move {
                let not_send = std::rc::Rc::new(());
                inner.spawn_local("local", async move { drop(not_send) });
                assert!(inner.finish(Duration::from_mins(1)).await);
            })
            .await;
        assert_eq!(tasks.running(), 0);
    }

    #[tokio::test]
    async fn a_door_stays_open_until_the_work_has_ended() {
        let tasks = Tasks::new();
        tasks.spawn_door("ops", pending());
        assert!(tasks.finish(Duration::from_mins(1)).await);
    }
}
