//! Background tasks that a shutdown can stop and wait for.
//!
//! The only place that calls `tokio::spawn`: a task started anywhere else would be cut off in the middle of an answer.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// All running tasks of one server; clones share them.
#[derive(Clone, Debug)]
pub struct Tasks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stop: watch::Sender<bool>,
    live: AtomicUsize,
    none_left: Notify,
}

/// Tells a task that the server is shutting down; clones are independent.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

/// Counts one task for as long as it lives, also when it panics or is aborted.
struct Alive(Arc<Shared>);

impl Tasks {
    /// No task yet, not stopping.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared { stop: watch::Sender::new(false), live: AtomicUsize::new(0), none_left: Notify::new() }))
    }

    /// Runs `task` beside the caller. It is waited for by [`Tasks::wait`].
    ///
    /// Must be called inside a tokio runtime.
    #[expect(clippy::disallowed_methods, reason = "the one place where drain counts what it starts")]
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let alive = Alive::new(Arc::clone(&self.0));
        tokio::spawn(async move {
            let _alive = alive;
            task.await
        })
    }

    /// The signal that a task watches.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping(self.0.stop.subscribe())
    }

    /// Asks every task to end. Idempotent.
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// How many tasks are running.
    #[must_use]
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::Acquire)
    }

    /// Waits until no task runs, at most `limit`; returns how many are left.
    pub async fn wait(&self, limit: Duration) -> usize {
        let _in_time = tokio::time::timeout(limit, self.none_left()).await;
        self.live()
    }
}

impl Tasks {
    async fn none_left(&self) {
        loop {
            // Made before the count is read, so that the last task's word cannot fall in between.
            let none_left = self.0.none_left.notified();
            if self.live() == 0 {
                return;
            }
            none_left.await;
        }
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Stopping {
    /// Whether the server is shutting down.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when the server shuts down (at once when it already does).
    pub async fn stopped(&mut self) {
        // An error means that all `Tasks` are gone, and with them whoever could wait for this task.
        let _gone = self.0.wait_for(|stop| *stop).await;
    }
}

impl Alive {
    fn new(shared: Arc<Shared>) -> Self {
        shared.live.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if self.0.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_task_that_watches_the_signal_ends_and_is_waited_for() {
        let tasks = Tasks::new();
        let mut stopping = tasks.stopping();
        assert!(!stopping.is_stopping());
        tasks.spawn(async move { stopping.stopped().await });
        assert_eq!(tasks.live(), 1);
        tasks.stop();
        assert_eq!(tasks.wait(LONG).await, 0);
        assert!(tasks.stopping().is_stopping());
        tasks.stopping().stopped().await;
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_counted_as_left() {
        let tasks = Tasks::new();
        let task = tasks.spawn(std::future::pending::<()>());
        tasks.stop();
        assert_eq!(tasks.wait(Duration::from_millis(20)).await, 1);
        task.abort();
        assert_eq!(tasks.wait(LONG).await, 0);
    }

    #[tokio::test]
    async fn a_task_that_panics_is_not_counted_for_ever() {
        let tasks = Tasks::new();
        assert!(tasks.spawn(async { panic!("on purpose") }).await.is_err());
        assert_eq!(tasks.wait(LONG).await, 0);
    }

    #[tokio::test]
    async fn waiting_for_nothing_ends_at_once() {
        assert_eq!(Tasks::default().wait(LONG).await, 0);
    }
}
