use super::super::PermitId;
use super::super::examples::{NOW, config, dependency};
use super::*;
use std::collections::BTreeSet;

fn permit(kind: PermitKind) -> Permit {
    let id = PermitId("me".to_owned());
    Permit { dependency: dependency(), id, shard: 0, generation: 7, kind, tokens: 1, call_at: NOW }
}

fn closed(sequence: u64, failures: u64) -> Gate {
    Gate { generation: 7, sequence, failures: [(0, failures)].into(), ..Gate::new(NOW) }
}

fn half_open(successes: &[&str]) -> Gate {
    let successes: BTreeSet<_> = successes.iter().map(|name| PermitId((*name).to_owned())).collect();
    Gate { state: BreakerState::HalfOpen, generation: 7, opens: 2, successes, ..Gate::new(NOW) }
}

/// Reports to the end, alone; the writes and the item that they leave.
fn report(gate: Gate, permit: &Permit, outcome: Outcome) -> (Vec<Change>, Gate) {
    let (config, mut gate, mut writes) = (config(), gate, Vec::new());
    let mut next = config.report(permit, outcome, NOW, 0.0);
    while let Some(change) = next {
        let found = match change.apply(&gate) {
            Some(after) => {
                gate = after.clone();
                Found::Done(after)
            }
            None => Found::Refused(gate.clone()),
        };
        next = config.report_next(permit, &change, &found, NOW, 0.0);
        writes.push(change);
        assert!(writes.len() < 10, "it never ends: {writes:?}");
    }
    (writes, gate)
}

fn later(millis: u64) -> Timestamp {
    NOW.plus(Duration::from_millis(millis))
}

#[test]
fn a_success_costs_nothing_and_neither_does_what_is_ours() {
    let counted = permit(PermitKind::Counted { sequence: 1 });
    for outcome in [Outcome::Success, Outcome::Ignored] {
        assert_eq!(report(closed(4, 0), &counted, outcome).0, []);
    }
    for kind in [PermitKind::Uncounted, PermitKind::Unasked] {
        for outcome in [Outcome::Success, Outcome::Ignored, Outcome::Failure, Outcome::Slow] {
            assert_eq!(report(closed(4, 9), &permit(kind), outcome).0, [], "{kind:?}, {outcome:?}");
        }
    }
}

#[test]
fn a_failure_counts_in_the_bucket_of_its_own_call() {
    let third = permit(PermitKind::Counted { sequence: 3 });
    let (writes, after) = report(closed(40, 0), &third, Outcome::Failure);
    assert_eq!(writes, [Change::Count { generation: 7, mark: Mark::Failure, bucket: 1 }]);
    assert_eq!((after.failures.get(&1), after.slow.len()), (Some(&1), 0));
    let (_, after) = report(closed(40, 0), &third, Outcome::Slow);
    assert_eq!((after.failures.get(&1), after.slow.get(&1)), (None, Some(&1)));
}

#[test]
fn the_failure_that_is_one_too_many_opens() {
    let fourth = permit(PermitKind::Counted { sequence: 4 });
    assert_eq!(report(closed(4, 0), &fourth, Outcome::Failure).1.state, BreakerState::Closed);
    let (writes, after) = report(closed(4, 1), &fourth, Outcome::Failure);
    assert_eq!(writes.len(), 2);
    assert_eq!((after.state, after.generation, after.opens), (BreakerState::Open, 8, 1));
    assert_eq!((after.until, after.why.as_str()), (later(10_000), "2 of 4 calls failed."));
    let slow = Gate { slow: [(0, 2)].into(), ..closed(4, 0) };
    assert_eq!(report(slow, &fourth, Outcome::Slow).1.state, BreakerState::Closed, "3 of 4 are not all");
    let slow = Gate { slow: [(0, 2), (1, 1)].into(), ..closed(4, 0) };
    let (_, after) = report(slow, &fourth, Outcome::Slow);
    assert_eq!((after.state, after.why.as_str()), (BreakerState::Open, "4 of 4 calls were slow."));
}

