use super::super::examples::{NOW, config, request};
use super::*;
use std::collections::BTreeSet;

fn later(millis: u64) -> Timestamp {
    NOW.plus(Duration::from_millis(millis))
}

fn micros(millis: u64) -> Micros {
    Micros::from(later(millis))
}

fn ids(names: &[&str]) -> BTreeSet<PermitId> {
    names.iter().map(|name| PermitId((*name).to_owned())).collect()
}

fn open() -> Gate {
    Gate { state: BreakerState::Open, opens: 2, ..Gate::new(NOW) }
}

fn half_open(permits: &[&str]) -> Gate {
    Gate { state: BreakerState::HalfOpen, permits: ids(permits), until: later(4000), ..Gate::new(NOW) }
}

fn granted(request: &Request, gate: &Gate) -> (Gate, Permit) {
    let config = config();
    let Step::Write(change) = config.decide(request, gate, NOW) else { panic!("not asked for: {gate:?}") };
    let after = change.apply(gate).unwrap();
    let permit = config.permit(request, 0, &change, &after).unwrap();
    (after, permit)
}

fn refusal(gate: &Gate) -> CallNotPermitted {
    match config().decide(&request("a"), gate, NOW) {
        Step::Refused(refusal) => refusal,
        step => panic!("{step:?}"),
    }
}

#[test]
fn what_can_never_be_granted_is_an_error_and_not_a_refusal() {
    let config = config();
    let check = |tokens, deadline| config.check_request(&Request { tokens, deadline, ..request("a") }, NOW);
    assert_eq!(check(0, NOW), Err(InvalidRequest::NoTokens));
    assert_eq!(check(4, NOW), Ok(()));
    let too_many = check(5, NOW).unwrap_err();
    assert_eq!(too_many.to_string(), "5 tokens can never be granted: the gate of fraud gives at most 4 at once");
    assert_eq!(check(1, Timestamp(NOW.0 - 1)), Err(InvalidRequest::DeadlinePassed));
}

#[test]
fn a_closed_gate_numbers_its_calls() {
    let (after, first) = granted(&request("a"), &Gate::new(NOW));
    assert_eq!((first.kind, first.call_at, first.tokens), (PermitKind::Counted { sequence: 1 }, NOW, 1));
    assert_eq!((first.generation, first.shard, first.dependency.as_str()), (after.generation, 0, "fraud"));
    let (_, second) = granted(&request("b"), &after);
    assert_eq!(second.kind, PermitKind::Counted { sequence: 2 });
}

#[test]
fn a_hold_is_kept_also_where_its_tat_was_written_by_another_configuration() {
    let held = Gate { not_before: later(700), ..Gate::new(NOW) };
    assert_eq!(granted(&request("a"), &held).1.call_at, later(700));
}

#[test]
fn a_disabled_gate_keeps_the_rate_and_counts_nothing() {
    let gate = Gate { state: BreakerState::Disabled, ..Gate::new(NOW) };
    let (after, permit) = granted(&request("a"), &gate);
    assert_eq!((permit.kind, after.sequence, after.tat), (PermitKind::Uncounted, 0, micros(100)));
}

#[test]
fn a_caller_waits_as_long_as_the_gate_the_deadline_and_the_rounding_allow() {
    let config = config();
    let patience = |deadline, whole_seconds| {
        config.patience(&Request { deadline, whole_seconds, ..request("a") }, NOW).as_millis()
    };
    assert_eq!(patience(later(60_000), false), 1000);
    assert_eq!(patience(later(400), false), 400);
    assert_eq!(patience(later(1200), true), 201);
    assert_eq!(patience(later(200), true), 0);
}

#[test]
fn a_full_bucket_refuses_with_the_time_that_it_needs() {
    let reserved = Gate { tat: micros(1400), ..Gate::new(NOW) };
    assert_eq!(refusal(&reserved), refused(Reason::Rate, Duration::from_millis(100)));
    let held = Gate { not_before: later(5000), ..reserved };
    assert_eq!(refusal(&held), refused(Reason::Hold, Duration::from_secs(5)));
    let held_until_now = Gate { not_before: NOW, ..held };
    assert_eq!(refusal(&held_until_now).reason, Reason::Rate);
}

