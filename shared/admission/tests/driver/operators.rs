//! What a person does.

use super::World;
use admission::observer::Event;
use admission::{OrderError, UnknownDependency};
use domain::breaker::BreakerState;
use domain::gate::admit::{PermitKind, Reason};
use domain::gate::operate::Order;
use domain::gate::report::Outcome;
use serde_json::json;
use std::time::Duration;
use testing::turn::{Trip, run};

fn order(world: &World, order: Order) -> admission::Status {
    run(world.admission.order("fraud", order, "ada", "maintenance")).unwrap()
}

#[test]
fn forced_open_lets_nobody_call_until_another_order() {
    let world = World::with_item(&json!({}));
    let waiting = world.admitted();
    let (events, status) = world.events(|| order(&world, Order::ForceOpen));
    assert_eq!(events, [Event::Turned { to: BreakerState::ForcedOpen }]);
    assert_eq!(status.shards, [world.gate()]);
    for _ in 0..5 {
        world.report(&waiting, Outcome::Failure);
        world.advance(Duration::from_hours(1));
        assert_eq!(world.reason(), Reason::Open);
    }
    assert_eq!(world.state(), BreakerState::ForcedOpen);
    order(&world, Order::ForceClose);
    world.admitted();
}

#[test]
fn a_disabled_gate_keeps_the_rate_and_nothing_opens_it() {
    let world = World::with_item(&json!({}));
    order(&world, Order::Disable);
    for _ in 0..20 {
        world.advance(Duration::from_millis(100));
        let permit = world.admitted();
        assert_eq!(permit.kind, PermitKind::Uncounted);
        world.report(&permit, Outcome::Failure);
    }
    assert_eq!(world.state(), BreakerState::Disabled);
    let mut refused = 0;
    for _ in 0..10 {
        refused += usize::from(world.admit().is_err());
    }
    assert_eq!(refused, 6);
}

#[test]
fn every_order_leaves_a_line_with_its_reason_the_latest_first() {
    let world = World::new(&json!({"shards": 3}));
    let made = order(&world, Order::ForceOpen);
    world.advance(Duration::from_secs(1));
    let status = order(&world, Order::ForceClose);
    let lines: Vec<_> = status.audit.iter().map(|line| (line.order, line.by.as_str(), line.why.as_str())).collect();
    assert_eq!(lines, [(Order::ForceClose, "ada", "maintenance"), (Order::ForceOpen, "ada", "maintenance")]);
    assert_eq!(status.audit[0].at, world.now());
    assert_eq!(status.audit[0].generation, status.shards[0].generation);
    assert_eq!(status.audit[1].generation, made.shards[0].generation);
    assert_eq!(run(world.admission.inspect("fraud")).unwrap(), status);
}

#[test]
fn an_order_that_did_not_reach_the_store_is_an_error_and_leaves_no_line() {
    let world = World::with_item(&json!({}));
    world.turns.trip(Trip::BeforeEffect);
    let failed = run(world.admission.order("fraud", Order::ForceOpen, "ada", "maintenance"));
    assert!(matches!(failed, Err(OrderError::Store(_))), "{failed:?}");
    assert!(run(world.admission.inspect("fraud")).unwrap().audit.is_empty());
    assert_eq!(world.state(), BreakerState::Closed);
}

#[test]
fn an_order_for_a_gate_that_nobody_configured_is_an_error() {
    let world = World::new(&json!({}));
    let unknown = UnknownDependency("nobody".to_owned());
    assert_eq!(run(world.admission.inspect("nobody")), Err(unknown.clone().into()));
    assert_eq!(run(world.admission.order("nobody", Order::Disable, "ada", "x")), Err(unknown.into()));
}

#[test]
fn a_gate_that_nobody_used_has_nothing_to_show() {
    let world = World::new(&json!({}));
    let status = run(world.admission.inspect("fraud")).unwrap();
    assert!(status.shards.is_empty() && status.audit.is_empty());
}

#[test]
fn an_order_keeps_the_hold_of_a_provider() {
    let world = World::with_item(&json!({}));
    let permit = world.admitted();
    world.report(&permit, Outcome::PushedBack(Some(Duration::from_secs(30))));
    order(&world, Order::ForceClose);
    for _ in 0..30 {
        assert_eq!(world.reason(), Reason::Hold);
        world.advance(Duration::from_secs(1));
    }
}

#[test]
fn operators_see_which_gates_there_are() {
    let world = World::new(&json!({}));
    assert_eq!(world.admission.dependencies().map(ToString::to_string).collect::<Vec<_>>(), ["fraud"]);
}
