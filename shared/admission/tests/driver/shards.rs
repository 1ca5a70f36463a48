//! A gate of several items.

use super::{World, config, dependency};
use admission::AdmitError;
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::admit::{Permit, PermitKind, Reason};
use domain::gate::bucket::Micros;
use domain::gate::operate::Order;
use domain::gate::report::Outcome;
use serde_json::{Value, json};
use std::time::Duration;
use testing::turn::{Task, one_turn, run};

fn knobs(shards: u16) -> Value {
    json!({"shards": shards, "burst": 40, "ratePerSecond": 40, "minimumNumberOfCalls": 4})
}

/// A permit of this shard; chance decides which one is asked.
fn admitted_by(world: &World, shard: u16) -> Permit {
    for _ in 0..200 {
        world.advance(Duration::from_millis(100));
        let permit = world.admitted();
        if permit.shard == shard {
            return permit;
        }
    }
    panic!("shard {shard} is never asked");
}

fn all(world: &World, shards: u16) -> Vec<Gate> {
    (0..shards).map(|shard| world.shard(shard)).collect()
}

fn in_step(world: &World, shards: u16) -> bool {
    let gates = all(world, shards);
    gates
        .iter()
        .all(|gate| (gate.state, gate.generation, gate.until) == (gates[0].state, gates[0].generation, gates[0].until))
}

fn open_by(world: &World, shard: u16) {
    for _ in 0..20 {
        if world.state() == BreakerState::Open {
            return;
        }
        let permit = admitted_by(world, shard);
        world.report(&permit, Outcome::Failure);
    }
    panic!("it never opens");
}

#[test]
fn every_shard_gets_calls_and_counts_its_own() {
    let world = World::with_item(&knobs(4));
    for shard in 0..4 {
        admitted_by(&world, shard);
    }
    assert!(all(&world, 4).iter().all(|gate| gate.sequence > 0));
}

#[test]
fn an_opening_reaches_all_shards() {
    for shard in 0..3 {
        let world = World::with_item(&knobs(3));
        open_by(&world, shard);
        assert!(in_step(&world, 3), "{:?}", all(&world, 3));
        assert_eq!(world.turns_to(), [BreakerState::Open]);
        for _ in 0..10 {
            assert_eq!(world.reason(), Reason::Open);
        }
    }
}

#[test]
fn trial_permits_live_on_shard_0_and_their_outcome_reaches_all() {
    for (outcome, ends) in [(Outcome::Success, BreakerState::Closed), (Outcome::Failure, BreakerState::Open)] {
        let world = World::with_item(&knobs(3));
        open_by(&world, 2);
        world.advance(Duration::from_secs(12));
        let trials = [world.admitted(), world.admitted(), world.admitted()];
        assert!(trials.iter().all(|trial| trial.shard == 0 && matches!(trial.kind, PermitKind::Trial { .. })));
        assert!(in_step(&world, 3) || world.state() == BreakerState::HalfOpen);
        assert_eq!(world.gate().permits.len(), 3);
        assert!(world.shard(1).permits.is_empty() && world.shard(2).permits.is_empty());
        for _ in 0..10 {
            assert_eq!(world.reason(), Reason::Permits);
        }
        for trial in &trials {
            world.report(trial, outcome);
        }
        assert_eq!(world.state(), ends);
        assert!(in_step(&world, 3), "{:?}", all(&world, 3));
    }
}

#[test]
fn a_push_back_reaches_all_shards() {
    let world = World::with_item(&knobs(3));
    let permit = admitted_by(&world, 1);
    world.report(&permit, Outcome::PushedBack(Some(Duration::from_secs(9))));
    let end = world.now().plus(Duration::from_millis(9250));
    assert!(all(&world, 3).iter().all(|gate| gate.not_before == end));
    for _ in 0..10 {
        assert_eq!(world.reason(), Reason::Hold);
    }
}

#[test]
fn a_push_back_reaches_the_shards_that_are_not_held_longer_already() {
    let world = World::with_item(&knobs(3));
    let permit = admitted_by(&world, 1);
    let longer = world.now().plus(Duration::from_mins(10));
    world.gates.set_gate(&dependency(), 2, Gate { not_before: longer, ..world.shard(2) });
    world.report(&permit, Outcome::PushedBack(Some(Duration::from_secs(9))));
    let end = world.now().plus(Duration::from_millis(9250));
    assert_eq!(all(&world, 3).iter().map(|gate| gate.not_before).collect::<Vec<_>>(), [end, end, longer]);
}

