//! The pipeline breaker over fakes: what its tick promises, the errors that obvious designs make, and crashes between
//! any two effects.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use domain::breaker::BreakerState;
use domain::pipeline::{Evidence, Record, SwitchState, Transition};
use domain::pipeline::{Records, Switch};
use domain::store::Commit;
use domain::time::{Clock, Timestamp};
use resilience::probe::{Answer, Command, CommandState, Knobs, OnEmptyQueue, Probe, Request, TickError};
use std::sync::Arc;
use std::time::Duration;
use testing::clock::{Always, VirtualClock, VirtualPause};
use testing::pipeline::MemoryPipeline;
use testing::turn::{Task, Turnstile, one_turn, run};

const SETTLE: Duration = Duration::from_mins(2);
const BASE: Duration = Duration::from_mins(5);
const MAX: Duration = Duration::from_mins(30);

type TestProbe = Probe<
    MemoryPipeline,
    MemoryPipeline,
    MemoryPipeline,
    MemoryPipeline,
    MemoryPipeline,
    VirtualClock,
    Always,
    VirtualPause,
>;

struct Night {
    pipeline: MemoryPipeline,
    clock: VirtualClock,
    turns: Turnstile,
    probe: Arc<TestProbe>,
}

fn night_with(on_empty_queue: OnEmptyQueue) -> Night {
    let turns = Turnstile::default();
    let clock = VirtualClock::default();
    let pipeline = MemoryPipeline::new(turns.clone());
    let probe = Probe {
        records: pipeline.clone(),
        switch: pipeline.clone(),
        projection: pipeline.clone(),
        alarm: pipeline.clone(),
        trials: pipeline.clone(),
        clock: clock.clone(),
        chance: Always(0.5),
        pause: VirtualPause { clock: clock.clone(), turns: turns.clone() },
        knobs: Knobs {
            trial_intents: 3,
            trial_time: Duration::from_secs(90),
            settle_time: SETTLE,
            probe_base: BASE,
            probe_max: MAX,
            lease: Duration::from_mins(5),
            on_empty_queue,
        },
    };
    Night { pipeline, clock, turns, probe: Arc::new(probe) }
}

fn night() -> Night {
    night_with(OnEmptyQueue::StayOpen)
}

impl Night {
    fn tick(&self) {
        run(self.probe.tick("tick")).unwrap();
    }

    fn task(&self, holder: &'static str) -> Task<Result<(), TickError>> {
        let probe = self.probe.clone();
        Box::pin(async move { probe.tick(holder).await })
    }

    fn command(&self, state: CommandState) -> Answer {
        let command = Command { state, by: "op".to_owned(), why: "a test".to_owned() };
        run(self.probe.handle(Request { command: Some(command), show: false }, "op")).unwrap()
    }

    fn state(&self) -> BreakerState {
        self.pipeline.record().state
    }

    /// What `open-circuit` does when the alarm rings: the record first, then the Pipe.
    fn open_by_alarm(&self) {
        let record = self.pipeline.record();
        let to = Transition {
            to: BreakerState::Open,
            by: "alarm".to_owned(),
            why: "rings".to_owned(),
            next_probe_at: None,
            opens: 0,
            at: self.clock.now(),
        };
        assert_eq!(run(self.pipeline.write(&record, &to)).unwrap(), Commit::Done);
        let generation = record.generation + 1;
        assert_eq!(run(self.pipeline.mark_stop(generation)).unwrap(), Commit::Done);
        run(self.pipeline.stop()).unwrap();
        assert_eq!(run(self.pipeline.mark_applied(generation, true, self.clock.now())).unwrap(), Commit::Done);
    }

    /// Somebody else's word, whatever the record says now.
    fn write(&self, to: BreakerState, by: &str) {
        let to = Transition {
            to,
            by: by.to_owned(),
            why: "a test".to_owned(),
            next_probe_at: None,
            opens: 0,
            at: self.clock.now(),
        };
        assert_eq!(run(self.pipeline.write(&self.pipeline.record(), &to)).unwrap(), Commit::Done);
    }

    /// A tick that goes on until this effect has happened.
    fn tick_past(&self, effect: &str) -> Task<Result<(), TickError>> {
        let before = self.turns.calls().len();
        let mut tick = self.task("tick");
        while !self.turns.calls()[before..].contains(&effect) {
            assert!(one_turn(&mut tick).is_none(), "the tick ended without {effect}");
        }
        tick
    }

