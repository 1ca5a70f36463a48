//! What gets through to a provider that is dead: one gate for all callers, beside a breaker in each caller's memory.

use crate::settings::{CALLERS, LATENCY, PROVIDER, RATE, TIMEOUT};
use crate::table::{Purpose, Table};
use crate::world::{Task, World, lock, poisson};
use admission::Admission;
use admission::observer::Unobserved;
use domain::gate::config::GateConfig;
use domain::gate::report::Outcome;
use domain::time::Clock;
use serde::Serialize;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

/// Shorter than the first break, so that no trial call mixes in.
pub const LASTS: Duration = Duration::from_secs(25);
/// The callers' demand, as a share of the rate.
pub const SHARE: f64 = 0.9;

/// Who has the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Breakers {
    /// One item for all callers.
    Gate,
    /// The same rules and knobs in the memory of each caller, which costs nothing and tells nobody.
    PerInstance,
}

/// What got through.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outage {
    /// Breakers that there are.
    pub breakers: u32,
    /// Breakers that had opened when it ended.
    pub opened: u32,
    /// Failures that had been counted when the decision to open was made, of all breakers together.
    pub failures_before_open: u32,
    /// Calls that were running then, or were admitted until the write that opens had landed.
    pub in_flight: u32,
    /// Calls that a breaker admitted although it was open.
    pub calls_while_open: u32,
    /// Calls of the whole fleet after the first breaker had opened.
    pub calls_after_first_open: u32,
    /// All calls that reached the provider.
    pub calls: u32,
    /// From the first failure to the opening of the last breaker, in seconds.
    pub seconds_until_all_open: f64,
}

struct Fleet {
    world: World,
    breakers: Vec<(Table, Admission<Table, World, Unobserved>)>,
    /// When each call to the provider began, and by whose permission.
    calls: Mutex<Vec<(Duration, usize)>>,
}

/// Callers call a provider that never answers, at 0.9 of the rate, for 25 s.
pub fn run(breakers: Breakers, config: &GateConfig, seed: u64) -> Outage {
    let world = World::new(seed);
    let breaker = |latency: Duration, table: Option<&Table>| {
        let table = table.cloned().unwrap_or_else(|| Table::new(&world, latency));
        let admission = Admission::new(table.clone(), world.clone(), Unobserved, [config.clone()]);
        (table, admission)
    };
    let shared = Table::new(&world, LATENCY);
    let breakers_of_all = (0..CALLERS).map(|_| match breakers {
        Breakers::Gate => breaker(LATENCY, Some(&shared)),
        Breakers::PerInstance => breaker(Duration::ZERO, None),
    });
    let fleet = Fleet { world: world.clone(), breakers: breakers_of_all.collect(), calls: Mutex::default() };
    let fleet = Rc::new(fleet);
    let mut callers = fastrand::Rng::with_seed(!seed);
    world.run(poisson(seed, SHARE * RATE).take_while(|at| *at < LASTS).map(|at| {
        let (fleet, caller) = (Rc::clone(&fleet), callers.usize(..CALLERS));
        (at, Box::pin(async move { fleet.call(caller).await }) as Task)
    }));
    let calls = lock(&fleet.calls);
    match breakers {
        Breakers::Gate => sum(&[&shared], |_| 0, &calls),
        Breakers::PerInstance => {
            let tables: Vec<&Table> = fleet.breakers.iter().map(|(table, _)| table).collect();
            sum(&tables, |caller| caller, &calls)
        }
    }
}

impl Fleet {
    async fn call(&self, caller: usize) {
        let admission = &self.breakers[caller].1;
        let Ok(permit) = admission.admit(PROVIDER, 1, self.world.now()).await else { return };
        lock(&self.calls).push((self.world.elapsed(), caller));
        self.world.sleep(TIMEOUT).await;
        // The table always answers; what it was asked is in its log.
        admission.report(&permit, Outcome::Failure).await.ok();
    }
}

/// `breaker_of` says which table a caller asks.
fn sum(tables: &[&Table], breaker_of: impl Fn(usize) -> usize, calls: &[(Duration, usize)]) -> Outage {
    let (mut failures_before_open, mut opened, mut before, mut while_open) = (0, 0, 0, 0);
    let mut openings = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let log = table.log();
        let opening = log.iter().find(|access| access.purpose == Purpose::Opening && access.done);
        let (decided, landed) = opening.map_or((Duration::MAX, Duration::MAX), |o| (o.sent, o.landed));
        opened += u32::from(opening.is_some());
        openings.extend(opening.map(|o| o.landed));
        for access in &log {
            let counted = access.purpose == Purpose::Count && access.done && access.landed <= decided;
            failures_before_open += u32::from(counted);
        }
        for (began, _) in calls.iter().filter(|(_, caller)| breaker_of(*caller) == index) {
            before += u32::from(*began <= landed);
            while_open += u32::from(*began > landed);
        }
    }
    let first = openings.iter().min().copied().unwrap_or(Duration::MAX);
    let last = openings.iter().max().copied().unwrap_or_default();
    let first_failure = calls.first().map(|(began, _)| *began + TIMEOUT).unwrap_or_default();
    Outage {
        breakers: count(tables.len()),
        opened,
        failures_before_open,
        in_flight: before - failures_before_open,
        calls_while_open: while_open,
        calls_after_first_open: count(calls.iter().filter(|(began, _)| *began > first).count()),
        calls: count(calls.len()),
        seconds_until_all_open: last.saturating_sub(first_failure).as_secs_f64(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
