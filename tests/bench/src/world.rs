//! Virtual time: tasks that wait for nothing but time, run one after another in the order in which their waits end.

use domain::time::{Chance, Clock, Pause, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const EPOCH: Timestamp = Timestamp(1_800_000_000_000);

/// Something that happens in a world.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The name of a task: how many began before it.
pub type TaskId = u32;

/// A clock, a source of chance, and the waits of all tasks. Clones are the same world.
#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    now: Duration,
    running: TaskId,
    /// When each wait ends, and whose it is; of two that end together, the earlier begun one goes first.
    waits: BinaryHeap<Reverse<(Duration, u64, TaskId)>>,
    begun: u64,
    chance: fastrand::Rng,
}

impl World {
    /// A world at its beginning.
    pub fn new(seed: u64) -> Self {
        let chance = fastrand::Rng::with_seed(seed);
        let inside = Inside { now: Duration::ZERO, running: 0, waits: BinaryHeap::new(), begun: 0, chance };
        Self(Arc::new(Mutex::new(inside)))
    }

    /// The time since its beginning.
    pub fn elapsed(&self) -> Duration {
        lock(&self.0).now
    }

    /// Which task runs now.
    pub fn running(&self) -> TaskId {
        lock(&self.0).running
    }

    /// Lets time pass for the task that runs.
    pub async fn sleep(&self, span: Duration) {
        if !span.is_zero() {
            Sleep { world: self, until: self.elapsed() + span, begun: false }.await;
        }
    }

    /// Runs tasks, each from its moment on, until all have ended. The moments must not fall.
    pub fn run(&self, arrivals: impl IntoIterator<Item = (Duration, Task)>) {
        let mut arrivals = arrivals.into_iter().peekable();
        let mut tasks: BTreeMap<TaskId, Task> = BTreeMap::new();
        let mut begun: TaskId = 0;
        loop {
            let due = lock(&self.0).waits.peek().map(|Reverse((until, _, _))| *until);
            let next = arrivals.next_if(|(at, _)| due.is_none_or(|due| *at <= due));
            let (now, id, mut task) = if let Some((at, task)) = next {
                begun += 1;
                (at, begun - 1, task)
            } else {
                let Some(Reverse((until, _, id))) = lock(&self.0).waits.pop() else { return };
                let Some(task) = tasks.remove(&id) else { continue };
                (until, id, task)
            };
            self.turn_to(now, id);
            if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                tasks.insert(id, task);
            }
        }
    }

    fn turn_to(&self, now: Duration, running: TaskId) {
        let mut inside = lock(&self.0);
        (inside.now, inside.running) = (now, running);
    }
}

struct Sleep<'a> {
    world: &'a World,
    until: Duration,
    begun: bool,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(());
        }
        let mut inside = lock(&self.world.0);
        let wait = Reverse((self.until, inside.begun, inside.running));
        inside.begun += 1;
        inside.waits.push(wait);
        Poll::Pending
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        EPOCH.plus(self.elapsed())
    }
}

impl Chance for World {
    fn draw(&self) -> f64 {
        lock(&self.0).chance.f64()
    }
}

impl Pause for World {
    async fn pause(&self, span: Duration) {
        self.sleep(span).await;
    }
}

/// A Poisson process: the moments of `rate` events per second on average.
pub fn poisson(seed: u64, rate: f64) -> impl Iterator<Item = Duration> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut now = Duration::ZERO;
    std::iter::from_fn(move || {
        now += Duration::from_secs_f64(-(1.0 - chance.f64()).ln() / rate);
        Some(now)
    })
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_run_in_the_order_in_which_their_waits_end() {
        let (world, log) = (World::new(1), Arc::new(Mutex::new(Vec::new())));
        let task = |name: &'static str, first: u64, second: u64| -> Task {
            let (world, log) = (world.clone(), Arc::clone(&log));
            Box::pin(async move {
                for span in [first, second] {
                    world.sleep(Duration::from_millis(span)).await;
                    lock(&log).push((name, world.elapsed().as_millis()));
                }
            })
        };
        let start = Duration::ZERO;
        world.run([
            (start, task("a", 10, 10)),
            (start, task("b", 5, 10)),
            (start + Duration::from_millis(12), task("c", 0, 3)),
        ]);
        assert_eq!(*lock(&log), [("b", 5), ("a", 10), ("c", 12), ("b", 15), ("c", 15), ("a", 20)]);
        assert_eq!(world.now(), Timestamp(EPOCH.0 + 20));
    }

    #[test]
    fn a_poisson_process_keeps_its_rate() {
        let thousandth = poisson(7, 100.0).nth(9_999).unwrap();
        assert!((95.0..105.0).contains(&thousandth.as_secs_f64()), "10,000 events at 100/s: {thousandth:?}");
    }
}
