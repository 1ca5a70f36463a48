//! Random schedules. A seed is a schedule: customers, executions, ghosts, events, provider and sweep in any order, with
//! a few faults; then the faults stop and everything must end in bounded time.

use crate::world::{Fraud, HOUR, World};
use domain::cases::Action;
use domain::ledger::Status;
use std::collections::BTreeMap;
use testing::provider::Mishap;
use testing::turn::Trip;

/// `SEEDS` schedules are tried, 2,000 unless it says otherwise.
fn seeds() -> u64 {
    std::env::var("SEEDS").map_or(2000, |text| text.parse().expect("SEEDS is a number"))
}

#[test]
fn whatever_happens_every_intent_ends_once_and_is_charged_at_most_once() {
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..seeds() {
        let mut world = World::new();
        let mut told = Vec::new();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            schedule(seed, &mut world, &mut told);
            world.calm_down();
        }));
        assert!(result.is_ok(), "seed {seed} breaks a promise after: {told:?}");
        for row in world.ledger.rows() {
            *outcomes.entry(row.status.as_str()).or_default() += 1;
        }
    }
    println!("{} schedules: {outcomes:?}", seeds());
    for status in ["active", "declined", "refunded", "parked"] {
        assert!(outcomes.contains_key(status), "no schedule ended {status}: the search is too shallow");
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
    match (rng.u32(0..16), any) {
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
            world.fraud = *rng.choice(&[Fraud::Rejects, Fraud::IsDown, Fraud::TalksGarbage]).unwrap();
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
        _ => {
            world.clock.advance(73 * HOUR);
            "a deadline passes"
        }
    }
}
