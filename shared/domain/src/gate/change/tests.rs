use super::super::examples::NOW;
use super::*;
use std::collections::BTreeSet;

fn ids(names: &[&str]) -> BTreeSet<PermitId> {
    names.iter().map(|name| PermitId((*name).to_owned())).collect()
}

fn base(state: BreakerState) -> Gate {
    Gate {
        state,
        generation: 7,
        until: NOW,
        not_before: NOW,
        tat: Micros(500),
        sequence: 9,
        opens: 2,
        permits: ids(&["x"]),
        successes: ids(&["x"]),
        failures: [(1, 2), (2, 1)].into(),
        slow: [(1, 1)].into(),
        ..Gate::new(NOW)
    }
}

fn trial() -> Trial {
    let (tat_was, tat) = (Micros(500), Micros(900));
    let until = Timestamp(NOW.0 + 50);
    Trial {
        generation: 7,
        id: PermitId("me".to_owned()),
        permits: 2,
        tat_was,
        tat,
        until,
        now: NOW,
        call_at: NOW,
        opens: 2,
    }
}

fn because() -> Because {
    Because { by: "ada".to_owned(), why: "a test".to_owned(), at: Timestamp(NOW.0 + 1) }
}

/// The change takes effect on `good`, and on none of the others.
fn only_on(change: &Change, good: &Gate, others: &[Gate]) -> Gate {
    let after = change.apply(good);
    for other in others {
        assert_ne!(other, good);
        assert_eq!(change.apply(other), None, "{change:?} on {other:?}");
    }
    after.unwrap_or_else(|| panic!("{change:?} is refused"))
}

fn with(gate: &Gate, edit: impl FnOnce(&mut Gate)) -> Gate {
    let mut gate = gate.clone();
    edit(&mut gate);
    gate
}

/// What no trial may ignore: state, generation, hold, and tokens that somebody took meanwhile.
fn not_as_read(good: &Gate) -> Vec<Gate> {
    vec![
        with(good, |g| g.state = BreakerState::Closed),
        with(good, |g| g.state = BreakerState::ForcedOpen),
        with(good, |g| g.generation = 8),
        with(good, |g| g.generation = 6),
        with(good, |g| g.not_before = Timestamp(NOW.0 + 1)),
        with(good, |g| g.tat = Micros(501)),
        with(good, |g| g.tat = Micros(499)),
    ]
}

#[test]
fn a_reservation_takes_tokens_in_its_state_only() {
    let take = Take::Append { by: 10, from: Micros(500), to: Micros(500) };
    let good = base(BreakerState::Closed);
    let others = [
        with(&good, |g| g.state = BreakerState::Disabled),
        with(&good, |g| g.state = BreakerState::HalfOpen),
        with(&good, |g| g.tat = Micros(499)),
        with(&good, |g| g.tat = Micros(501)),
    ];
    let reserve = |state| Change::Reserve { state, take, now: NOW };
    let after = only_on(&reserve(BreakerState::Closed), &good, &others);
    assert_eq!(after, with(&good, |g| (g.tat, g.sequence) = (Micros(510), 10)));
    let disabled = base(BreakerState::Disabled);
    let after = only_on(&reserve(BreakerState::Disabled), &disabled, &[good]);
    assert_eq!(after, with(&disabled, |g| g.tat = Micros(510)), "its calls have no number");
}

#[test]
fn the_first_trial_begins_once_the_break_is_over() {
    let good = base(BreakerState::Open);
    let mut others = not_as_read(&good);
    others.push(with(&good, |g| g.state = BreakerState::HalfOpen));
    others.push(with(&good, |g| g.until = Timestamp(NOW.0 + 1)));
    let change = Change::BeginTrials(trial());
    let after = only_on(&change, &good, &others);
    assert_eq!((after.state, after.generation, after.permits), (BreakerState::HalfOpen, 8, ids(&["me"])));
    assert_eq!((after.tat, after.until, after.successes.len()), (Micros(900), Timestamp(NOW.0 + 50), 0));
    assert_eq!((after.by.as_str(), after.why.as_str(), after.since), ("gate", "It is time to try.", NOW));
    assert_eq!((after.opens, after.sequence), (2, 9));
}

#[test]
fn another_trial_joins_while_there_are_permits() {
    let good = base(BreakerState::HalfOpen);
    let mut others = not_as_read(&good);
    others.push(with(&good, |g| g.state = BreakerState::Open));
    others.push(with(&good, |g| g.permits = ids(&["x", "y"])));
    let after = only_on(&Change::JoinTrials(trial()), &good, &others);
    let expected = with(&good, |g| {
        g.permits = ids(&["me", "x"]);
        (g.tat, g.until) = (Micros(900), Timestamp(NOW.0 + 50));
    });
    assert_eq!(after, expected, "the generation is the same, and so are its successes");
}

