//! One turn per call: a task that reaches a fake first yields, and its call takes effect when it is polled again.
//! Between two polls a test may let others go first, or drop the task: a crash between two durable effects.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Counts and names the calls that pass.
#[derive(Debug, Clone, Default)]
pub struct Turnstile(Arc<Mutex<Vec<&'static str>>>);

impl Turnstile {
    /// Yields once, then notes the call's name.
    pub async fn pass(&self, call: &'static str) {
        Yield(false).await;
        lock(&self.0).push(call);
    }

    /// The calls so far, in the order in which they took effect.
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.0).clone()
    }
}

struct Yield(bool);

impl Future for Yield {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            // Under a real executor a turn is over at once.
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

/// Locks, also after a test that panicked while it held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task that a test polls by hand.
pub type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// Lets a task make one call. Its result, once it has one.
pub fn one_turn<T>(task: &mut Task<T>) -> Option<T> {
    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

/// Lets a task run to its end, alone.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}
