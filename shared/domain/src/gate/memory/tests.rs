use super::super::examples::{NOW, config, request};
use super::super::{Gate, PermitId};
use super::*;
use crate::gate::admit::{CallNotPermitted, Reason};

fn later(millis: u64) -> Timestamp {
    NOW.plus(Duration::from_millis(millis))
}

fn gate(state: BreakerState, tat_millis: u64) -> Gate {
    Gate { state, tat: Micros::from(later(tat_millis)), ..Gate::new(NOW) }
}

fn remembers(gate: &Gate) -> Memory {
    let mut memory = Memory::default();
    memory.see(gate.clone(), NOW);
    memory
}

fn first(memory: &Memory, millis: u64) -> Step {
    config().first_step(&request("a"), memory, later(millis))
}

/// The first write as the bucket's branch, with the state that it is conditioned on.
fn branch(memory: &Memory, millis: u64) -> (BreakerState, &'static str) {
    match first(memory, millis) {
        Step::Write(Change::Reserve { state, take: Take::Append { .. }, .. }) => (state, "append"),
        Step::Write(Change::Reserve { state, take: Take::Restart { .. }, .. }) => (state, "restart"),
        step => panic!("{step:?}"),
    }
}

fn append() -> Take {
    config().bucket.append(NOW, 1, Duration::ZERO)
}

fn restart() -> Take {
    config().bucket.restart(NOW, 1)
}

const CLOSED: BreakerState = BreakerState::Closed;

#[test]
fn who_knows_nothing_appends_to_a_closed_gate() {
    assert_eq!(branch(&Memory::default(), 0), (CLOSED, "append"));
    assert_eq!(Memory::default().state(), None);
}

#[test]
fn a_guess_asks_for_what_the_request_asks_for() {
    let (config, memory) = (config(), Memory::default());
    let two = Request { tokens: 2, deadline: later(300), ..request("a") };
    let append = config.bucket.append(NOW, 2, Duration::from_millis(300));
    let reserve = |take| Step::Write(Change::Reserve { state: CLOSED, take, now: NOW });
    assert_eq!(config.first_step(&two, &memory, NOW), reserve(append));
    let mut idle = memory;
    idle.learn(&restart(), true, Micros(0));
    assert_eq!(config.first_step(&two, &idle, NOW), reserve(config.bucket.restart(NOW, 2)));
}

#[test]
fn a_slot_that_is_known_to_be_taken_is_appended_to() {
    let mut memory = remembers(&gate(CLOSED, 500));
    for _ in 0..10 {
        memory.learn(&restart(), true, Micros(0));
    }
    assert_eq!(memory.state(), Some(CLOSED));
    assert_eq!(branch(&memory, 0), (CLOSED, "append"));
    assert_eq!(branch(&memory, 500), (CLOSED, "append"), "now is not yet behind it");
    assert_eq!(branch(&memory, 501), (CLOSED, "restart"), "nobody knows, and restarting has been right");
}

#[test]
fn where_the_memory_does_not_know_the_latest_outcomes_decide() {
    let known = gate(CLOSED, 0);
    let mut memory = remembers(&known);
    assert_eq!(branch(&memory, 1), (CLOSED, "append"));
    memory.learn(&restart(), true, Micros(0));
    assert_eq!(branch(&memory, 1), (CLOSED, "restart"));
    memory.learn(&restart(), false, Micros::from(NOW));
    assert_eq!(branch(&memory, 1), (CLOSED, "append"));
}

#[test]
fn old_outcomes_fade() {
    let mut memory = remembers(&gate(CLOSED, 0));
    for _ in 0..20 {
        memory.learn(&restart(), true, Micros(0));
    }
    let outcomes = (1..=50).find(|_| {
        memory.learn(&append(), true, Micros(0));
        branch(&memory, 1).1 == "append"
    });
    assert_eq!(outcomes, Some(4), "four of the latest weigh more than all before");
}

#[test]
fn a_full_bucket_speaks_for_appending_and_an_idle_one_for_restarting() {
    let Take::Append { from, .. } = append() else { panic!("{:?}", append()) };
    for (take, fitted, found, expected) in [
        (append(), true, Micros(0), "append"),
        (append(), false, from.plus(10_000_000), "append"),
        (append(), false, from, "append"),
        (append(), false, from.plus(-1), "restart"),
        (restart(), true, Micros(0), "restart"),
        (restart(), false, Micros(0), "append"),
    ] {
        let mut memory = remembers(&gate(CLOSED, 0));
        memory.learn(&take, fitted, found);
        assert_eq!(branch(&memory, 1).1, expected, "{take:?} {fitted} {found:?}");
    }
}

#[test]
fn a_remembered_refusal_is_repeated_for_a_second_and_then_a_write_finds_out() {
    let full = remembers(&gate(CLOSED, 5000));
    let refusal = |millis| match first(&full, millis) {
        Step::Refused(CallNotPermitted { reason, retry_after }) => (reason, retry_after.as_millis()),
        step => panic!("{step:?}"),
    };
    assert_eq!(refusal(0), (Reason::Rate, 3700));
    assert_eq!(refusal(999), (Reason::Rate, 2701));
    assert_eq!(branch(&full, 1000), (CLOSED, "append"));

    let open = Gate { until: later(60_000), ..gate(BreakerState::Open, 0) };
    assert!(matches!(first(&remembers(&open), 999), Step::Refused(_)));
    assert_eq!(branch(&remembers(&open), 1000), (CLOSED, "append"), "somebody may have closed it");
}

#[test]
fn a_disabled_gate_is_asked_as_a_disabled_one() {
    let disabled = remembers(&gate(BreakerState::Disabled, 0));
    assert_eq!(branch(&disabled, 0), (BreakerState::Disabled, "append"));
    assert_eq!(branch(&disabled, 1), (BreakerState::Disabled, "append"));
}

#[test]
fn a_trial_is_asked_for_by_what_is_remembered() {
    let open = gate(BreakerState::Open, 0);
    assert!(matches!(first(&remembers(&open), 0), Step::Write(Change::BeginTrials(_))));
    let half = Gate { permits: [PermitId("x".to_owned())].into(), ..gate(BreakerState::HalfOpen, 0) };
    assert!(matches!(first(&remembers(&half), 0), Step::Write(Change::JoinTrials(_))));
}
