//! The bucket alone: in every window of time, calls take at most burst + rate × (time + skew) tokens.
//!
//! Half an interval is one tick. Callers take any number of tokens, by either branch wherever its condition holds; a
//! caller with a slot calls when it is due. The gate may open, which voids the slots, and begin trials again.

use crate::relative::NOW;
use crate::scopes::gate;
use domain::breaker::BreakerState;
use domain::gate::admit::{Request, Step};
use domain::gate::bucket::Micros;
use domain::gate::change::Change;
use domain::gate::config::GateConfig;
use domain::gate::{Gate, PermitId};
use domain::time::Timestamp;
use serde_json::json;
use stateright::{Checker, Model, Property};
use std::time::Duration;

/// Ticks for which calls are remembered.
const HISTORY: i64 = 8;
const TICK: i64 = 1_000_000;

struct Buckets {
    config: GateConfig,
    /// How many ticks each caller's clock is ahead; at most the skew of the configuration.
    clocks: Vec<i64>,
    /// For how many ticks the gate stays open; `None` where it never opens.
    open_for: Option<i64>,
    /// Whether a caller reads first and then writes, whatever happened in between: a well-known bad bucket.
    unconditional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Caller {
    Idle,
    /// Has read this `tat`; only the bad bucket's callers do.
    Read(i64),
    /// Ticks until its call, by its own clock, and tokens.
    Slot(i64, u32),
}

/// Times in ticks from now on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    tat: i64,
    callers: Vec<Caller>,
    /// Age and tokens of each call.
    calls: Vec<(i64, u32)>,
    /// Ticks until the first trial.
    open: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Tick,
    Open,
    Read(usize),
    Append(usize, u32),
    Restart(usize, u32),
    Call(usize),
}

impl Buckets {
    fn now(&self, i: usize) -> Timestamp {
        Timestamp(NOW.0 + self.clocks[i] * 1000)
    }

    fn due(&self, i: usize, caller: Caller) -> bool {
        matches!(caller, Caller::Slot(at, _) if at <= self.clocks[i])
    }

    /// The `tat` of the first trial, by the gate's own decision.
    fn first_trial(&self, i: usize, tokens: u32, tat: Micros, until: i64) -> Option<Micros> {
        let until = Timestamp(NOW.0 + until * 1000);
        let open = Gate { state: BreakerState::Open, until, tat, ..Gate::new(NOW) };
        let deadline = NOW.plus(Duration::from_hours(1));
        let request = Request { id: PermitId("trial".to_owned()), tokens, deadline, whole_seconds: false };
        match self.config.decide(&request, &open, self.now(i)) {
            Step::Write(Change::BeginTrials(trial)) => Some(trial.tat),
            _ => None,
        }
    }

    fn take(&self, world: &mut World, i: usize, tokens: u32, append: bool) -> Option<()> {
        let (now, bucket) = (self.now(i), &self.config.bucket);
        let read = if let Caller::Read(tat) = world.callers[i] { tat } else { world.tat };
        let tat = Micros::from(NOW).plus(read * TICK);
        let after = match world.open {
            Some(until) => self.first_trial(i, tokens, tat, until)?,
            None if append => bucket.append(now, tokens, self.config.max_wait).apply(tat)?,
            None => bucket.restart(now, tokens).apply(tat)?,
        };
        world.open = None;
        world.tat = (after.0 - Micros::from(NOW).0) / TICK;
        let call_at = bucket.call_at(now, after);
        world.callers[i] = Caller::Slot((call_at.0 - NOW.0) / 1000, tokens);
        if call_at <= now {
            Self::call(world, i)?;
        }
        Some(())
    }

    fn call(world: &mut World, i: usize) -> Option<()> {
        let Caller::Slot(_, tokens) = world.callers[i] else { return None };
        world.callers[i] = Caller::Idle;
        world.calls.push((0, tokens));
        world.calls.sort_unstable();
        Some(())
    }

    fn keeps_its_promise(&self, world: &World) -> bool {
        let skew = i64::try_from(self.config.clock_skew.as_secs()).unwrap();
        world.calls.iter().all(|(age, _)| {
            let tokens: u32 = world.calls.iter().filter(|(a, _)| a <= age).map(|(_, n)| n).sum();
            i64::from(tokens) * self.config.bucket.interval <= self.config.bucket.burst() + (age + skew) * TICK
        })
    }
}