#[test]
fn a_report_of_an_older_generation_changes_nothing() {
    let newer = |gate: Gate| Gate { generation: 8, ..gate };
    for kind in [PermitKind::Counted { sequence: 4 }, PermitKind::Trial { opens: 1 }] {
        for outcome in [Outcome::Success, Outcome::Ignored, Outcome::Failure, Outcome::Slow] {
            for gate in [newer(closed(4, 9)), newer(half_open(&["x"])), newer(half_open(&[]))] {
                let (writes, after) = report(gate.clone(), &permit(kind), outcome);
                assert_eq!(after, gate, "{kind:?}, {outcome:?}");
                assert!(writes.len() <= 1, "and it is not tried again: {writes:?}");
            }
        }
    }
}

#[test]
fn enough_successful_trials_close() {
    let trial = permit(PermitKind::Trial { opens: 2 });
    let (writes, after) = report(half_open(&[]), &trial, Outcome::Success);
    assert_eq!((writes.len(), after.state, after.successes.len()), (1, BreakerState::HalfOpen, 1));
    let (writes, after) = report(half_open(&["x"]), &trial, Outcome::Ignored);
    assert_eq!((writes.len(), after.state, after.generation), (2, BreakerState::Closed, 8));
    assert_eq!((after.opens, after.sequence, after.why.as_str()), (0, 0, "2 trial calls succeeded."));
}

#[test]
fn a_success_that_is_sent_twice_counts_once() {
    let trial = permit(PermitKind::Trial { opens: 2 });
    let (writes, after) = report(half_open(&["me"]), &trial, Outcome::Success);
    assert_eq!((writes.len(), after.state), (1, BreakerState::HalfOpen));
}

#[test]
fn where_one_success_is_enough_it_closes_at_once() {
    let config = GateConfig { successes_to_close: 1, ..config() };
    let trial = permit(PermitKind::Trial { opens: 2 });
    let first = config.report(&trial, Outcome::Success, NOW, 0.0);
    assert!(matches!(first, Some(Change::Close { generation: 7, others: 0, .. })), "{first:?}");
}

#[test]
fn a_trial_that_fails_or_is_slow_opens_for_twice_as_long() {
    for (outcome, why) in [(Outcome::Failure, "A trial call failed."), (Outcome::Slow, "A trial call was slow.")] {
        let (writes, after) = report(half_open(&["x"]), &permit(PermitKind::Trial { opens: 2 }), outcome);
        assert_eq!((writes.len(), after.state, after.opens), (1, BreakerState::Open, 3));
        assert_eq!((after.until, after.why.as_str()), (later(40_000), why));
    }
    let (_, after) = report(half_open(&[]), &permit(PermitKind::Trial { opens: 9 }), Outcome::Failure);
    assert_eq!((after.until, after.opens), (later(60_000), 10), "never longer than the longest break");
}

#[test]
fn jitter_makes_a_break_longer_by_a_fifth_at_most_and_never_shorter() {
    let config = config();
    let break_of = |chance| config.break_after(1, chance).as_millis();
    assert_eq!((break_of(0.0), break_of(0.5), break_of(1.0)), (20_000, 22_000, 24_000));
    assert_eq!((break_of(-1.0), break_of(2.0)), (20_000, 24_000));
    assert_eq!(config.break_after(9, 1.0).as_millis(), 60_000, "the longest break has none");
}

#[test]
fn a_push_back_holds_everybody_back_in_any_generation() {
    for kind in [PermitKind::Counted { sequence: 1 }, PermitKind::Uncounted, PermitKind::Unasked] {
        let other = Gate { generation: 99, ..closed(4, 0) };
        let (writes, after) = report(other, &permit(kind), Outcome::PushedBack(Some(Duration::from_secs(3))));
        let end = later(3250);
        assert_eq!((after.not_before, after.tat), (end, config().bucket.held_until(end)), "skew included");
        assert_eq!((writes.len(), after.state, after.failures.get(&0)), (1, BreakerState::Closed, Some(&0)));
    }
}

