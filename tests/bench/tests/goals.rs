//! The goals on fewer calls than `make bench` has, and that a goal can be missed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bench::estimates::{DECISIONS, Estimate};
use bench::goals::Goal;
use bench::load::{Way, herd};
use bench::report::{Report, measure};
use std::sync::LazyLock;
use std::time::Duration;

/// Decisions that took so long, for want of criterion.
fn decisions(nanoseconds: f64) -> Vec<Estimate> {
    let estimate = |(name, what): (&str, &str)| Estimate {
        name: name.to_owned(),
        what: what.to_owned(),
        nanoseconds,
        at_most: nanoseconds,
    };
    DECISIONS.map(estimate).to_vec()
}

static REPORT: LazyLock<Report> = LazyLock::new(|| measure(3, 4000, decisions(999.0)).unwrap());

fn missed(goals: &[Goal]) -> Vec<&Goal> {
    goals.iter().filter(|goal| !goal.met).collect()
}

#[test]
fn every_goal_is_met() {
    assert!(missed(&REPORT.goals).is_empty(), "{}", *REPORT);
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let once = || herd(Way::Gate, 100, Duration::from_mins(1), 5).run().unwrap();
    assert_eq!(once(), once());
}

#[test]
fn the_usual_ways_miss_what_the_gate_keeps() {
    for way in [Way::ReadModifyWrite, Way::PollAndRetry] {
        let mut report = REPORT.clone();
        for load in &mut report.loads {
            load.way = if load.way == way { Way::Gate } else { Way::PollAndRetry };
        }
        let goals = report.judge();
        assert!(missed(&goals).iter().any(|goal| goal.what.starts_with("polls")), "{way:?}");
        assert!(missed(&goals).iter().any(|goal| goal.what.starts_with("writes per granted call at 0.9")), "{way:?}");
    }
}

#[test]
fn a_breaker_too_late_or_a_slow_decision_is_a_goal_missed() {
    let mut report = REPORT.clone();
    report.outages[0].outage.failures_before_open += 1;
    report.outages[0].outage.calls_while_open += 1;
    report.decisions = decisions(1001.0);
    assert_eq!(missed(&report.judge()).len(), 2 + DECISIONS.len());
    report.decisions.clear();
    assert_eq!(missed(&report.judge()).len(), 2 + DECISIONS.len(), "what was not measured is not met");
}

#[test]
fn callers_that_wait_call_at_the_rate_and_without_a_pause() {
    let costs = herd(Way::Gate, 1000, Duration::from_mins(1), 5).run().unwrap();
    assert_eq!((costs.granted, costs.refused, costs.polls), (1000, 0, 0));
    // A thousand calls at a hundred per second, eight of them (burst less overlap) at once.
    assert!((9.9..10.1).contains(&costs.seconds), "{costs:?}");
}