    /// What happens while something is done.
    fn calls_of(&self, act: impl FnOnce()) -> Vec<&'static str> {
        let before = self.turns.calls().len();
        act();
        self.turns.calls().split_off(before)
    }

    fn settle(&self) {
        self.clock.advance(SETTLE + Duration::from_secs(1));
    }

    fn started(&self) -> usize {
        self.pipeline.started().len()
    }
}

#[test]
fn a_quiet_night_changes_nothing() {
    let night = night();
    night.tick();
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Closed, SwitchState::Running));
    assert_eq!(night.pipeline.record().generation, 0);
}

#[test]
fn healthy_trials_close_and_start_the_pipe_and_lift_the_banner() {
    let night = night();
    night.pipeline.queue(5);
    night.open_by_alarm();
    night.settle();
    night.tick();
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Closed, SwitchState::Running));
    assert_eq!(night.pipeline.projected(), Some(BreakerState::Closed));
    assert_eq!((night.started(), night.pipeline.waiting()), (3, 2), "at most K intents were tried");
}

#[test]
fn a_failed_trial_stays_open_and_the_interval_grows_to_its_cap() {
    let night = night();
    night.pipeline.queue(100);
    night.pipeline.trials_say(Some(Evidence::Failed));
    night.open_by_alarm();
    let mut waits = Vec::new();
    for _ in 0..5 {
        night.clock.advance(MAX + SETTLE);
        night.tick();
        let record = night.pipeline.record();
        assert_eq!(record.state, BreakerState::Open);
        assert_eq!(night.pipeline.pipe(), SwitchState::Stopped);
        waits.push((record.next_probe_at.unwrap().0 - night.clock.now().0) / 1000);
    }
    assert_eq!(waits, [225, 450, 900, 1350, 1350]);
    let before = night.started();
    night.settle();
    night.tick();
    assert_eq!(night.started(), before, "it waits for its time, which is longer than the settle time");
}

#[test]
fn a_trial_that_died_does_not_shorten_the_interval() {
    let night = night();
    night.pipeline.queue(100);
    night.pipeline.trials_say(Some(Evidence::Failed));
    night.open_by_alarm();
    for _ in 0..2 {
        night.clock.advance(MAX + SETTLE);
        night.tick();
    }
    night.clock.advance(MAX + SETTLE);
    drop(night.tick_past("trials.receive"));
    assert_eq!(night.state(), BreakerState::HalfOpen);
    for _ in 0..2 {
        night.clock.advance(MAX + SETTLE);
        night.tick();
    }
    let wait = night.pipeline.record().next_probe_at.unwrap().0 - night.clock.now().0;
    assert!(wait >= 900_000, "two probes had failed before, and the next one waits only {wait} ms");
}

#[test]
fn an_unfinished_trial_is_a_failed_one() {
    let night = night();
    night.pipeline.queue(1);
    night.pipeline.trials_say(None);
    night.open_by_alarm();
    night.settle();
    night.tick();
    assert_eq!(night.state(), BreakerState::Open);
}

#[test]
fn one_failed_trial_outweighs_the_healthy_ones() {
    let night = night();
    night.pipeline.queue(3);
    night.pipeline.trial_says("m0-1", Some(Evidence::Failed));
    night.open_by_alarm();
    night.settle();
    night.tick();
    assert_eq!(night.state(), BreakerState::Open);
}

#[test]
fn an_empty_queue_is_no_evidence_unless_the_owner_says_so() {
    let waits = night();
    waits.open_by_alarm();
    waits.settle();
    waits.tick();
    assert_eq!(waits.state(), BreakerState::Open);
    let closes = night_with(OnEmptyQueue::Close);
    closes.open_by_alarm();
    closes.settle();
    closes.tick();
    assert_eq!(closes.state(), BreakerState::Closed);
}

#[test]
fn p1_a_lost_alarm_event_heals_at_the_next_tick() {
    let night = night();
    night.pipeline.set_ringing(true);
    night.tick();
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Open, SwitchState::Stopped));
    assert_eq!(night.pipeline.projected(), Some(BreakerState::Open));
}

#[test]
fn p2_a_pipe_stopped_in_the_console_stays_stopped() {
    let night = night();
    night.tick();
    night.pipeline.set_pipe(SwitchState::Stopped);
    night.tick();
    let record = night.pipeline.record();
    assert_eq!((record.state, record.by.as_str()), (BreakerState::ForcedOpen, "outside"));
    night.tick();
    assert_eq!(night.pipeline.pipe(), SwitchState::Stopped);
}

