//! One turn per call: a task that reaches a fake first yields, and its call takes effect when it is polled again.
//! Between two polls a test may let others go first, or drop the task: a crash between two durable effects.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How the next call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    /// Nothing happens, and there is no answer.
    BeforeEffect,
    /// It takes effect, and the answer is lost.
    AfterEffect,
}

#[derive(Debug, Default)]
struct Passed {
    calls: Vec<&'static str>,
    next: Option<Trip>,
}

/// Counts and names the calls that pass, and lets one fail.
#[derive(Debug, Clone, Default)]
pub struct Turnstile(Arc<Mutex<Passed>>);

impl Turnstile {
    /// Yields once, then notes the call's name.
    pub async fn pass(&self, call: &'static str) {
        Yield(false).await;
        lock(&self.0).calls.push(call);
    }

    /// As [`Turnstile::pass`], for a call that may fail: `effect` happens unless the call is tripped before.
    ///
    /// # Errors
    /// What `error` makes of the call's name, where the call is tripped.
    pub async fn try_pass<T, E>(
        &self,
        call: &'static str,
        error: impl FnOnce(&'static str) -> E,
        effect: impl FnOnce() -> T,
    ) -> Result<T, E> {
        self.pass(call).await;
        let trip = lock(&self.0).next.take();
        if trip == Some(Trip::BeforeEffect) {
            return Err(error(call));
        }
        let done = effect();
        if trip == Some(Trip::AfterEffect) { Err(error(call)) } else { Ok(done) }
    }

    /// Lets the next call that may fail, fail.
    pub fn trip(&self, trip: Trip) {
        lock(&self.0).next = Some(trip);
    }

    /// The calls so far, in the order in which they took effect.
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.0).calls.clone()
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