impl Model for Buckets {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World { tat: -9, callers: vec![Caller::Idle; self.clocks.len()], calls: Vec::new(), open: None }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let due = |i: usize| self.due(i, world.callers[i]);
        // Who comes late brings no more calls, only later ones.
        if !(0..world.callers.len()).any(due) {
            actions.push(Action::Tick);
        }
        if self.open_for.is_some() && world.open.is_none() {
            actions.push(Action::Open);
        }
        for (i, caller) in world.callers.iter().enumerate() {
            match caller {
                Caller::Slot(..) if due(i) => actions.push(Action::Call(i)),
                Caller::Slot(..) => {}
                Caller::Idle if self.unconditional => actions.push(Action::Read(i)),
                Caller::Idle | Caller::Read(_) => {
                    let tokens = 1..=self.config.bucket.capacity;
                    actions.extend(tokens.flat_map(|n| [Action::Append(i, n), Action::Restart(i, n)]));
                }
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => {
                // Full is full, since whenever.
                world.tat = (world.tat - 1).max(-9);
                for caller in &mut world.callers {
                    if let Caller::Slot(at, _) | Caller::Read(at) = caller {
                        *at -= 1;
                    }
                }
                world.calls =
                    world.calls.iter().map(|(age, n)| (age + 1, *n)).filter(|(age, _)| *age <= HISTORY).collect();
                world.open = world.open.map(|left| (left - 1).max(-9));
            }
            Action::Open => {
                world.callers.fill(Caller::Idle);
                world.open = self.open_for;
            }
            Action::Read(i) => world.callers[i] = Caller::Read(world.tat),
            Action::Append(i, n) => self.take(&mut world, i, n, true)?,
            Action::Restart(i, n) => self.take(&mut world, i, n, false)?,
            Action::Call(i) => Self::call(&mut world, i)?,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("calls stay below burst + rate × (time + skew)", Self::keeps_its_promise),
            Property::sometimes("the promise is used to the full", |model: &Self, world: &World| {
                let tokens: u32 = world.calls.iter().filter(|(age, _)| *age == 0).map(|(_, n)| n).sum();
                i64::from(tokens) * model.config.bucket.interval == model.config.bucket.burst()
            }),
        ]
    }

    fn within_boundary(&self, world: &World) -> bool {
        // A caller that has read long ago is no news.
        world.callers.iter().all(|caller| !matches!(caller, Caller::Read(tat) if *tat < -12))
    }
}

/// A token comes back in two ticks.
fn buckets(burst: u32, overlap: u32, wait: u32, clocks: &[i64]) -> Buckets {
    let skew = clocks.iter().max().unwrap() * 1000;
    let knobs = json!({
        "ratePerSecond": 0.5, "burst": burst, "overlap": overlap, "maxWaitMs": wait * 1000,
        "clockSkewMs": skew, "permitLeaseMs": 5000, "breakDurationMs": 3000, "maxBreakDurationMs": 3000,
    });
    Buckets { config: gate(&knobs), clocks: clocks.to_vec(), open_for: None, unconditional: false }
}

fn search(name: &str, model: Buckets, least: usize) {
    let checker = model.checker().spawn_bfs().join();
    println!("{name}: {} states, {} steps deep", checker.unique_state_count(), checker.max_depth());
    checker.assert_no_discovery("calls stay below burst + rate × (time + skew)");
    checker.assert_any_discovery("the promise is used to the full");
    assert!(checker.is_done() && checker.unique_state_count() >= least, "{name}: {}", checker.unique_state_count());
}

#[test]
fn no_window_of_time_sees_more_calls_than_the_bucket_promises() {
    search("burst 1", buckets(1, 0, 0, &[0, 0, 1]), 10);
    search("burst 1, waiting", buckets(1, 0, 4, &[0, 1]), 100);
    search("burst 3", buckets(3, 0, 0, &[0, 1]), 1_000);
    search("burst 3, overlap 1, waiting", buckets(3, 1, 2, &[0, 1]), 1_000);
    search("burst 3, overlap 2, waiting", buckets(3, 2, 3, &[0, 1]), 1_000);
    search("burst 2, skew 2, waiting", buckets(2, 0, 3, &[0, 2]), 1_000);
}

#[test]
fn slots_that_an_opening_voids_are_not_granted_twice() {
    for open_for in [1, 2] {
        search("voided", Buckets { open_for: Some(open_for), ..buckets(2, 0, 3, &[0, 0]) }, 1_000);
        search("voided, skew", Buckets { open_for: Some(open_for), ..buckets(2, 1, 3, &[0, 1]) }, 1_000);
    }
}

#[test]
fn a_bucket_that_is_read_and_then_written_is_found_out() {
    let bad = Buckets { unconditional: true, ..buckets(2, 0, 0, &[0, 0]) };
    let checker = bad.checker().spawn_bfs().join();
    checker.assert_any_discovery("calls stay below burst + rate × (time + skew)");
}