#[test]
fn trials_restart_only_when_all_permits_are_out_and_their_lease_is_over() {
    let good = with(&base(BreakerState::HalfOpen), |g| g.permits = ids(&["x", "y"]));
    let mut others = not_as_read(&good);
    others.push(with(&good, |g| g.state = BreakerState::Open));
    others.push(with(&good, |g| g.permits = ids(&["x"])));
    others.push(with(&good, |g| g.until = Timestamp(NOW.0 + 1)));
    let after = only_on(&Change::RestartTrials(trial()), &good, &others);
    assert_eq!((after.generation, after.permits, after.successes.len()), (8, ids(&["me"]), 0));
}

#[test]
fn a_success_counts_in_its_generation_until_one_is_missing() {
    let good = base(BreakerState::HalfOpen);
    let change = Change::CountSuccess { generation: 7, id: PermitId("me".to_owned()), below: 2 };
    let others = [
        with(&good, |g| g.generation = 8),
        with(&good, |g| g.state = BreakerState::Open),
        with(&good, |g| g.successes = ids(&["x", "y"])),
    ];
    assert_eq!(only_on(&change, &good, &others), with(&good, |g| g.successes = ids(&["me", "x"])));
}

#[test]
fn the_last_success_closes_and_the_count_begins_anew() {
    let good = base(BreakerState::HalfOpen);
    let change = Change::Close { generation: 7, id: PermitId("me".to_owned()), others: 1, because: because() };
    let others = [
        with(&good, |g| g.generation = 8),
        with(&good, |g| g.state = BreakerState::Open),
        with(&good, |g| g.successes = ids(&[])),
        with(&good, |g| g.successes = ids(&["me"])),
        with(&good, |g| g.successes = ids(&["me", "x"])),
    ];
    let after = only_on(&change, &good, &others);
    let expected = Gate {
        state: BreakerState::Closed,
        generation: 8,
        not_before: good.not_before,
        tat: good.tat,
        since: Timestamp(NOW.0 + 1),
        by: "ada".to_owned(),
        why: "a test".to_owned(),
        ..Gate::new(NOW)
    };
    assert_eq!(after, expected);
}

#[test]
fn a_failure_counts_in_its_generation_and_bucket() {
    let good = base(BreakerState::Closed);
    let stale = [with(&good, |g| g.generation = 8)];
    let count = |mark, bucket| Change::Count { generation: 7, mark, bucket };
    let after = only_on(&count(Mark::Failure, 1), &good, &stale);
    assert_eq!(after, with(&good, |g| g.failures = [(1, 3), (2, 1)].into()));
    let after = only_on(&count(Mark::Slow, 5), &good, &stale);
    assert_eq!(after, with(&good, |g| g.slow = [(1, 1), (5, 1)].into()));
}

#[test]
fn what_is_forgotten_is_named() {
    let good = base(BreakerState::Closed);
    let change = Change::Forget { generation: 7, buckets: vec![1, 9] };
    let after = only_on(&change, &good, &[with(&good, |g| g.generation = 8)]);
    assert_eq!(after, with(&good, |g| (g.failures, g.slow) = ([(2, 1)].into(), [].into())));
}

#[test]
fn it_opens_from_the_state_that_saw_the_failure_and_keeps_its_counts() {
    for from in [BreakerState::Closed, BreakerState::HalfOpen] {
        let good = base(from);
        let until = Timestamp(NOW.0 + 70);
        let change = Change::Open { generation: 7, from, until, opens: 3, because: because() };
        let others = [
            with(&good, |g| g.generation = 8),
            with(&good, |g| g.state = BreakerState::ForcedOpen),
            with(&good, |g| g.state = BreakerState::Open),
        ];
        let after = only_on(&change, &good, &others);
        assert_eq!((after.state, after.generation, after.opens), (BreakerState::Open, 8, 3));
        assert_eq!((after.until, after.permits.len(), after.successes.len()), (until, 0, 0));
        assert_eq!((after.sequence, after.failures, after.tat), (9, good.failures, good.tat));
    }
}

#[test]
fn a_hold_only_moves_forward() {
    let good = base(BreakerState::Closed);
    let until = Timestamp(NOW.0 + 5);
    let hold = |tat, moves_tat| Change::Hold { until, tat: Micros(tat), moves_tat };
    let later = [with(&good, |g| g.not_before = until), with(&good, |g| g.not_before = Timestamp(NOW.0 + 6))];
    let moved = only_on(&hold(501, true), &good, &later);
    assert_eq!(moved, with(&good, |g| (g.not_before, g.tat) = (until, Micros(501))));
    let kept = only_on(&hold(500, false), &good, &later);
    assert_eq!(kept, with(&good, |g| g.not_before = until));
    assert_eq!((hold(500, true).apply(&good), hold(501, false).apply(&good)), (None, None));
}

