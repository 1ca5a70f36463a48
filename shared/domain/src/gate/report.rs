//! Reporting a call's outcome: which writes follow. A success in a closed gate costs none.

use super::Gate;
use super::admit::{Permit, PermitKind};
use super::bucket::Micros;
use super::change::{Because, Change, Mark};
use super::config::GateConfig;
use crate::breaker::BreakerState;
use crate::time::{Timestamp, backoff};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The provider answered.
    Success,
    /// It answered, and what went wrong is ours: it counts as a call, not as a failure.
    Ignored,
    /// It did not answer, or answered that it cannot.
    Failure,
    /// It answered, too slowly.
    Slow,
    /// It asked to be left alone for so long (HTTP 429 with `Retry-After`); `None` where it named no time.
    PushedBack(Option<Duration>),
}

/// What a write of a report found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It was done; the item that it left.
    Done(Gate),
    /// Its condition was false; the item that it found.
    Refused(Gate),
}

impl GateConfig {
    /// The first write that an outcome asks for. `chance` in `0.0..1.0` is the break's jitter.
    pub fn report(&self, permit: &Permit, outcome: Outcome, now: Timestamp, chance: f64) -> Option<Change> {
        if let Outcome::PushedBack(retry_after) = outcome {
            return Some(self.hold(self.hold_end(retry_after, now), true));
        }
        match (permit.kind, outcome) {
            (PermitKind::Trial { .. }, Outcome::Success | Outcome::Ignored) => Some(self.count_success(permit, now)),
            (PermitKind::Trial { opens }, _) => {
                let why = if outcome == Outcome::Slow { "A trial call was slow." } else { "A trial call failed." };
                Some(self.reopen(permit.generation, opens, Timestamp(0), why, now, chance))
            }
            (PermitKind::Counted { sequence }, Outcome::Failure) => Some(self.count(permit, Mark::Failure, sequence)),
            (PermitKind::Counted { sequence }, Outcome::Slow) => Some(self.count(permit, Mark::Slow, sequence)),
            _ => None,
        }
    }

    /// The write after `tried`, which ended as `found`.
    pub fn report_next(
        &self,
        permit: &Permit,
        tried: &Change,
        found: &Found,
        now: Timestamp,
        chance: f64,
    ) -> Option<Change> {
        match (tried, found) {
            (Change::Count { generation, bucket, .. }, Found::Done(gate)) => {
                if let Some(why) = self.judge(gate, *bucket) {
                    return Some(self.open(*generation, &why, now, chance));
                }
                let buckets = self.forgettable(gate);
                (!buckets.is_empty()).then_some(Change::Forget { generation: *generation, buckets })
            }
            (Change::CountSuccess { generation, id, .. }, Found::Refused(gate)) => {
                // Enough others have succeeded; or this very write had, and was sent again.
                let closes = gate.generation == *generation && !gate.successes.contains(id);
                closes.then(|| self.close(permit, now))
            }
            (Change::Hold { until, tat, .. }, Found::Refused(gate)) if gate.not_before < *until => {
                Some(self.hold(*until, gate.tat < *tat))
            }
            (Change::Hold { until, .. }, _) => match permit.kind {
                PermitKind::Trial { opens } => {
                    let why = "The provider pushed a trial call back.";
                    Some(self.reopen(permit.generation, opens, *until, why, now, chance))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn hold_end(&self, retry_after: Option<Duration>, now: Timestamp) -> Timestamp {
        let asked = retry_after.unwrap_or(self.push_back).min(self.max_push_back);
        now.plus(asked).plus(self.clock_skew)
    }

    fn hold(&self, until: Timestamp, moves_tat: bool) -> Change {
        let tat: Micros = self.bucket.held_until(until);
        Change::Hold { until, tat, moves_tat }
    }

    fn count(&self, permit: &Permit, mark: Mark, sequence: u64) -> Change {
        Change::Count { generation: permit.generation, mark, bucket: self.window_bucket(sequence) }
    }

    fn count_success(&self, permit: &Permit, now: Timestamp) -> Change {
        match self.successes_to_close - 1 {
            0 => self.close(permit, now),
            below => Change::CountSuccess { generation: permit.generation, id: permit.id.clone(), below },
        }
    }

    fn close(&self, permit: &Permit, now: Timestamp) -> Change {
        let why = format!("{} trial calls succeeded.", self.successes_to_close);
        Change::Close {
            generation: permit.generation,
            id: permit.id.clone(),
            others: self.successes_to_close - 1,
            because: by_the_gate(why, now),
        }
    }

    fn open(&self, generation: u64, why: &str, now: Timestamp, chance: f64) -> Change {
        let until = now.plus(self.break_after(0, chance));
        let because = by_the_gate(why.to_owned(), now);
        Change::Open { generation, from: BreakerState::Closed, until, opens: 1, because }
    }

    fn reopen(
        &self,
        generation: u64,
        opens: u32,
        not_before: Timestamp,
        why: &str,
        now: Timestamp,
        chance: f64,
    ) -> Change {
        let until = now.plus(self.break_after(opens, chance)).max(not_before);
        let because = by_the_gate(why.to_owned(), now);
        Change::Open { generation, from: BreakerState::HalfOpen, until, opens: opens.saturating_add(1), because }
    }

    /// Exponential, with up to a fifth of jitter on top: never shorter than `break_duration`, never longer than the longest.
    fn break_after(&self, opens: u32, chance: f64) -> Duration {
        let base = backoff(self.break_duration, opens, self.max_break_duration);
        (base + base.mul_f64(chance.clamp(0.0, 1.0) / 5.0)).min(self.max_break_duration)
    }
}

fn by_the_gate(why: String, at: Timestamp) -> Because {
    Because { by: "gate".to_owned(), why, at }
}

#[cfg(test)]
mod tests;