#[test]
fn a_slot_in_the_future_may_begin_at_a_whole_second() {
    let gate = Gate { tat: micros(700), ..Gate::new(NOW) };
    assert_eq!(granted(&request("a"), &gate).1.call_at, later(400));
    let whole = Request { whole_seconds: true, ..request("a") };
    assert_eq!(granted(&whole, &gate).1.call_at, later(1000));
    assert_eq!(slot(&whole, later(1000), NOW), later(1000), "a whole second is one already");
    assert_eq!(slot(&whole, later(1001), NOW), later(2000));
    assert_eq!(granted(&whole, &Gate::new(NOW)).1.call_at, NOW, "a slot of now stays now");
    let odd = Timestamp(NOW.0 + 1);
    assert_eq!(slot(&whole, odd, odd), odd);
}

#[test]
fn an_open_gate_refuses_until_its_break_is_over() {
    let gate = Gate { until: later(1), ..open() };
    assert_eq!(refusal(&gate), refused(Reason::Open, Duration::from_millis(1)));
    let (after, permit) = granted(&request("a"), &Gate { until: NOW, ..open() });
    assert_eq!((after.state, after.permits.clone()), (BreakerState::HalfOpen, ids(&["a"])));
    assert_eq!((permit.kind, permit.generation), (PermitKind::Trial { opens: 2 }, after.generation));
    assert_eq!(after.until, later(4000), "the lease begins with the call");
}

#[test]
fn the_first_trial_voids_reservations_of_the_time_before() {
    let reserved = Gate { until: NOW, tat: micros(600_000), ..open() };
    let (after, permit) = granted(&request("a"), &reserved);
    assert_eq!((after.tat, permit.call_at), (micros(600), later(200)));
    assert_eq!(after.until, later(4200), "the lease covers the wait");
}

#[test]
fn a_forced_open_gate_refuses_whatever_the_time() {
    let gate = Gate { state: BreakerState::ForcedOpen, ..Gate::new(NOW) };
    assert_eq!(refusal(&gate), refused(Reason::Open, Duration::from_mins(1)));
}

#[test]
fn a_half_open_gate_gives_its_permits_and_no_more() {
    let (after, permit) = granted(&request("c"), &Gate { until: later(9000), ..half_open(&["a", "b"]) });
    assert_eq!((after.permits.len(), permit.kind), (3, PermitKind::Trial { opens: 0 }));
    assert_eq!(after.until, later(9000), "somebody else's lease is not cut short");
    assert_eq!(granted(&request("b"), &Gate { until: NOW, ..half_open(&["a"]) }).0.until, later(4000));
    assert_eq!(refusal(&half_open(&["a", "b", "c"])), refused(Reason::Permits, Duration::from_secs(4)));
    let long = Gate { until: later(60_000), ..half_open(&["x", "y", "z"]) };
    assert_eq!(refusal(&long).retry_after, Duration::from_secs(10), "it may close sooner than the lease is over");
}

#[test]
fn permits_that_nobody_reports_return_when_their_lease_is_over() {
    let dead = Gate { until: NOW, ..half_open(&["x", "y", "z"]) };
    let (after, permit) = granted(&request("a"), &dead);
    assert_eq!((after.permits.clone(), after.generation), (ids(&["a"]), dead.generation + 1));
    assert_eq!(permit.generation, after.generation);
}

#[test]
fn no_trial_calls_inside_a_hold_or_beyond_the_rate() {
    for gate in [Gate { until: NOW, ..open() }, half_open(&["x"]), Gate { until: NOW, ..half_open(&["x", "y", "z"]) }] {
        let held = Gate { not_before: later(1), ..gate.clone() };
        assert_eq!(refusal(&held), refused(Reason::Hold, Duration::from_millis(1)), "{gate:?}");
        assert!(matches!(
            config().decide(&request("a"), &Gate { not_before: NOW, ..gate.clone() }, NOW),
            Step::Write(_)
        ));
        if gate.state == BreakerState::HalfOpen {
            assert_eq!(refusal(&Gate { tat: micros(1400), ..gate }).reason, Reason::Rate);
        }
    }
}

