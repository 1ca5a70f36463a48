//! All figures of one run: measured, printed side by side, and written as JSON.

use crate::estimates::Estimate;
use crate::goals::Goal;
use crate::load::{Costs, Way, herd, steady};
use crate::outage::{self, Breakers, Outage};
use crate::settings::{BURST, CALLERS, LATENCY, RATE, gate, millis};
use serde::Serialize;
use std::error::Error;
use std::fmt::{self, Write as _};
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

impl Loaded {
    fn name(&self) -> &'static str {
        match (self.way, self.patience_ms) {
            (Way::Gate, 0) => "the gate",
            (Way::Gate, _) => "the gate, reserving slots",
            (Way::ReadModifyWrite, 0) => "version-checked read-modify-write",
            (Way::ReadModifyWrite, _) => "  the same, coming again",
            (Way::PollAndRetry, _) => "poll and retry, no breaker",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { callers, rate_per_second: rate, burst, latency_ms, calls, seed, .. } = self;
        writeln!(
            f,
            "The gate: {callers} callers, {rate} calls/s, burst {burst}, default overlap; virtual time, seed {seed}."
        )?;
        writeln!(
            f,
            "A write lands {latency_ms} ms after it was sent. Writes include those whose condition was false."
        )?;
        let mut heading = String::new();
        for load in &self.loads {
            let title = match (load.share, load.patience_ms) {
                (Some(share), 0) => format!("{calls} calls at {share} of capacity, refused at once"),
                (Some(share), patience) => format!("{calls} calls at {share} of capacity, waiting up to {patience} ms"),
                (None, _) => format!("{WAITERS} waiters in the same instant"),
            };
            if title != heading {
                writeln!(f, "\n{title}")?;
                writeln!(
                    f,
                    "  {:<36}{:>8}{:>8}{:>15}{:>15}{:>15}{:>9}{:>9}{:>9}",
                    "", "granted", "refused", "per granted", "per refused", "per healthy", "polls", "all w/gr", "last"
                )?;
                writeln!(
                    f,
                    "  {:<36}{:>8}{:>8}{:>15}{:>15}{:>15}",
                    "", "", "", "writes  reads", "writes  reads", "writes  reads"
                )?;
                heading = title;
            }
            writeln!(f, "{}", line(load)?)?;
        }
        writeln!(
            f,
            "\nA dead provider: calls at 0.9 of capacity, each fails after 200 ms; 25 s, then trial calls would begin"
        )?;
        writeln!(
            f,
            "  {:<26}{:<28}{:>10}{:>10}{:>11}{:>12}{:>18}{:>16}",
            "", "", "failures", "in flight", "while open", "all calls", "after first open", "until all open"
        )?;
        for Dead { breakers, knobs, outage, .. } in &self.outages {
            let name = match breakers {
                Breakers::Gate => "the gate",
                Breakers::PerInstance => "a breaker per instance",
            };
            let Outage { failures_before_open, in_flight, calls_while_open, calls, calls_after_first_open, .. } =
                outage;
            let seconds = format!("{:.2} s", outage.seconds_until_all_open);
            writeln!(
                f,
                "  {name:<26}{knobs:<28}{failures_before_open:>10}{in_flight:>10}{calls_while_open:>11}{calls:>12}{calls_after_first_open:>18}{seconds:>16}"
            )?;
        }
        writeln!(f, "\nThe pure core (criterion; mean, upper end of its 95 % interval)")?;
        for Estimate { what, nanoseconds, at_most, .. } in &self.decisions {
            writeln!(f, "  {what:<58}{nanoseconds:>8.0} ns{at_most:>8.0} ns")?;
        }
        writeln!(f, "\nGoals")?;
        for goal in &self.goals {
            writeln!(f, "  {goal}")?;
        }
        Ok(())
    }
}

fn line(load: &Loaded) -> Result<String, fmt::Error> {
    let Loaded { costs, .. } = load;
    let mut line = format!("  {:<36}{:>8}{:>8}", load.name(), costs.granted, costs.refused);
    for per_call in [Some(costs.per_granted), costs.per_refused, Some(costs.per_healthy)] {
        match per_call {
            Some(per_call) => write!(line, "{:>8.3}{:>7.3}", per_call.writes, per_call.reads)?,
            None => write!(line, "{:>8}{:>7}", "-", "-")?,
        }
    }
    write!(line, "{:>9}{:>9.3}{:>7.1} s", costs.polls, costs.all_writes_per_granted, costs.seconds)?;
    Ok(line)
}