#[test]
fn p3_a_console_stop_before_the_alarm_is_not_taken_for_ours() {
    let night = night();
    night.tick();
    night.pipeline.set_pipe(SwitchState::Stopped);
    // The alarm's record is written, but its state machine finds the Pipe stopped and marks nothing.
    let open = Record { state: BreakerState::Open, generation: 1, by: "alarm".to_owned(), ..Record::default() };
    night.pipeline.set_record(open);
    night.pipeline.queue(3);
    night.settle();
    night.tick();
    assert_eq!(night.state(), BreakerState::ForcedOpen);
    assert_eq!((night.pipeline.pipe(), night.started()), (SwitchState::Stopped, 0));
}

#[test]
fn p3_the_mark_of_an_earlier_stop_does_not_claim_a_later_one() {
    let night = night();
    night.pipeline.queue(6);
    night.open_by_alarm();
    night.settle();
    night.tick();
    assert_eq!(night.state(), BreakerState::Closed);
    let before = night.started();
    night.pipeline.set_pipe(SwitchState::Stopped);
    night.write(BreakerState::Open, "alarm");
    night.settle();
    night.tick();
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::ForcedOpen, SwitchState::Stopped));
    assert_eq!(night.started(), before);
}

#[test]
fn p3_a_tick_that_dies_while_it_opens_is_not_taken_for_somebody_else() {
    for turns in 0..30 {
        let night = night();
        night.pipeline.queue(9);
        night.pipeline.set_ringing(true);
        let mut task = night.task("dies");
        for _ in 0..turns {
            if one_turn(&mut task).is_some() {
                break;
            }
        }
        drop(task);
        night.clock.advance(MAX);
        night.tick();
        let stopped = (BreakerState::Open, SwitchState::Stopped);
        assert_eq!((night.state(), night.pipeline.pipe()), stopped, "window {turns}");
        night.pipeline.set_ringing(false);
        night.clock.advance(MAX);
        night.tick();
        assert_eq!(night.state(), BreakerState::Closed, "window {turns}");
    }
}

#[test]
fn p4_only_the_holder_of_the_lease_touches_the_pipe() {
    let night = night();
    night.pipeline.queue(3);
    night.pipeline.set_ringing(true);
    let mut first = night.task("first");
    while !night.turns.calls().contains(&"pipe.stop") {
        assert!(one_turn(&mut first).is_none());
    }
    let before = night.turns.calls().len();
    night.tick();
    let calls = night.turns.calls().split_off(before);
    assert_eq!(calls, ["record.take_lease"], "a second tick does nothing while the lease is held");
    while one_turn(&mut first).is_none() {}
    assert_eq!(night.state(), BreakerState::Open);
}

#[test]
fn p4_a_newer_record_wins_over_a_stale_tick() {
    let night = night();
    night.pipeline.set_ringing(true);
    let mut tick = night.task("tick");
    while !night.turns.calls().contains(&"record.mark_stop") {
        assert!(one_turn(&mut tick).is_none());
    }
    // An operator's word lands between mark and stop.
    let record = night.pipeline.record();
    let to = Transition {
        to: BreakerState::Disabled,
        by: "op".to_owned(),
        why: "a test".to_owned(),
        next_probe_at: None,
        opens: 0,
        at: Timestamp(0),
    };
    assert_eq!(run(night.pipeline.write(&record, &to)).unwrap(), Commit::Done);
    while one_turn(&mut tick).is_none() {}
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Disabled, SwitchState::Running));
    assert_eq!(night.pipeline.projected(), Some(BreakerState::Disabled));
}

#[test]
fn p4_a_stop_is_not_sent_for_a_record_that_is_gone() {
    let night = night();
    night.write(BreakerState::ForcedOpen, "op");
    let mut tick = night.tick_past("pipe.state");
    // A person closes and the alarm opens again, before the tick marks its stop.
    night.write(BreakerState::Closed, "op");
    night.write(BreakerState::Open, "alarm");
    while one_turn(&mut tick).is_none() {}
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Open, SwitchState::Stopped));
    assert_eq!(night.pipeline.record().by, "alarm", "the breaker took its own stop for somebody else's");
}

#[test]
fn p4_a_word_that_lands_while_the_record_is_applied_is_applied_too() {
    let night = night();
    night.write(BreakerState::ForcedOpen, "op");
    let mut tick = night.tick_past("projection.publish");
    night.write(BreakerState::Disabled, "op");
    while one_turn(&mut tick).is_none() {}
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Disabled, SwitchState::Running));
    assert_eq!(night.pipeline.projected(), Some(BreakerState::Disabled));
}