#[test]
fn a_write_that_was_sent_twice_finds_its_own_permit() {
    let config = config();
    let mine = request("a");
    for before in [Gate { until: NOW, ..open() }, half_open(&["x"]), Gate { until: NOW, ..half_open(&["x", "y", "z"]) }]
    {
        let Step::Write(change) = config.decide(&mine, &before, NOW) else { panic!("{before:?}") };
        let after = change.apply(&before).unwrap();
        assert_eq!(change.apply(&after), None, "the second sending is refused");
        let Step::Granted(permit) = config.decide_again(&mine, &change, &after, NOW) else {
            panic!("lost: {before:?}")
        };
        assert_eq!((permit.generation, permit.id), (after.generation, mine.id.clone()));
        let other = config.decide_again(&request("other"), &change, &after, NOW);
        assert!(!matches!(other, Step::Granted(_)), "another's permit is not mine");
    }
}

#[test]
fn a_permit_is_not_found_where_the_gate_has_moved_on() {
    let config = config();
    let before = Gate { until: NOW, ..open() };
    let Step::Write(change) = config.decide(&request("a"), &before, NOW) else { panic!() };
    let opened = Gate { state: BreakerState::Open, until: later(5), ..change.apply(&before).unwrap() };
    assert!(matches!(config.decide_again(&request("a"), &change, &opened, NOW), Step::Refused(_)));
    let held = Gate { not_before: later(1), ..change.apply(&before).unwrap() };
    assert!(!matches!(config.decide_again(&request("a"), &change, &held, NOW), Step::Granted(_)), "inside a hold");
    let newer = Gate { generation: before.generation + 9, ..change.apply(&before).unwrap() };
    let permit = config.permit(&request("a"), 0, &change, &newer).unwrap();
    assert_eq!(
        permit.generation,
        before.generation + 1,
        "the generation that was begun, not the one that is there now"
    );
    let reserve = Change::Reserve { state: BreakerState::Closed, take: config.bucket.restart(NOW, 1), now: NOW };
    let listed = half_open(&["a"]);
    assert!(matches!(config.decide_again(&request("a"), &reserve, &listed, NOW), Step::Write(_)));
}

#[test]
fn a_caller_that_found_no_slot_does_not_race_for_the_next() {
    let config = config();
    let take = config.bucket.restart(NOW, 1);
    let tried = Change::Reserve { state: BreakerState::Closed, take, now: NOW };
    let again = |tat, millis| {
        let found = Gate { tat: micros(tat), ..Gate::new(NOW) };
        config.decide_again(&request("a"), &tried, &found, later(millis))
    };
    let rate = |millis| Step::Refused(refused(Reason::Rate, Duration::from_millis(millis)));
    assert_eq!(again(1310, 4), rate(6), "what is left of ten milliseconds");
    assert_eq!(again(1310, 20), rate(1), "a slot has come back, for whoever asks next");
    assert!(matches!(again(1300, 20), Step::Write(_)), "there was a slot, it had only taken the wrong branch");
}

#[test]
fn a_waiter_calls_only_in_its_generation_after_a_hold_and_in_time() {
    let config = config();
    let gate = Gate { tat: micros(700), ..Gate::new(NOW) };
    let (after, permit) = granted(&request("a"), &gate);
    assert_eq!(permit.call_at, later(400));
    let good = |gate: &Gate, millis| config.still_good(&permit, gate, later(millis));
    assert!(good(&after, 400));
    assert!(good(&after, 650) && !good(&after, 651), "late by more than the slack");
    assert!(good(&after, 150) && !good(&after, 149), "early by more than the clocks can differ");
    assert!(!good(&Gate { generation: after.generation + 1, ..after.clone() }, 400));
    assert!(!good(&Gate { not_before: later(401), ..after.clone() }, 400));
    assert!(good(&Gate { not_before: later(400), ..after }, 400));
}

#[test]
fn a_caller_that_asked_nobody_calls_now_and_counts_for_nothing() {
    let permit = config().unasked(&Request { tokens: 2, ..request("a") }, NOW);
    assert_eq!((permit.kind, permit.call_at, permit.generation, permit.tokens), (PermitKind::Unasked, NOW, 0, 2));
}

#[test]
fn every_reason_has_its_word_and_two_pass_by_themselves() {
    use Reason::{Hold, Open, Permits, Rate, Store};
    let words = [Open, Permits, Rate, Hold, Store].map(|r| (r.as_str(), r.passes_by_itself()));
    let expected = [("open", false), ("permits", false), ("rate", true), ("hold", true), ("store", false)];
    assert_eq!(words, expected);
    let text = refused(Hold, Duration::from_millis(1500)).to_string();
    assert_eq!(text, "the call is not permitted (hold); ask again in 1500 ms");
}
