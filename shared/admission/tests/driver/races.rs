//! Fifty tasks, their store's calls in random orders.

use super::{World, dependency};
use admission::observer::Event;
use domain::breaker::BreakerState;
use domain::gate::admit::PermitKind;
use domain::gate::report::Outcome;
use domain::time::Chance;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::clock::VirtualMachine;
use testing::turn::{Task, Turnstile, one_turn};

const TASKS: usize = 50;
const SEEDS: u64 = 40;

/// Lets tasks take turns in a random order until all have ended.
fn race<T>(seed: u64, tasks: Vec<Task<T>>) -> Vec<T> {
    let order = VirtualMachine::new(Turnstile::default(), seed);
    let mut tasks = tasks;
    let mut ended = Vec::new();
    while !tasks.is_empty() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let next = (order.draw() * tasks.len() as f64) as usize;
        if let Some(result) = one_turn(&mut tasks[next]) {
            ended.push(result);
            drop(tasks.swap_remove(next));
        }
    }
    ended
}

/// Fifty tasks that each ask once from a process of their own, call, and report.
fn callers(world: &World, knobs: &Value, outcome: Outcome, log: &Arc<Mutex<Vec<(u64, PermitKind)>>>) -> Vec<Task<()>> {
    (0..TASKS)
        .map(|_| {
            let (admission, deadline) = (world.another(knobs), world.soon());
            let log = Arc::clone(log);
            let task: Task<()> = Box::pin(async move {
                if let Ok(permit) = admission.admit("fraud", 1, deadline).await {
                    log.lock().unwrap().push((permit.generation, permit.kind));
                    admission.report(&permit, outcome).await.unwrap();
                }
            });
            task
        })
        .collect()
}

#[test]
fn trial_calls_of_a_generation_never_exceed_the_permits() {
    let knobs = json!({"burst": 50, "permittedCallsInHalfOpen": 3, "successesToClose": 3});
    for (seed, outcome) in (0..SEEDS).flat_map(|seed| [(seed, Outcome::Success), (seed, Outcome::Failure)]) {
        let world = World::with_item(&knobs);
        world.fail_until_open();
        world.advance(Duration::from_secs(20));
        let log = Arc::default();
        race(seed, callers(&world, &knobs, outcome, &log));
        let mut trials: BTreeMap<u64, usize> = BTreeMap::new();
        for (generation, kind) in log.lock().unwrap().iter() {
            if matches!(kind, PermitKind::Trial { .. }) {
                *trials.entry(*generation).or_default() += 1;
            }
        }
        assert!(!trials.is_empty() && trials.values().all(|trials| *trials <= 3), "seed {seed}: {trials:?}");
        let healthy = outcome == Outcome::Success;
        let expected = if healthy { BreakerState::Closed } else { BreakerState::Open };
        assert_eq!(world.state(), expected, "seed {seed}");
    }
}

#[test]
fn calls_at_once_never_exceed_the_burst() {
    let knobs = json!({"burst": 7, "overlap": 2, "minimumNumberOfCalls": 20, "minimumFailures": 20});
    for seed in 0..SEEDS {
        let world = World::with_item(&knobs);
        let log = Arc::default();
        race(seed, callers(&world, &knobs, Outcome::Success, &log));
        let granted = log.lock().unwrap().len();
        assert!((5..=7).contains(&granted), "seed {seed}: {granted}");
        assert_eq!(usize::try_from(world.gate().sequence).unwrap(), granted);
    }
}

#[test]
fn many_failures_at_once_open_once() {
    let knobs = json!({"burst": 50});
    for seed in 0..SEEDS {
        let world = World::with_item(&knobs);
        let log = Arc::default();
        race(seed, callers(&world, &knobs, Outcome::Failure, &log));
        assert_eq!(world.turns_to(), [BreakerState::Open], "seed {seed}");
        assert_eq!(world.gate().opens, 1);
        assert_eq!(world.gate().generation, domain::gate::Gate::new(world.now()).generation + 1);
    }
}

#[test]
fn a_missing_item_is_made_once_whoever_comes() {
    let knobs = json!({"burst": 50, "shards": 2});
    for seed in 0..SEEDS {
        let world = World::new(&knobs);
        let log = Arc::default();
        race(seed, callers(&world, &knobs, Outcome::Success, &log));
        let counted: u64 = (0..2).map(|shard| world.shard(shard).sequence).sum();
        assert_eq!(usize::try_from(counted).unwrap(), log.lock().unwrap().len(), "seed {seed}: {:?}", dependency());
        assert!(counted >= 25, "seed {seed}: {counted}");
    }
}

#[test]
fn each_admission_is_counted_once_in_any_order() {
    let knobs = json!({"burst": 5});
    let world = World::with_item(&knobs);
    let log = Arc::default();
    race(3, callers(&world, &knobs, Outcome::Success, &log));
    let seen = world.seen.0.lock().unwrap();
    let granted = seen.iter().filter(|event| matches!(event, Event::Granted { .. })).count();
    let refused = seen.iter().filter(|event| matches!(event, Event::Refused { .. })).count();
    assert_eq!((granted, refused), (5, TASKS - 5));
}
