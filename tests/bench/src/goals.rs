//! What must be so.

use crate::estimates::DECISIONS;
use crate::load::{Costs, Way};
use crate::outage::Breakers;
use crate::report::{Loaded, Report};
use serde::Serialize;
use std::fmt;

/// The slowest decision that is still pure bookkeeping, in nanoseconds.
const A_MICROSECOND: f64 = 1000.0;

/// One figure and its limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// What it is about.
    pub what: String,
    /// The least that is right.
    pub at_least: f64,
    /// The most that is right.
    pub at_most: f64,
    /// What was measured; `null`: nothing was.
    pub measured: Option<f64>,
    /// Whether it is right.
    pub met: bool,
}

impl Goal {
    fn between(what: impl Into<String>, at_least: f64, at_most: f64, measured: Option<f64>) -> Self {
        let met = measured.is_some_and(|measured| (at_least..=at_most).contains(&measured));
        Self { what: what.into(), at_least, at_most, measured, met }
    }

    /// A figure that may be so large and no larger.
    pub fn at_most(what: impl Into<String>, limit: f64, measured: Option<f64>) -> Self {
        Self::between(what, 0.0, limit, measured)
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.met { "met   " } else { "MISSED" };
        let measured = self.measured.map_or("not measured".to_owned(), |measured| format!("{measured:.3}"));
        let limit = if (self.at_most - self.at_least).abs() < f64::EPSILON {
            format!("exactly {}", self.at_most)
        } else {
            format!("at most {}", self.at_most)
        };
        write!(f, "{word}  {:<76}{measured:>12}  ({limit})", self.what)
    }
}

impl Report {
    /// The goals, judged by this report's figures.
    pub fn judge(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for (share, limit) in [(0.5, 1.35), (0.9, 1.10)] {
            for (patience, name) in [(0, "refusing at once"), (1000, "reserving slots")] {
                let measured = self.gate_at(share, patience).map(|costs| costs.per_granted.writes);
                goals.push(Goal::at_most(format!("writes per granted call at {share}, {name}"), limit, measured));
            }
        }
        for share in [0.9, 2.0] {
            let refused = self.gate_at(share, 0).and_then(|costs| costs.per_refused);
            goals.push(Goal::at_most(
                format!("writes per refused call at {share}"),
                1.0,
                refused.map(|per_call| per_call.writes),
            ));
        }
        goals.push(Goal::at_most(
            "reads by calls that did not wait, all loads",
            0.0,
            self.worst(|costs| f64::from(costs.reads_without_waiting)),
        ));
        goals.push(Goal::at_most(
            "extra writes per success, all loads",
            0.0,
            self.worst(|costs| costs.writes_per_success),
        ));
        goals.push(Goal::at_most("polls, all loads", 0.0, self.worst(|costs| f64::from(costs.polls))));
        for dead in self.outages.iter().filter(|dead| dead.breakers == Breakers::Gate) {
            let (outage, knobs) = (&dead.outage, &dead.knobs);
            let threshold = u32::try_from(dead.threshold).map_or(f64::INFINITY, f64::from);
            let failures = Some(f64::from(outage.failures_before_open));
            let opened = Some(f64::from(outage.opened));
            let while_open = Some(f64::from(outage.calls_while_open));
            goals.push(Goal::between(format!("it opens ({knobs})"), 1.0, 1.0, opened));
            goals.push(Goal::between(format!("failures before it opens ({knobs})"), threshold, threshold, failures));
            goals.push(Goal::at_most(format!("calls while it is open ({knobs})"), 0.0, while_open));
        }
        for (name, what) in DECISIONS {
            let estimate = self.decisions.iter().find(|estimate| estimate.name == name);
            let measured = estimate.map(|estimate| estimate.at_most);
            goals.push(Goal::at_most(format!("ns: {what}"), A_MICROSECOND, measured));
        }
        goals
    }

    fn gate_at(&self, share: f64, patience_ms: u64) -> Option<&Costs> {
        let at = |load: &&Loaded| load.share == Some(share) && load.patience_ms == patience_ms;
        self.by_the_gate().find(at).map(|load| &load.costs)
    }

    fn worst(&self, figure: impl Fn(&Costs) -> f64) -> Option<f64> {
        self.by_the_gate().map(|load| figure(&load.costs)).max_by(f64::total_cmp)
    }

    fn by_the_gate(&self) -> impl Iterator<Item = &Loaded> {
        self.loads.iter().filter(|load| load.way == Way::Gate)
    }
}
