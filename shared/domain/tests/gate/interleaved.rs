//! Many callers whose single writes interleave at random: delays, deaths, writes that are sent twice, clocks that
//! differ. What must hold is checked against a plain record of what was granted and called.

use crate::reference::{self, INTERVAL, Millis};
use domain::breaker::BreakerState;
use domain::gate::admit::{Permit, PermitKind, Request, Step};
use domain::gate::change::Change;
use domain::gate::config::GateConfig;
use domain::gate::memory::Memory;
use domain::gate::report::{Found, Outcome};
use domain::gate::{Gate, PermitId};
use domain::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const START: Millis = 1_800_000_000_000;
const CALLERS: usize = 8;
/// A write is on its way for so long at most. The gate sees the time at which it was decided, so that a delay has the
/// effect of a clock that is behind.
const DELAY: Millis = 200;

type Apply = fn(&Change, &Gate) -> Option<Gate>;

#[derive(Debug, Clone)]
enum Caller {
    Idle,
    Asking { request: Request, write: Change, since: Millis },
    Waiting(Permit),
    Calling(Permit),
    Reporting { permit: Permit, write: Change },
}

#[derive(Debug, Clone)]
struct Turn {
    who: usize,
    what: u8,
    pass: Millis,
    tokens: u32,
    outcome: Outcome,
}

fn turn() -> impl Strategy<Value = Turn> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Success),
        4 => Just(Outcome::Failure),
        1 => (0u64..3000).prop_map(|ms| Outcome::PushedBack(Some(Duration::from_millis(ms)))),
    ];
    let pass = prop_oneof![6 => Just(0), 4 => 1..60i64, 1 => 60..1500i64];
    let tokens = prop_oneof![4 => Just(1u32), 1 => 2..=4u32];
    (0..CALLERS, any::<u8>(), pass, tokens, outcome).prop_map(|(who, what, pass, tokens, outcome)| Turn {
        who,
        what,
        pass,
        tokens,
        outcome,
    })
}

struct Fleet {
    config: GateConfig,
    apply: Apply,
    gate: Gate,
    now: Millis,
    callers: Vec<Caller>,
    memories: Vec<Memory>,
    asked: u32,
    /// Call slots that were used: when, and how many tokens.
    slots: Vec<(Millis, u32)>,
    /// Trial calls by generation.
    trials: BTreeMap<u64, usize>,
    hold: Millis,
    violation: Option<String>,
}

impl Fleet {
    fn new(apply: Apply) -> Self {
        Self {
            config: crate::properties::config(),
            apply,
            gate: Gate::new(Timestamp(START)),
            now: START,
            callers: vec![Caller::Idle; CALLERS],
            memories: vec![Memory::default(); CALLERS],
            asked: 0,
            slots: Vec::new(),
            trials: BTreeMap::new(),
            hold: 0,
            violation: None,
        }
    }

    /// Half of the clocks are right, half of them are ahead.
    fn clock(&self, who: usize) -> Timestamp {
        Timestamp(self.now + [0, 0, 100, reference::SKEW][who % 4])
    }

    fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    fn turn(&mut self, turn: &Turn) {
        self.pass(turn.pass);
        let (who, now) = (turn.who, self.clock(turn.who));
        if turn.what < 12 {
            self.callers[who] = Caller::Idle;
            self.memories[who] = Memory::default();
            return;
        }
        let twice = turn.what > 240;
        self.callers[who] = match std::mem::replace(&mut self.callers[who], Caller::Idle) {
            Caller::Idle => self.begin(who, turn.tokens, now),
            Caller::Asking { request, write, since } => self.write(who, request, &write, since, twice),
            Caller::Waiting(permit) if permit.call_at > now => Caller::Waiting(permit),
            Caller::Waiting(permit) if self.config.still_good(&permit, &self.gate, now) => self.call(permit, now),
            Caller::Waiting(_) => Caller::Idle,
            Caller::Calling(permit) => match self.config.report(&permit, turn.outcome, now, 0.0) {
                Some(write) => Caller::Reporting { permit, write },
                None => Caller::Idle,
            },
            Caller::Reporting { permit, write } => self.report(who, permit, &write, twice),
        };
    }

    /// Time passes, but no write is on its way for longer than it may be, and whoever waits comes in time.
    fn pass(&mut self, span: Millis) {
        for _ in 0..span {
            self.now += 1;
            for who in 0..CALLERS {
                let (now, caller) = (self.clock(who), self.callers[who].clone());
                let due = match &caller {
                    Caller::Asking { since, .. } => self.now - since >= DELAY,
                    Caller::Waiting(permit) => permit.call_at <= now,
                    _ => false,
                };
                if due {
                    let outcome = Outcome::Success;
                    self.turn(&Turn { who, what: 100, pass: 0, tokens: 1, outcome });
                }
            }
        }
    }