#[test]
fn an_order_reaches_all_shards() {
    let world = World::new(&knobs(3));
    run(world.admission.order("fraud", Order::ForceOpen, "ada", "maintenance")).unwrap();
    assert!(in_step(&world, 3) && world.state() == BreakerState::ForcedOpen);
}

#[test]
fn more_shards_than_before_are_made_as_the_others_are() {
    let world = World::with_item(&knobs(1));
    open_by(&world, 0);
    let more = world.another(&knobs(3));
    for _ in 0..20 {
        let refused = run(more.admit("fraud", 1, world.soon())).unwrap_err();
        assert!(matches!(refused, AdmitError::NotPermitted(refusal) if refusal.reason == Reason::Open));
        world.advance(Duration::from_millis(200));
    }
    assert!(in_step(&world, 3), "{:?}", all(&world, 3));
}

#[test]
fn shards_that_were_left_behind_come_into_step_again() {
    // Three shards, then one for a while, in which it opens and closes; then three again.
    let world = World::with_item(&knobs(3));
    let one = World { admission: world.another(&knobs(1)), ..world };
    open_by(&one, 0);
    one.advance(Duration::from_secs(12));
    for trial in [one.admitted(), one.admitted()] {
        one.report(&trial, Outcome::Success);
    }
    assert_eq!(one.state(), BreakerState::Closed);
    assert!(!in_step(&one, 3));
    let three = World { admission: one.another(&knobs(3)), ..one };
    open_by(&three, 1);
    assert!(in_step(&three, 3), "{:?}", all(&three, 3));
}

/// Shard 0 has opened; the others were left behind, closed, while there was only one shard.
fn left_behind_closed() -> World {
    let world = World::with_item(&knobs(3));
    let opened = Gate {
        state: BreakerState::Open,
        generation: world.gate().generation + 3,
        until: world.now().plus(Duration::from_hours(1)),
        ..world.gate()
    };
    world.gates.set_gate(&dependency(), 0, opened);
    world
}

#[test]
fn shards_that_were_left_behind_closed_admit_nobody_while_it_is_open() {
    let world = left_behind_closed();
    for _ in 0..50 {
        assert_eq!(world.reason(), Reason::Open);
    }
    assert!(in_step(&world, 3));
}

#[test]
fn bringing_shards_into_step_shortens_no_hold_and_gives_no_tokens_back() {
    let world = left_behind_closed();
    let (end, tat) = (world.now().plus(Duration::from_hours(2)), Micros::from(world.soon()));
    let held = Gate { not_before: end, tat, sequence: 9, failures: [(0, 3)].into(), ..world.shard(2) };
    world.gates.set_gate(&dependency(), 2, held);
    assert_eq!(world.reason(), Reason::Open);
    assert!(in_step(&world, 3));
    let after = world.shard(2);
    assert_eq!((after.not_before, after.tat), (end, tat));
    assert_eq!((after.sequence, after.failures.len()), (0, 0), "and each shard judges its own calls");
}

#[test]
fn a_shard_0_that_is_lost_while_half_open_begins_its_trials_anew() {
    let world = World::with_item(&knobs(2));
    open_by(&world, 1);
    world.advance(Duration::from_secs(12));
    let trial = world.admitted();
    assert!(matches!(trial.kind, PermitKind::Trial { .. }));
    world.gates.delete("fraud", 0);
    let after = run(world.another(&knobs(2)).admit("fraud", 1, world.soon())).unwrap();
    assert!(matches!(after.kind, PermitKind::Trial { .. }));
    assert!(after.generation > trial.generation, "nobody knows how many permits of the old generation are out");
    assert!(in_step(&world, 2));
    world.report(&trial, Outcome::Success);
    assert_eq!(world.gate().successes.len(), 0, "the old trial counts no more");
}

#[test]
fn a_trial_s_permit_is_of_the_generation_that_it_began_whatever_came_after() {
    let world = World::with_item(&knobs(2));
    open_by(&world, 0);
    world.advance(Duration::from_secs(12));
    let before = world.gate().generation;
    let (admission, deadline) = (world.admission.clone(), world.soon());
    let mut slow: Task<_> = Box::pin(async move { admission.admit("fraud", 1, deadline).await });
    while world.gate().generation == before {
        assert!(one_turn(&mut slow).is_none());
    }
    // Its change of state is written. Before it has looked again, a person closes the gate.
    run(world.admission.order("fraud", Order::ForceClose, "ada", "a test")).unwrap();
    let permit = run(slow).unwrap();
    assert_eq!(permit.generation, before + 1);
    world.report(&permit, Outcome::Failure);
    assert_eq!(world.state(), BreakerState::Closed, "its report is of an older generation");
}

