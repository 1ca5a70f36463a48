//! A report for people: one table, everything side by side.

use crate::load::{Costs, PerCall, Way};
use crate::outage::{Breakers, LASTS, Outage, SHARE};
use crate::report::{Dead, Loaded, Report, WAITERS};
use crate::settings::{CALL, TIMEOUT};
use std::fmt::{self, Display, Formatter};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { callers, rate_per_second: rate, burst, latency_ms, seed, .. } = self;
        let (call, timeout) = (CALL.as_millis(), TIMEOUT.as_millis());
        writeln!(f, "The gate: {callers} callers, {rate} calls/s, burst {burst}, default overlap, seed {seed}.")?;
        writeln!(
            f,
            "Real: the gate's core and driver. Simulated: time, the provider ({call} ms a call), and the table, in"
        )?;
        writeln!(f, "which each access lands after {latency_ms} ms. Writes include those whose condition was false.")?;
        self.loads(f)?;

        writeln!(
            f,
            "\nA dead provider: calls at {SHARE} of capacity for {} s, each fails after {timeout} ms",
            LASTS.as_secs()
        )?;
        let heads = ["failures", "in", "while", "after the", "all", "until all"];
        outage_line(f, "", "", &heads.map(str::to_owned))?;
        let heads = ["before open", "flight", "open", "first open", "calls", "are open"];
        outage_line(f, "", "knobs", &heads.map(str::to_owned))?;
        for dead in &self.outages {
            dead.line(f)?;
        }

        writeln!(f, "\nThe pure core, by criterion{:>41}{:>16}", "mean", "95 %: at most")?;
        for estimate in &self.decisions {
            writeln!(f, "  {:<56}{:>7.0} ns{:>13.0} ns", estimate.what, estimate.nanoseconds, estimate.at_most)?;
        }
        writeln!(f, "\nGoals")?;
        self.goals.iter().try_for_each(|goal| writeln!(f, "  {goal}"))
    }
}

impl Report {
    fn loads(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let heads = ["per granted", "per refused", "per healthy"].map(str::to_owned);
        load_line(f, "", ["", ""].map(str::to_owned), heads, ["", "all writes", "last call"].map(str::to_owned))?;
        let heads = ["granted", "refused"].map(str::to_owned);
        let pairs = ["writes   reads"; 3].map(str::to_owned);
        load_line(f, "", heads, pairs, ["polls", "/ granted", "began"].map(str::to_owned))?;
        let mut heading = String::new();
        for load in &self.loads {
            let title = match (load.share, load.patience_ms) {
                (Some(share), 0) => format!("{} calls at {share} of capacity, refused at once", self.calls),
                (Some(share), wait) => format!("{} calls at {share} of capacity, waiting up to {wait} ms", self.calls),
                (None, _) => format!("{WAITERS} waiters in the same instant"),
            };
            if title != heading {
                writeln!(f, "{title}")?;
                heading = title;
            }
            load.line(f)?;
        }
        Ok(())
    }
}

impl Loaded {
    fn name(&self) -> &'static str {
        match (self.way, self.patience_ms) {
            (Way::Gate, 0) => "the gate",
            (Way::Gate, _) => "the gate, reserving slots",
            (Way::ReadModifyWrite, 0) => "read-modify-write, version-checked",
            (Way::ReadModifyWrite, _) => "read-modify-write, and poll",
            (Way::PollAndRetry, _) => "conditional write, and poll",
        }
    }

    fn line(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Costs { granted, refused, polls, all_writes_per_granted, seconds, .. } = &self.costs;
        let pair = |per_call: Option<PerCall>| {
            per_call
                .map_or("-       -".to_owned(), |per_call| format!("{:.3} {:>7.3}", per_call.writes, per_call.reads))
        };
        let pairs =
            [pair(Some(self.costs.per_granted)), pair(self.costs.per_refused), pair(Some(self.costs.per_healthy))];
        let rest = [polls.to_string(), format!("{all_writes_per_granted:.3}"), format!("{seconds:.1} s")];
        load_line(f, self.name(), [granted.to_string(), refused.to_string()], pairs, rest)
    }
}

fn load_line(
    f: &mut Formatter<'_>,
    name: &str,
    [granted, refused]: [String; 2],
    [per_granted, per_refused, per_healthy]: [String; 3],
    [polls, all, last]: [String; 3],
) -> fmt::Result {
    write!(f, "  {name:<36}{granted:>8}{refused:>8}{per_granted:>17}{per_refused:>17}{per_healthy:>17}")?;
    writeln!(f, "{polls:>9}{all:>12}{last:>11}")
}

impl Dead {
    fn line(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self.breakers {
            Breakers::Gate => "the gate",
            Breakers::PerInstance => "a breaker in each caller",
        };
        let Outage { failures_before_open, in_flight, calls_while_open, calls_after_first_open, calls, .. } =
            self.outage;
        let figures =
            [failures_before_open, in_flight, calls_while_open, calls_after_first_open, calls].map(|n| n.to_string());
        let [failures, in_flight, while_open, after_first, calls] = figures;
        let seconds = format!("{:.2} s", self.outage.seconds_until_all_open);
        outage_line(f, name, &self.knobs, &[failures, in_flight, while_open, after_first, calls, seconds])
    }
}

fn outage_line(f: &mut Formatter<'_>, name: &str, knobs: &str, figures: &[String; 6]) -> fmt::Result {
    write!(f, "  {name:<28}{knobs:<28}")?;
    figures.iter().try_for_each(|figure| write!(f, "{figure:>13}"))?;
    writeln!(f)
}