    fn begin(&mut self, who: usize, tokens: u32, now: Timestamp) -> Caller {
        self.asked += 1;
        let id = PermitId(self.asked.to_string());
        let request = Request { id, tokens, deadline: now.plus(Duration::from_hours(1)), whole_seconds: false };
        match self.config.first_step(&request, &self.memories[who], now) {
            Step::Write(write) => Caller::Asking { request, write, since: self.now },
            _ => Caller::Idle,
        }
    }

    fn write(&mut self, who: usize, request: Request, write: &Change, since: Millis, twice: bool) -> Caller {
        let now = self.clock(who);
        let mut permit = None;
        for _ in 0..=u8::from(twice) {
            permit = match (self.apply)(write, &self.gate) {
                Some(after) => {
                    self.gate = after;
                    self.config.permit(&request, 0, write, &self.gate)
                }
                None => match self.config.decide_again(&request, write, &self.gate, now) {
                    Step::Granted(permit) => Some(permit),
                    Step::Write(write) => return Caller::Asking { request, write, since },
                    Step::Refused(_) => None,
                },
            };
        }
        self.memories[who].see(self.gate.clone(), now);
        match permit {
            Some(permit) if permit.call_at <= now => self.call(permit, now),
            Some(permit) => Caller::Waiting(permit),
            None => Caller::Idle,
        }
    }

    fn call(&mut self, permit: Permit, now: Timestamp) -> Caller {
        if matches!(self.gate.state, BreakerState::Open | BreakerState::ForcedOpen) {
            self.violated(format!("a call while open: {permit:?}"));
        }
        if self.now < self.hold {
            self.violated(format!("a call inside a hold, {} ms early: {permit:?}", self.hold - self.now));
        }
        if permit.call_at > now {
            self.violated(format!("a call before its slot: {permit:?}"));
        }
        if matches!(permit.kind, PermitKind::Trial { .. }) {
            let trials = self.trials.entry(permit.generation).or_default();
            *trials += 1;
            let trials = *trials;
            if trials > reference::PERMITS {
                self.violated(format!("{trials} trial calls of one generation"));
            }
        }
        self.slots.push((permit.call_at.0, permit.tokens));
        Caller::Calling(permit)
    }

    fn report(&mut self, who: usize, permit: Permit, write: &Change, twice: bool) -> Caller {
        let now = self.clock(who);
        let mut next = None;
        for _ in 0..=u8::from(twice) {
            let before = self.gate.clone();
            let found = match (self.apply)(write, &self.gate) {
                Some(after) => {
                    self.gate = after.clone();
                    Found::Done(after)
                }
                None => Found::Refused(self.gate.clone()),
            };
            let old = permit.generation != before.generation;
            if let (Change::Hold { until, .. }, Found::Done(_)) = (write, &found) {
                // What the provider meant, by the right time: at least this.
                let mut ahead = i64::from(who % 4 == 2) * 100;
                ahead += i64::from(who % 4 == 3) * reference::SKEW;
                self.hold = self.hold.max(until.0 - ahead - reference::SKEW);
            } else if old && before != self.gate {
                self.violated(format!("an old report changed something: {write:?}"));
            }
            next = self.config.report_next(&permit, write, &found, now, 0.0);
        }
        match next {
            Some(write) => Caller::Reporting { permit, write },
            None => Caller::Idle,
        }
    }

    /// In every window of time: burst + rate × (time + skew), and a millisecond of rounding.
    fn check_rate(&mut self, skew: Millis) {
        self.slots.sort_unstable();
        let burst = (reference::CAPACITY + reference::OVERLAP) * INTERVAL;
        for (i, (first, _)) in self.slots.iter().enumerate() {
            let mut tokens = 0;
            for (last, n) in &self.slots[i..] {
                tokens += i64::from(*n);
                if tokens * INTERVAL > burst + (last - first) + skew + 1 {
                    self.violation.get_or_insert(format!("{tokens} tokens in {} ms", last - first));
                    return;
                }
            }
        }
    }
}

