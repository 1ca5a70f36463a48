//! Kill between each pair of durable effects, then recover: the same promises, for every window of every path.

use crate::world::{Fraud, Turn, World};
use domain::ledger::Status;
use std::time::Duration;
use testing::provider::Mishap;
use testing::turn::{Task, one_turn};

/// A way through the saga, and where it shall end when nothing dies.
struct Way {
    name: &'static str,
    prepare: fn(&mut World),
    before: Option<(&'static str, Mishap)>,
    ends: &'static [Status],
}

const WAYS: [Way; 9] = [
    Way { name: "happy", prepare: |_| {}, before: None, ends: &[Status::Active] },
    Way {
        name: "fraudster",
        prepare: |world| world.fraud = Fraud::Rejects,
        before: None,
        // Faults end with the test: who calls again may find a fraud check that passes.
        ends: &[Status::Declined, Status::Refunded, Status::Active],
    },
    Way {
        name: "slot in the future",
        prepare: |world| world.gate.empty_bucket(Duration::from_secs(3)),
        before: None,
        ends: &[Status::Active],
    },
    Way {
        name: "bucket without a slot",
        prepare: |world| world.gate.empty_bucket(Duration::from_secs(30)),
        before: None,
        ends: &[Status::Active],
    },
    Way { name: "trial", prepare: |world| world.gate.open(Duration::ZERO), before: None, ends: &[Status::Active] },
    Way {
        name: "declined",
        prepare: |_| {},
        before: Some(("Charge", Mishap::Decline)),
        ends: &[Status::Declined, Status::Active],
    },
    Way {
        name: "lost reply of the capture",
        prepare: |_| {},
        before: Some(("Charge", Mishap::LostReply)),
        ends: &[Status::Active],
    },
    Way { name: "refund", prepare: |world| world.hold_entitlement("ada"), before: None, ends: &[Status::Refunded] },
    Way {
        name: "refund that fails",
        prepare: |world| world.hold_entitlement("ada"),
        before: Some(("SettleCharge", Mishap::Refuse)),
        ends: &[Status::Parked, Status::Refunded],
    },
];

/// Runs a way until `turns` effects have happened; whether it is still at work.
fn run(way: &Way, turns: usize) -> (World, String, bool) {
    let mut world = World::new();
    (way.prepare)(&mut world);
    world.submit("ada", 1);
    let arn = world.hand_over().unwrap();
    let mut armed = way.before;
    for _ in 0..turns {
        if let Some((state, mishap)) = armed
            && world.state(&arn).as_deref() == Some(state)
            && world.provider.payments(&only_intent(&world)).len() == 1
        {
            world.provider.next(mishap);
            armed = None;
        }
        if world.turn(&arn) != Turn::Went {
            return (world, arn, false);
        }
    }
    (world, arn, true)
}

fn only_intent(world: &World) -> String {
    world.ledger.rows()[0].intent_id.to_string()
}

#[test]
fn an_execution_may_die_between_any_two_effects() {
    for way in &WAYS {
        for heard in [true, false] {
            for (ghost, again) in [(true, true), (true, false), (false, true), (false, false)] {
                let mut windows = 0;
                for turns in 0.. {
                    let (mut world, arn, at_work) = run(way, turns);
                    if !at_work {
                        break;
                    }
                    windows += 1;
                    world.die(&arn, "TIMED_OUT", heard, ghost);
                    if again {
                        world.queue.push(world.message("ada", 1).0);
                    }
                    world.calm_down();
                    let status = world.ledger.rows()[0].status;
                    assert!(way.ends.contains(&status), "{}, window {turns}: {status:?}", way.name);
                }
                assert!(windows > 10, "{} has only {windows} windows", way.name);
            }
        }
    }
}

#[test]
fn a_task_may_be_repeated_while_its_first_call_lives() {
    for way in &WAYS {
        for turns in 0.. {
            let (mut world, arn, at_work) = run(way, turns);
            if !at_work {
                break;
            }
            if world.calls(&arn) {
                world.lose_reply(&arn, true);
            }
            world.calm_down();
            let status = world.ledger.rows()[0].status;
            assert!(way.ends.contains(&status), "{}, window {turns}: {status:?}", way.name);
        }
    }
}

#[test]
fn a_registration_may_die_between_any_two_effects() {
    for turns in 0..8 {
        let mut world = World::new();
        let (message, id) = world.message("ada", 1);
        let (register, text) = (world.register.clone(), message.clone());
        let mut task: Task<_> = Box::pin(async move { register.handle(&text).await });
        for _ in 0..turns {
            if one_turn(&mut task).is_some() {
                break;
            }
        }
        drop(task);
        // SQS delivers again what was not acknowledged.
        world.queue.push(message.clone());
        testing::turn::run(world.register.handle(&message)).unwrap();
        world.calm_down();
        assert_eq!(world.status(&id), Status::Active, "window {turns}");
    }
}

#[test]
fn a_recovery_may_die_between_any_two_effects() {
    for turns in 0..12 {
        let mut world = World::new();
        let id = world.submit("ada", 1);
        let arn = world.hand_over().unwrap();
        assert!(world.run_past(&arn, "charges.put", 2));
        world.die(&arn, "TIMED_OUT", true, false);
        let event = world.events.front().cloned().unwrap();
        let recovery = world.recovery.clone();
        let mut task: Task<_> = Box::pin(async move { recovery.execution_ended(&event).await });
        for _ in 0..turns {
            if one_turn(&mut task).is_some() {
                break;
            }
        }
        drop(task);
        world.calm_down();
        assert_eq!(world.status(&id), Status::Active, "window {turns}");
    }
}
