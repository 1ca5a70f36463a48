//! Random histories. The first machine compares the gate with an independent reference, call by call; reports come at
//! any time and in any order, clocks differ. The second interleaves the single writes of many callers, some of which
//! die or send a write twice, and checks the promises.

use crate::reference::{self, Granted, INTERVAL, Millis, Reference, Verdict};
use domain::gate::Gate;
use domain::gate::PermitId;
use domain::gate::admit::{Permit, Request, Step};
use domain::gate::change::{Because, Change};
use domain::gate::config::{Dependency, GateConfig, Knobs};
use domain::gate::memory::Memory;
use domain::gate::operate::Order;
use domain::gate::report::{Found, Outcome};
use domain::time::Timestamp;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use serde_json::json;
use std::time::Duration;

const START: Millis = 1_800_000_000_000;
/// How far the clocks of callers are ahead.
const CLOCKS: [Millis; 3] = [0, 100, reference::SKEW];

pub fn config() -> GateConfig {
    let knobs: Knobs = serde_json::from_value(json!({
        "ratePerSecond": 1000 / INTERVAL, "burst": reference::CAPACITY + reference::OVERLAP, "callTimeoutMs": 1000,
        "storeUnreachable": "refuse", "overlap": reference::OVERLAP, "maxWaitMs": reference::MAX_WAIT,
        "slidingWindowSize": reference::WINDOW, "minimumNumberOfCalls": reference::MINIMUM_CALLS,
        "minimumFailures": reference::MINIMUM_FAILURES, "failureRateThreshold": reference::THRESHOLD,
        "slowCallRateThreshold": reference::THRESHOLD, "permittedCallsInHalfOpen": reference::PERMITS,
        "successesToClose": reference::TO_CLOSE, "breakDurationMs": reference::BREAK,
        "maxBreakDurationMs": reference::MAX_BREAK, "permitLeaseMs": reference::LEASE,
        "clockSkewMs": reference::SKEW, "callSlackMs": 50, "pushBackMs": reference::PUSH,
        "maxPushBackMs": reference::MAX_PUSH,
    }))
    .unwrap();
    let config = GateConfig::new(Dependency::try_from("random".to_owned()).unwrap(), &knobs).unwrap();
    // Nobody is late here.
    GateConfig { call_slack: Duration::ZERO, ..config }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Success),
        1 => Just(Outcome::Ignored),
        4 => Just(Outcome::Failure),
        2 => Just(Outcome::Slow),
        1 => prop_oneof![Just(None), (0u64..5000).prop_map(|ms| Some(Duration::from_millis(ms)))]
            .prop_map(Outcome::PushedBack),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::ForceOpen), Just(Order::ForceClose), Just(Order::Disable)]
}

#[derive(Debug, Clone)]
pub enum Event {
    Pass(Millis),
    Ask {
        clock: usize,
        tokens: u32,
        whole_seconds: bool,
    },
    /// One of the outstanding calls ends; `twice` says that it is reported again.
    Report {
        which: usize,
        clock: usize,
        outcome: Outcome,
        twice: bool,
    },
    /// One of the outstanding calls is never reported.
    Forget {
        which: usize,
    },
    Order(Order),
}

impl ReferenceStateMachine for Reference {
    type State = Reference;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Reference> {
        Just(Reference::new(START)).boxed()
    }

    fn transitions(_: &Reference) -> BoxedStrategy<Event> {
        prop_oneof![
            4 => prop_oneof![0..50i64, 50..500i64, 900..2500i64].prop_map(Event::Pass),
            10 => (0..CLOCKS.len(), prop_oneof![4 => Just(1u32), 1 => 2..=4u32], any::<bool>())
                .prop_map(|(clock, tokens, whole_seconds)| Event::Ask { clock, tokens, whole_seconds }),
            8 => (any::<usize>(), 0..CLOCKS.len(), outcome(), prop::bool::weighted(0.1))
                .prop_map(|(which, clock, outcome, twice)| Event::Report { which, clock, outcome, twice }),
            1 => any::<usize>().prop_map(|which| Event::Forget { which }),
            1 => prop_oneof![6 => Just(Order::ForceClose), 1 => order()].prop_map(Event::Order),
        ]
        .boxed()
    }

    fn preconditions(state: &Reference, event: &Event) -> bool {
        !matches!(event, Event::Report { .. } | Event::Forget { .. }) || !state.outstanding.is_empty()
    }