#[test]
fn an_order_is_for_the_item_that_was_read() {
    let good = base(BreakerState::Open);
    let force = |limit, cuts_tat| Change::Force {
        generation: 7,
        state: BreakerState::Disabled,
        not_before: NOW,
        limit: Micros(limit),
        cuts_tat,
        because: because(),
    };
    let others = [
        with(&good, |g| g.generation = 8),
        with(&good, |g| g.not_before = Timestamp(NOW.0 + 1)),
        with(&good, |g| g.not_before = Timestamp(NOW.0 - 1)),
    ];
    assert_eq!(only_on(&force(499, true), &good, &others).tat, Micros(499));
    let after = only_on(&force(500, false), &good, &others);
    assert_eq!((after.state, after.tat, after.until), (BreakerState::Disabled, Micros(500), Timestamp(0)));
    assert_eq!((force(500, true).apply(&good), force(499, false).apply(&good)), (None, None));
}

#[test]
fn other_shards_follow_a_change_of_state() {
    let good = base(BreakerState::Closed);
    let stale = [with(&good, |g| g.generation = 8)];
    let until = Timestamp(NOW.0 + 70);
    let open = Change::Open { generation: 7, from: BreakerState::Closed, until, opens: 1, because: because() };
    let after = only_on(&open.follow().unwrap(), &good, &stale);
    assert_eq!((after.state, after.generation, after.until, after.opens), (BreakerState::Open, 8, until, 1));
    assert_eq!((after.by.as_str(), after.sequence), ("ada", 9));
    for begin in [Change::BeginTrials(trial()), Change::RestartTrials(trial())] {
        let after = only_on(&begin.follow().unwrap(), &good, &stale);
        assert_eq!((after.state, after.until, after.opens), (BreakerState::HalfOpen, Timestamp(NOW.0 + 50), 2));
        assert_eq!((after.tat, after.permits.len()), (good.tat, 0), "permits are shard 0's");
    }
    let id = PermitId("me".to_owned());
    let close = Change::Close { generation: 7, id: id.clone(), others: 1, because: because() };
    let after = only_on(&close.follow().unwrap(), &good, &stale);
    assert_eq!((after.state, after.sequence, after.opens), (BreakerState::Closed, 0, 0));
    assert_eq!((after.until, after.failures.len()), (Timestamp(0), 0));
    for alone in [
        Change::JoinTrials(trial()),
        Change::CountSuccess { generation: 7, id, below: 1 },
        Change::Count { generation: 7, mark: Mark::Slow, bucket: 0 },
        Change::Hold { until, tat: Micros(1), moves_tat: true },
    ] {
        assert_eq!((alone.follow(), alone.turns_to()), (None, None), "{alone:?}");
    }
}

#[test]
fn a_change_says_its_state_its_generation_and_whether_it_is_a_trial() {
    use BreakerState::{Closed, ForcedOpen, HalfOpen, Open};
    let id = PermitId("me".to_owned());
    let gate = Box::new(base(Closed));
    let take = Take::Restart { to: Micros(1), before: Micros(0) };
    let (until, limit) = (NOW, Micros(0));
    let table = [
        (Change::Reserve { state: Closed, take, now: NOW }, None, None, false),
        (Change::BeginTrials(trial()), Some(HalfOpen), Some(7), true),
        (Change::JoinTrials(trial()), None, Some(7), true),
        (Change::RestartTrials(trial()), Some(HalfOpen), Some(7), true),
        (Change::CountSuccess { generation: 7, id: id.clone(), below: 1 }, None, Some(7), false),
        (Change::Close { generation: 7, id, others: 1, because: because() }, Some(Closed), Some(7), false),
        (Change::Count { generation: 7, mark: Mark::Failure, bucket: 1 }, None, Some(7), false),
        (Change::Forget { generation: 7, buckets: vec![] }, None, Some(7), false),
        (Change::Open { generation: 7, from: Closed, until, opens: 1, because: because() }, Some(Open), Some(7), false),
        (Change::Hold { until, tat: limit, moves_tat: true }, None, None, false),
        (
            Change::Force {
                generation: 7,
                state: ForcedOpen,
                not_before: NOW,
                limit,
                cuts_tat: true,
                because: because(),
            },
            Some(ForcedOpen),
            Some(7),
            false,
        ),
        (
            Change::Follow { generation: 7, state: Open, until, opens: None, because: because() },
            Some(Open),
            Some(7),
            false,
        ),
        (Change::Install { over: Some(Seen::of(&gate)), gate: gate.clone() }, None, Some(7), false),
        (Change::Install { over: None, gate }, None, None, false),
    ];
    for (change, state, generation, is_trial) in table {
        assert_eq!(
            (change.turns_to(), change.generation(), change.is_trial()),
            (state, generation, is_trial),
            "{change:?}"
        );
    }
}

#[test]
fn a_whole_item_replaces_only_the_very_item_that_was_read() {
    let (old, new) = (base(BreakerState::Open), Gate::new(NOW));
    let install = |over| Change::Install { over, gate: Box::new(new.clone()) };
    let others = [
        with(&old, |g| g.generation = 8),
        with(&old, |g| g.not_before = Timestamp(NOW.0 + 1)),
        with(&old, |g| g.tat = Micros(501)),
    ];
    assert_eq!(only_on(&install(Some(Seen::of(&old))), &old, &others), new);
    assert_eq!(install(None).apply(&old), None, "there is one already");
}
