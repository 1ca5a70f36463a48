//! Random schedules. A seed is a schedule: customers, executions, ghosts, events, provider and sweep in any order, with
//! a few faults; then the faults stop and everything must end in bounded time.

use crate::world::{Fraud, HOUR, World};
use admission::observer::Event;
use domain::breaker::BreakerState;
use domain::cases::Action;
use domain::ledger::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testing::provider::Mishap;
use testing::turn::Trip;

/// `SEEDS` schedules are tried, 2,000 unless it says otherwise.
fn seeds() -> u64 {
    std::env::var("SEEDS").map_or(2000, |text| text.parse().expect("SEEDS is a number"))
}

#[test]
fn whatever_happens_every_intent_ends_once_and_is_charged_at_most_once() {
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut at_the_gate: BTreeSet<&str> = BTreeSet::new();
    for seed in 0..seeds() {
        let mut world = World::new();
        let mut told = Vec::new();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            schedule(seed, &mut world, &mut told);
            world.calm_down();
        }));
        assert!(result.is_ok(), "seed {seed} breaks a promise after: {told:?}");
        at_the_gate.extend(world.gate.notices().iter().map(word));
        for row in world.ledger.rows() {
            *outcomes.entry(row.status.as_str()).or_default() += 1;
        }
    }
    println!("{} schedules: {outcomes:?}", seeds());
    println!("at the gate: {at_the_gate:?}");
    for happened in ["open", "rate", "hold", "granted", "waits", "forfeited", "store", "opened", "half-open", "closed"]
    {
        assert!(at_the_gate.contains(happened), "in no schedule: {happened}; the search is too shallow");
    }
    for status in ["active", "declined", "refunded", "parked"] {
        assert!(outcomes.contains_key(status), "no schedule ended {status}: the search is too shallow");
    }
}

/// What happened at the gate, in a word.
fn word(event: &Event) -> &'static str {
    match event {
        Event::Granted { wait, .. } if wait.is_zero() => "granted",
        Event::Granted { .. } => "waits",
        Event::Refused { reason } => reason.as_str(),
        Event::Forfeited => "forfeited",
        Event::StoreFailed { .. } => "store",
        Event::Turned { to: BreakerState::Closed | BreakerState::Disabled } => "closed",
        Event::Turned { to: BreakerState::HalfOpen } => "half-open",
        Event::Turned { .. } => "opened",
    }
}

fn schedule(seed: u64, world: &mut World, told: &mut Vec<&'static str>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut faults = 4;
    let mut operators = 2;
    let customers = ["ada", "bob"];
    for key in 0..3 {
        world.submit(customers[usize::from(key % 2)], key);
    }
    for _ in 0..rng.usize(40..220) {
        let live = world.live();
        match rng.u32(0..100) {
            0..60 if !live.is_empty() => {
                let arn = rng.choice(&live).unwrap();
                drop(world.turn(arn));
            }
            60..68 if live.len() < 3 && world.hand_over().is_some() => told.push("start"),
            68..74 if world.ghosts() > 0 => world.ghost_turn(rng.usize(0..world.ghosts())),
            74..80 => world.recover(),
            80 => {
                world.clock.advance(rng.u32(0..40) * HOUR / 4);
                told.push("sweep");
                world.sweep();
            }
            81 | 82 if operators > 0 => {
                let parked: Vec<_> = world
                    .ledger
                    .rows()
                    .into_iter()
                    .filter(|r| r.status == Status::Parked)
                    .map(|r| r.intent_id)
                    .collect();
                if let Some(id) = rng.choice(&parked) {
                    operators -= 1;
                    told.push("operator");
                    let action = *rng.choice(&[Action::Retry, Action::Refund, Action::Close]).unwrap();
                    // What is not allowed is refused; that is part of the promise.
                    drop(world.decide(id, action));
                }
            }
            83.. if faults > 0 && rng.u32(0..3) == 0 => {
                faults -= 1;
                told.push(fault(&mut rng, world, &live));
            }
            _ => {}
        }
    }
}

fn fault(rng: &mut fastrand::Rng, world: &mut World, live: &[String]) -> &'static str {
    let any = rng.choice(live);
    match (rng.u32(0..19), any) {
        (0, Some(arn)) => {
            world.die(arn, "TIMED_OUT", true, true);
            "an execution died, its function lives on"
        }
        (1, Some(arn)) => {
            world.die(arn, "ABORTED", false, rng.bool());
            "an execution died unheard"
        }
        (2, Some(arn)) if world.calls(arn) => {
            world.lose_reply(arn, true);
            "a task is repeated while its first call lives"
        }
        (3, _) => {
            if let Some(event) = world.events.front().cloned() {
                world.events.push_back(event);
            }
            "an event came twice"
        }
        (4, _) => {
            drop(world.events.pop_front());
            "an event was lost"
        }
        (5, _) => {
            let (message, _) = world.message("ada", 0);
            world.queue.push(message);
            "a message came again"
        }
        (6, _) => {
            drop(world.queue.pop());
            "a message was lost"
        }
        (7, _) => {
            world.provider.next(Mishap::Saved500);
            "the provider saves a 500"
        }
        (8, _) => {
            world.provider.next(Mishap::LostReply);
            "the provider acts without an answer"
        }
        (9, _) => {
            world.provider.next(*rng.choice(&[Mishap::Decline, Mishap::Refuse]).unwrap());
            "the provider refuses"
        }
        (10, _) => {
            let slow = Fraud::IsSlow(Duration::from_secs(6));
            let ways =
                [Fraud::Rejects, Fraud::IsDown, Fraud::TalksGarbage, Fraud::PushesBack, slow, Fraud::RefusesOurKey];
            world.fraud = *rng.choice(&ways).unwrap();
            "the fraud check says no"
        }
        (11 | 12, _) => {
            world.turns.trip(if rng.bool() { Trip::BeforeEffect } else { Trip::AfterEffect });
            "a table gives no answer"
        }
        (13 | 14, _) => {
            world.hold_entitlement(if rng.bool() { "ada" } else { "bob" });
            "content cannot be delivered"
        }
        (15, _) => {
            world.gate.open(Duration::from_secs(rng.u64(0..120)));
            "the gate opens"
        }
        (16, _) => {
            world.gate.empty_bucket(Duration::from_secs(rng.u64(0..1200)));
            "the bucket is empty"
        }
        (17, _) => {
            world.gate.hold(Duration::from_secs(rng.u64(0..1200)));
            "the fraud provider wants a pause"
        }
        _ => {
            world.clock.advance(73 * HOUR);
            "a deadline passes"
        }
    }
}