    fn apply(mut state: Reference, event: &Event) -> Reference {
        match event {
            Event::Pass(span) => {
                state.verdict = None;
                state.now += span;
            }
            Event::Ask { clock, tokens, whole_seconds } => {
                state.ask(i64::from(*tokens), state.now + CLOCKS[*clock], *whole_seconds);
            }
            Event::Report { which, clock, outcome, twice } => {
                let call: Granted = state.outstanding.remove(which % state.outstanding.len());
                for _ in 0..=u8::from(*twice) {
                    state.report(&call, *outcome, state.now + CLOCKS[*clock]);
                }
            }
            Event::Forget { which } => {
                state.verdict = None;
                state.outstanding.remove(which % state.outstanding.len());
            }
            Event::Order(order) => state.order(*order),
        }
        state
    }
}

/// The real gate, one caller at a time.
pub struct Real {
    config: GateConfig,
    gate: Gate,
    now: Millis,
    memory: Memory,
    outstanding: Vec<Permit>,
    asked: u32,
    first_generation: u64,
}

impl Real {
    fn ask(&mut self, request: &Request, now: Timestamp) -> Verdict {
        let mut step = self.config.first_step(request, &self.memory, now);
        if matches!(step, Step::Refused(_)) {
            // What one process remembers may be old; the reference knows the item.
            step = self.config.decide(request, &self.gate, now);
        }
        for _ in 0..5 {
            match step {
                Step::Refused(refusal) => return Verdict::Refused(refusal.reason),
                Step::Granted(permit) => panic!("no answer was lost: {permit:?}"),
                Step::Write(write) => {
                    step = if let Some(after) = write.apply(&self.gate) {
                        self.gate = after;
                        let permit = self.config.permit(request, 0, &write, &self.gate).unwrap();
                        let call_at = permit.call_at.0;
                        self.outstanding.push(permit);
                        return Verdict::Granted(call_at);
                    } else {
                        self.config.decide_again(request, &write, &self.gate, now)
                    };
                }
            }
        }
        panic!("nobody else writes, and yet it does not end");
    }

    fn report(&mut self, permit: &Permit, outcome: Outcome, now: Timestamp) {
        let mut next = self.config.report(permit, outcome, now, 0.0);
        while let Some(write) = next {
            let found = perform(&write, &mut self.gate);
            next = self.config.report_next(permit, &write, &found, now, 0.0);
        }
    }
}

fn perform(write: &Change, gate: &mut Gate) -> Found {
    match write.apply(gate) {
        Some(after) => {
            *gate = after.clone();
            Found::Done(after)
        }
        None => Found::Refused(gate.clone()),
    }
}

impl StateMachineTest for Real {
    type SystemUnderTest = Real;
    type Reference = Reference;

    fn init_test(reference: &Reference) -> Real {
        let gate = Gate::new(Timestamp(START));
        let first_generation = gate.generation;
        let (memory, outstanding) = (Memory::default(), Vec::new());
        Real { config: config(), gate, now: reference.now, memory, outstanding, asked: 0, first_generation }
    }

    fn apply(mut real: Real, reference: &Reference, event: Event) -> Real {
        let at = |now: Millis, clock: usize| Timestamp(now + CLOCKS[clock]);
        match event {
            Event::Pass(span) => real.now += span,
            Event::Ask { clock, tokens, whole_seconds } => {
                real.asked += 1;
                let now = at(real.now, clock);
                let deadline = now.plus(Duration::from_hours(1));
                let request = Request { id: PermitId(real.asked.to_string()), tokens, deadline, whole_seconds };
                let verdict = real.ask(&request, now);
                assert_eq!(Some(&verdict), reference.verdict.as_ref(), "{:?}", real.gate);
                if real.asked.is_multiple_of(3) {
                    real.memory.see(real.gate.clone(), now);
                }
            }
            Event::Report { which, clock, outcome, twice } => {
                let permit = real.outstanding.remove(which % real.outstanding.len());
                for _ in 0..=u8::from(twice) {
                    real.report(&permit, outcome, at(real.now, clock));
                }
            }
            Event::Forget { which } => {
                real.outstanding.remove(which % real.outstanding.len());
            }
            Event::Order(order) => {
                let because = Because { by: "ada".to_owned(), why: "a test".to_owned(), at: Timestamp(real.now) };
                real.gate = real.config.force(order, &real.gate, because).apply(&real.gate).unwrap();
            }
        }
        real
    }

    fn check_invariants(real: &Real, reference: &Reference) {
        assert_eq!(real.gate.state.as_str(), reference.state(), "{:?}", real.gate);
        assert_eq!(real.gate.generation - real.first_generation, reference.epoch, "{:?}", real.gate);
        assert_eq!(real.outstanding.len(), reference.outstanding.len());
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_the_reference_does(sequential 1..120 => Real);
}