#[test]
fn p4_a_word_that_lands_before_a_trial_prevents_it() {
    let night = night();
    night.pipeline.queue(3);
    night.open_by_alarm();
    night.settle();
    let mut tick = night.tick_past("record.mark_applied");
    night.write(BreakerState::ForcedOpen, "op");
    while one_turn(&mut tick).is_none() {}
    assert_eq!((night.state(), night.started()), (BreakerState::ForcedOpen, 0));
}

#[test]
fn p5_no_trial_begins_before_the_pipe_has_settled() {
    let night = night();
    night.pipeline.queue(3);
    night.pipeline.set_ringing(true);
    night.tick();
    night.pipeline.set_ringing(false);
    night.clock.advance(SETTLE.saturating_sub(Duration::from_secs(2)));
    night.tick();
    assert_eq!(night.started(), 0);
    night.clock.advance(Duration::from_secs(3));
    night.tick();
    assert_eq!(night.started(), 3);
}

#[test]
fn p5_the_settle_time_counts_from_the_stop_and_not_from_the_record() {
    let night = night();
    night.pipeline.queue(3);
    night.pipeline.set_ringing(true);
    let mut tick = night.tick_past("pipe.stop");
    night.pipeline.set_pipe(SwitchState::InTransition);
    while one_turn(&mut tick).is_none() {}
    assert!(!night.pipeline.record().is_applied(), "a Pipe on its way does not follow the record yet");
    night.pipeline.set_ringing(false);
    night.settle();
    night.pipeline.set_pipe(SwitchState::Stopped);
    night.tick();
    assert_eq!(night.started(), 0, "the record is old, but the Pipe has just stopped");
    night.settle();
    night.tick();
    assert_eq!(night.started(), 3);
}

#[test]
fn p6_a_duplicate_is_no_evidence() {
    let night = night();
    night.pipeline.queue(3);
    night.pipeline.trials_say(Some(Evidence::None));
    night.open_by_alarm();
    night.settle();
    night.tick();
    assert_eq!(night.state(), BreakerState::Open);
}

#[test]
fn p6_a_duplicate_takes_nothing_from_the_healthy_ones() {
    let night = night();
    night.pipeline.queue(3);
    night.pipeline.trials_say(Some(Evidence::None));
    night.pipeline.trial_says("m0-1", Some(Evidence::Healthy));
    night.open_by_alarm();
    night.settle();
    night.tick();
    assert_eq!(night.state(), BreakerState::Closed);
}

#[test]
fn p7_closing_by_hand_while_the_alarm_rings_opens_again_and_disabling_does_not() {
    let night = night();
    night.pipeline.set_ringing(true);
    night.tick();
    assert_eq!(night.command(CommandState::Closed).state, BreakerState::Open);
    let answer = night.command(CommandState::Disabled);
    assert_eq!((answer.state, answer.applied), (BreakerState::Disabled, true));
    night.tick();
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Disabled, SwitchState::Running));
}

#[test]
fn p7_no_trial_closes_while_the_alarm_rings() {
    let night = night();
    night.pipeline.queue(3);
    night.open_by_alarm();
    night.pipeline.set_ringing(true);
    night.settle();
    let calls = night.calls_of(|| night.tick());
    assert_eq!(night.state(), BreakerState::Open);
    assert!(!calls.contains(&"pipe.start"), "it closed, if only for a moment: {calls:?}");
}

#[test]
fn an_operators_stop_survives_tick_and_alarm() {
    let night = night();
    night.pipeline.queue(3);
    let answer = night.command(CommandState::ForcedOpen);
    assert!(answer.applied);
    for ringing in [true, false] {
        night.pipeline.set_ringing(ringing);
        night.settle();
        night.tick();
    }
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::ForcedOpen, SwitchState::Stopped));
    assert_eq!(night.started(), 0);
    assert_eq!(night.command(CommandState::Closed).state, BreakerState::Closed);
    assert_eq!(night.pipeline.pipe(), SwitchState::Running);
}

#[test]
fn two_ticks_at_once_are_one_prober() {
    let night = night();
    night.pipeline.queue(6);
    night.open_by_alarm();
    night.settle();
    let (mut first, mut second) = (Some(night.task("first")), Some(night.task("second")));
    while first.is_some() || second.is_some() {
        for task in [&mut first, &mut second] {
            if task.as_mut().is_some_and(|t| one_turn(t).is_some()) {
                *task = None;
            }
        }
    }
    assert_eq!(night.started(), 3);
    assert_eq!(night.state(), BreakerState::Closed);
}