fn violation(apply: Apply, turns: &[Turn]) -> Option<String> {
    let mut fleet = Fleet::new(apply);
    for turn in turns {
        fleet.turn(turn);
    }
    fleet.check_rate(reference::SKEW + DELAY);
    fleet.violation
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_breaks_a_promise(turns in prop::collection::vec(turn(), 1..400)) {
        prop_assert_eq!(violation(Change::apply, &turns), None);
    }

    #[test]
    fn a_bucket_in_demand_never_idles(steps in prop::collection::vec((0..CALLERS, 1..300i64, any::<bool>()), 20..60)) {
        let config = crate::properties::config();
        let mut gate = Gate::new(Timestamp(START));
        let mut memories = vec![Memory::default(); CALLERS];
        let mut slots = Vec::new();
        let mut now = START;
        // Everybody asks whenever time has passed, until nobody gets a slot any more.
        for (who, pass, blind) in &steps {
            now += pass;
            if *blind {
                memories[*who] = Memory::default();
            }
            while let Some(slot) = admit(&config, &mut gate, &mut memories[*who], slots.len(), Timestamp(now)) {
                slots.push(slot);
            }
        }
        // The first are granted at once, and then one slot follows the other without a gap.
        let burst = usize::try_from(reference::CAPACITY).unwrap();
        let began = START + steps[0].1;
        for (n, slot) in slots.iter().enumerate() {
            let due = began + i64::try_from(n.saturating_sub(burst - 1)).unwrap() * INTERVAL;
            prop_assert_eq!(*slot, due, "slot {} of {:?}", n, &slots);
        }
        let granted = i64::try_from(slots.len()).unwrap();
        prop_assert!(granted >= (now - began) / INTERVAL - 1, "{} in {} ms", granted, now - began);
    }

    #[test]
    fn the_window_opens_exactly_when_a_plain_count_of_the_last_calls_says_so(
        calls in prop::collection::vec((prop::bool::weighted(0.3), 0..40usize), 1..120),
    ) {
        let config = GateConfig { max_wait: Duration::from_hours(1), ..crate::properties::config() };
        let mut gate = Gate::new(Timestamp(START));
        // A call's report comes after so many further admissions.
        let mut ends: Vec<(usize, Permit)> = Vec::new();
        let mut failed = Vec::new();
        for (number, (fails, delay)) in (1..).zip(&calls) {
            let request = asking(number);
            let Step::Write(write) = config.decide(&request, &gate, Timestamp(START)) else { panic!("it is closed") };
            gate = write.apply(&gate).unwrap();
            let permit = config.permit(&request, 0, &write, &gate).unwrap();
            if *fails {
                ends.push((number + delay, permit));
            }
            let (due, later): (Vec<_>, Vec<_>) = ends.into_iter().partition(|(at, _)| *at <= number);
            ends = later;
            for (_, permit) in due {
                let PermitKind::Counted { sequence } = permit.kind else { panic!("it is closed") };
                let sequence = usize::try_from(sequence).unwrap();
                failed.push(sequence);
                let count = config.report(&permit, Outcome::Failure, Timestamp(START), 0.0).unwrap();
                gate = count.apply(&gate).unwrap();
                let found = Found::Done(gate.clone());
                let next = config.report_next(&permit, &count, &found, Timestamp(START), 0.0);
                let opens = matches!(next, Some(Change::Open { .. }));
                prop_assert_eq!(opens, reference::too_many(number, sequence, &failed), "{:?} of {}", &failed, number);
                if opens {
                    return Ok(());
                }
            }
        }
    }
}

fn asking(number: usize) -> Request {
    let deadline = Timestamp(START).plus(Duration::from_hours(24));
    Request { id: PermitId(number.to_string()), tokens: 1, deadline, whole_seconds: false }
}

fn admit(config: &GateConfig, gate: &mut Gate, memory: &mut Memory, number: usize, now: Timestamp) -> Option<Millis> {
    let request = asking(number);
    let mut step = config.first_step(&request, memory, now);
    if matches!(step, Step::Refused(_)) {
        step = config.decide(&request, gate, now);
    }
    while let Step::Write(write) = step {
        if let Some(after) = write.apply(gate) {
            *gate = after;
            memory.see(gate.clone(), now);
            return Some(config.permit(&request, 0, &write, gate).unwrap().call_at.0);
        }
        step = config.decide_again(&request, &write, gate, now);
    }
    None
}

/// Whether random histories show that a store is no good.
fn is_found_out(apply: Apply, sign: &str) {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let histories = prop::collection::vec(turn(), 400);
    let found = (0..200).any(|_| {
        let turns = histories.new_tree(&mut runner).unwrap().current();
        violation(apply, &turns).is_some_and(|violation| violation.contains(sign))
    });
    assert!(found, "nobody noticed");
}

#[test]
fn a_bucket_that_takes_without_a_condition_is_found_out() {
    let careless = |write: &Change, gate: &Gate| match write {
        // What was read is written back, whoever wrote in between.
        Change::Reserve { take: domain::gate::bucket::Take::Restart { to, .. }, .. } => {
            Some(Gate { tat: *to, sequence: gate.sequence + 1, ..gate.clone() })
        }
        _ => write.apply(gate),
    };
    is_found_out(careless, "tokens in");
}

#[test]
fn a_breaker_that_forgets_generations_is_found_out() {
    let unfenced = |write: &Change, gate: &Gate| crate::scopes::of_this_generation(write, gate).apply(gate);
    is_found_out(unfenced, "an old report changed something");
}