#[test]
fn a_push_back_without_a_time_and_one_beyond_belief_have_bounds() {
    let hold = |asked| report(closed(1, 0), &permit(PermitKind::Uncounted), Outcome::PushedBack(asked)).1.not_before;
    assert_eq!(hold(None), later(1250));
    assert_eq!(hold(Some(Duration::from_hours(100))), later(3_600_250));
}

#[test]
fn a_shorter_push_back_does_not_shorten_a_longer_one() {
    let held = Gate { not_before: later(9000), tat: config().bucket.held_until(later(9000)), ..closed(1, 0) };
    let (_, after) = report(held.clone(), &permit(PermitKind::Uncounted), Outcome::PushedBack(None));
    assert_eq!(after, held);
}

#[test]
fn the_same_push_back_again_changes_nothing_and_is_not_repeated() {
    let end = later(1250);
    let held = Gate { not_before: end, tat: config().bucket.held_until(end), ..closed(1, 0) };
    let (writes, after) = report(held.clone(), &permit(PermitKind::Uncounted), Outcome::PushedBack(None));
    assert_eq!((writes.len(), after), (1, held));
}

#[test]
fn a_push_back_keeps_reservations_beyond_it() {
    let reserved = Gate { tat: Micros::from(later(60_000)), ..closed(1, 0) };
    let (writes, after) = report(reserved.clone(), &permit(PermitKind::Uncounted), Outcome::PushedBack(None));
    assert_eq!((after.not_before, after.tat, writes.len()), (later(1250), reserved.tat, 2));
    let exactly = Gate { tat: config().bucket.held_until(later(1250)), ..closed(1, 0) };
    let (_, after) = report(exactly.clone(), &permit(PermitKind::Uncounted), Outcome::PushedBack(None));
    assert_eq!((after.not_before, after.tat), (later(1250), exactly.tat));
}

#[test]
fn a_trial_that_is_pushed_back_opens_until_the_provider_wants_calls_again() {
    let trial = permit(PermitKind::Trial { opens: 0 });
    let (writes, after) = report(half_open(&[]), &trial, Outcome::PushedBack(Some(Duration::from_mins(5))));
    assert_eq!((writes.len(), after.state, after.opens), (2, BreakerState::Open, 1));
    assert_eq!((after.until, after.not_before), (later(300_250), later(300_250)));
    let (_, after) = report(half_open(&[]), &trial, Outcome::PushedBack(Some(Duration::from_secs(1))));
    assert_eq!((after.until, after.not_before), (later(10_000), later(1250)));
    let held = Gate { not_before: later(400_000), ..half_open(&[]) };
    let (_, after) = report(held, &trial, Outcome::PushedBack(Some(Duration::from_secs(1))));
    assert_eq!(after.state, BreakerState::Open, "also where a longer hold is there already");
}

#[test]
fn counters_that_no_window_needs_are_forgotten_once_they_are_many() {
    let config = config();
    let sparse = |count: u64| Gate {
        sequence: 2000,
        failures: (0..count).map(|b| (b * 30, 1)).collect(),
        slow: [(0, 1), (1, 1)].into(),
        ..closed(0, 0)
    };
    assert_eq!(config.forgettable(&sparse(17)), Vec::<u64>::new());
    let old = config.forgettable(&sparse(40));
    assert_eq!((old.first(), old.get(1), old.last()), (Some(&0), Some(&1), Some(&960)));
    assert!(old.iter().all(|bucket| *bucket < 999 - 20), "one window late is not too late: {old:?}");
    let last = permit(PermitKind::Counted { sequence: 2000 });
    let (writes, after) = report(sparse(40), &last, Outcome::Failure);
    assert!(matches!(writes.as_slice(), [Change::Count { .. }, Change::Forget { generation: 7, .. }]), "{writes:?}");
    assert!(after.failures.keys().all(|bucket| *bucket >= 979) && after.slow.is_empty(), "{after:?}");
}