#[test]
fn a_tick_may_die_between_any_two_effects() {
    for healthy in [true, false] {
        for turns in 0..60 {
            let night = night();
            night.pipeline.queue(6);
            night.pipeline.trials_say(Some(if healthy { Evidence::Healthy } else { Evidence::Failed }));
            night.open_by_alarm();
            night.settle();
            let mut task = night.task("dies");
            for _ in 0..turns {
                if one_turn(&mut task).is_some() {
                    break;
                }
            }
            drop(task);
            let started = night.pipeline.started();
            let deleted = 6 - night.pipeline.waiting();
            assert!(deleted <= started.len(), "window {turns}: an intent was deleted before it was handed over");
            night.pipeline.trials_say(Some(Evidence::Healthy));
            for _ in 0..5 {
                night.clock.advance(MAX + SETTLE);
                night.tick();
            }
            let end = (night.state(), night.pipeline.pipe(), night.pipeline.projected());
            let closed = (BreakerState::Closed, SwitchState::Running, Some(BreakerState::Closed));
            assert_eq!(end, closed, "window {turns}");
        }
    }
}

#[test]
fn a_command_that_names_nobody_is_refused() {
    let request = serde_json::from_str::<Request>(r#"{"command": {"state": "closed", "why": "because"}}"#);
    assert!(request.expect_err("no by").to_string().contains("by"));
}

#[test]
fn p3_a_start_of_ours_that_an_alarm_overtakes_is_not_taken_for_somebody_elses_stop() {
    let night = night();
    assert_eq!(night.command(CommandState::ForcedOpen).state, BreakerState::ForcedOpen);
    let to = |state: BreakerState, by: &str| Transition {
        to: state,
        by: by.to_owned(),
        why: "a test".to_owned(),
        next_probe_at: None,
        opens: 0,
        at: Timestamp(0),
    };
    let forced = night.pipeline.record();
    assert_eq!(run(night.pipeline.write(&forced, &to(BreakerState::Closed, "op"))).unwrap(), Commit::Done);
    let mut tick = night.task("tick");
    while !night.turns.calls().contains(&"pipe.start") {
        assert!(one_turn(&mut tick).is_none());
    }
    // The Pipe is on its way when the alarm's record lands.
    let closed = night.pipeline.record();
    assert_eq!(run(night.pipeline.write(&closed, &to(BreakerState::Open, "alarm"))).unwrap(), Commit::Done);
    while one_turn(&mut tick).is_none() {}
    let record = night.pipeline.record();
    assert_eq!((record.state, record.by.as_str()), (BreakerState::Open, "alarm"));
    assert_eq!(night.pipeline.pipe(), SwitchState::Stopped);
}

#[test]
fn a_tick_that_tried_for_long_still_waits_for_the_pipe_and_lifts_the_banner() {
    let night = night();
    night.pipeline.queue(1);
    night.open_by_alarm();
    night.settle();
    night.pipeline.trials_say(None);
    let mut tick = night.task("tick");
    while night.started() == 0 {
        assert!(one_turn(&mut tick).is_none());
    }
    // The trial takes longer than the patience for a Pipe on its way.
    night.clock.advance(Duration::from_mins(1));
    night.pipeline.trials_say(Some(Evidence::Healthy));
    while one_turn(&mut tick).is_none() {}
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Closed, SwitchState::Running));
    assert_eq!(night.pipeline.projected(), Some(BreakerState::Closed));
}

#[test]
fn a_pipe_that_does_not_listen_is_left_to_the_next_tick() {
    let night = night();
    night.pipeline.set_looks(u32::MAX);
    night.pipeline.set_ringing(true);
    night.tick();
    assert_eq!((night.state(), night.pipeline.pipe()), (BreakerState::Open, SwitchState::InTransition));
    assert_eq!(night.pipeline.projected(), Some(BreakerState::Closed), "the banner follows the Pipe");
}

#[test]
fn words_that_do_not_fit_are_refused_before_anything_is_written() {
    let night = night();
    for (by, why) in [("op", String::new()), ("", "why".to_owned()), ("op", "x".repeat(501))] {
        let command = Command { state: CommandState::ForcedOpen, by: by.to_owned(), why };
        let refused = run(night.probe.handle(Request { command: Some(command), show: false }, "op"));
        assert!(refused.unwrap_err().to_string().contains("1 to 500 characters"));
    }
    assert_eq!(night.pipeline.record().generation, 0);
}