#[test]
fn shards_cost_one_look_at_each_and_then_a_healthy_call_is_one_write() {
    let world = World::with_item(&knobs(3));
    let (calls, _) = world.calls(|| world.admitted());
    assert_eq!(calls[..4], ["gates.read", "gates.read", "gates.read", "gates.apply"]);
    assert!(calls[4..].iter().all(|call| *call == "gates.apply"), "{calls:?}");
    for shard in 0..3 {
        admitted_by(&world, shard);
    }
    for _ in 0..10 {
        let (calls, permit) = world.calls(|| world.admitted());
        assert_eq!(calls, ["gates.apply"]);
        let (calls, ()) = world.calls(|| world.report(&permit, Outcome::Success));
        assert!(calls.is_empty(), "{calls:?}");
    }
}

#[test]
fn a_push_back_that_is_there_already_costs_one_look_at_each_shard() {
    let world = World::with_item(&knobs(3));
    let permits = [admitted_by(&world, 1), world.admitted()];
    world.report(&permits[0], Outcome::PushedBack(Some(Duration::from_secs(9))));
    let (calls, ()) = world.calls(|| world.report(&permits[1], Outcome::PushedBack(Some(Duration::from_secs(9)))));
    assert_eq!(calls, ["gates.apply_all", "gates.read", "gates.read", "gates.read", "gates.read"]);
}

#[test]
fn a_push_back_reaches_a_shard_whose_tokens_are_reserved_to_the_very_end_of_the_hold() {
    let world = World::with_item(&knobs(3));
    let permit = admitted_by(&world, 1);
    let end = world.now().plus(Duration::from_millis(9250));
    let tat = config(&knobs(3)).bucket.held_until(end);
    world.gates.set_gate(&dependency(), 0, Gate { tat, ..world.shard(0) });
    let longer = world.now().plus(Duration::from_mins(10));
    world.gates.set_gate(&dependency(), 2, Gate { not_before: longer, ..world.shard(2) });
    world.report(&permit, Outcome::PushedBack(Some(Duration::from_secs(9))));
    assert_eq!(all(&world, 3).iter().map(|gate| gate.not_before).collect::<Vec<_>>(), [end, end, longer]);
}

#[test]
fn what_is_known_of_one_shard_says_nothing_of_another() {
    let world = World::with_item(&json!({"shards": 2, "burst": 40, "ratePerSecond": 40, "maxWaitMs": 0}));
    let full = Micros::from(world.now()).plus(60_000_000);
    world.gates.set_gate(&dependency(), 1, Gate { tat: full, ..world.shard(1) });
    let granted = (0..100).filter(|_| world.admit().is_ok()).count();
    assert_eq!(granted, 20, "all that shard 0 has");
}

#[test]
fn a_shard_that_fell_out_of_step_is_brought_back_by_the_next_change_of_state() {
    let world = World::with_item(&knobs(3));
    world.admitted();
    for shard in 0..2 {
        world.gates.set_gate(&dependency(), shard, Gate { generation: 5, ..world.shard(shard) });
    }
    open_by(&world, 0);
    assert!(in_step(&world, 3), "{:?}", all(&world, 3));
}

#[test]
fn of_two_that_open_at_once_one_does_and_the_other_sees_it_at_one_look() {
    let world = World::with_item(&knobs(2));
    let permits: Vec<Permit> = (0..4).map(|_| admitted_by(&world, 0)).collect();
    world.report(&permits[0], Outcome::Failure);
    let (admission, permit) = (world.admission.clone(), permits[1].clone());
    let mut slow: Task<_> = Box::pin(async move { admission.report(&permit, Outcome::Failure).await });
    while world.gate().failures.values().sum::<u64>() < 2 {
        assert!(one_turn(&mut slow).is_none());
    }
    // It has counted its failure, and will open. Another is faster.
    world.report(&permits[2], Outcome::Failure);
    assert_eq!(world.turns_to(), [BreakerState::Open]);
    let generation = world.gate().generation;
    let (calls, ended) = world.calls(|| run(slow));
    assert_eq!((calls, ended), (vec!["gates.apply_all", "gates.read"], Ok(())));
    assert_eq!((world.turns_to(), world.gate().generation), (vec![BreakerState::Open], generation));
}
