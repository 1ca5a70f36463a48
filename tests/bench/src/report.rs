//! All figures of one run.

use crate::estimates::Estimate;
use crate::goals::Goal;
use crate::load::{Costs, Way, herd, steady};
use crate::outage::{self, Breakers, Outage};
use crate::settings::{BURST, CALLERS, LATENCY, RATE, gate, millis};
use serde::Serialize;
use std::error::Error;
use std::time::Duration;

/// The shares of the rate at which callers ask.
pub const SHARES: [f64; 3] = [0.5, 0.9, 2.0];
/// Callers that wait, in the runs where they do.
pub const WAITERS: usize = 1000;
const A_SECOND: Duration = Duration::from_secs(1);
const TWO_MINUTES: Duration = Duration::from_mins(2);

/// One run at a load.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loaded {
    /// How callers ask.
    pub way: Way,
    /// The demand, as a share of the rate; `null`: all calls in the same instant.
    pub share: Option<f64>,
    /// How long a call may wait for its slot, in milliseconds; 0: it is refused at once.
    pub patience_ms: u64,
    /// What it cost.
    pub costs: Costs,
}

/// One run against a dead provider.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dead {
    /// Who has the breaker.
    pub breakers: Breakers,
    /// What the knobs ask for, as words.
    pub knobs: String,
    /// How many failures that is.
    pub threshold: u64,
    /// What got through.
    pub outage: Outage,
}

/// All figures.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What the figures mean.
    pub units: &'static str,
    /// The beginning of all chance.
    pub seed: u64,
    /// Processes that call.
    pub callers: usize,
    /// Calls per second that the provider allows.
    pub rate_per_second: f64,
    /// And at once.
    pub burst: u32,
    /// From sending to landing of an access, in milliseconds.
    pub latency_ms: u64,
    /// Calls per steady run.
    pub calls: usize,
    /// Asking.
    pub loads: Vec<Loaded>,
    /// A dead provider.
    pub outages: Vec<Dead>,
    /// The pure core.
    pub decisions: Vec<Estimate>,
    /// What must be so.
    pub goals: Vec<Goal>,
}

/// Every run there is, but for criterion's, whose `decisions` are given.
///
/// # Errors
/// A gate that is configured wrongly.
pub fn measure(seed: u64, calls: usize, decisions: Vec<Estimate>) -> Result<Report, Box<dyn Error>> {
    let mut loads = Vec::new();
    for share in SHARES {
        for (way, patience) in [
            (Way::Gate, Duration::ZERO),
            (Way::ReadModifyWrite, Duration::ZERO),
            (Way::Gate, A_SECOND),
            (Way::ReadModifyWrite, A_SECOND),
            (Way::PollAndRetry, A_SECOND),
        ] {
            let costs = steady(way, share, patience, calls, seed).run()?;
            loads.push(Loaded { way, share: Some(share), patience_ms: millis(patience), costs });
        }
    }
    for way in [Way::Gate, Way::ReadModifyWrite, Way::PollAndRetry] {
        let costs = herd(way, WAITERS, TWO_MINUTES, seed).run()?;
        loads.push(Loaded { way, share: None, patience_ms: millis(TWO_MINUTES), costs });
    }
    let mut report = Report {
        units: "accesses per call; times as their names say; nanoseconds for decisions",
        seed,
        callers: CALLERS,
        rate_per_second: RATE,
        burst: BURST,
        latency_ms: millis(LATENCY),
        calls,
        loads,
        outages: outages(seed)?,
        decisions,
        goals: Vec::new(),
    };
    report.goals = report.judge();
    Ok(report)
}

fn outages(seed: u64) -> Result<Vec<Dead>, Box<dyn Error>> {
    let counter = gate(|knobs| {
        knobs.failure_rate_threshold = 0;
        (knobs.minimum_failures, knobs.minimum_number_of_calls) = (10, 10);
    })?;
    let percent = gate(|_| {})?;
    let mut outages = Vec::new();
    for config in [counter, percent] {
        let (rate, calls) = (config.failure_rate_threshold, config.minimum_number_of_calls);
        // All calls fail, so the first window that is judged is the smallest.
        let threshold = config.minimum_failures.max((rate * calls).div_ceil(100));
        let knobs = match rate {
            0 => format!("{threshold} failures"),
            _ => format!("{rate} % of at least {calls} calls"),
        };
        for breakers in [Breakers::Gate, Breakers::PerInstance] {
            let outage = outage::run(breakers, &config, seed);
            outages.push(Dead { breakers, knobs: knobs.clone(), threshold, outage });
        }
    }
    Ok(outages)
}
