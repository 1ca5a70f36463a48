//! Asking for a permit: which write, and what a refused write means.

use super::bucket::{Micros, Take};
use super::change::{Change, Trial};
use super::config::{Dependency, GateConfig};
use super::{Gate, PermitId};
use crate::breaker::BreakerState;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Somebody wants to call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// The name of this admission.
    pub id: PermitId,
    /// How many tokens the call takes.
    pub tokens: u32,
    /// The latest moment at which the call may begin.
    pub deadline: Timestamp,
    /// Whether slots in the future begin at a whole second, because the caller cannot wait more finely (Step Functions'
    /// Wait state cuts milliseconds off, and the call would come too early).
    pub whole_seconds: bool,
}

/// A request that no gate can ever grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// A call takes at least one token.
    #[error("a call takes at least one token")]
    NoTokens,
    /// More than the bucket holds for certain.
    #[error("{tokens} tokens can never be granted: the gate of {dependency} gives at most {capacity} at once")]
    TooManyTokens {
        /// Asked for.
        tokens: u32,
        /// Burst without overlap, of one shard.
        capacity: u32,
        /// Whose gate.
        dependency: String,
    },
    /// The deadline has passed.
    #[error("the deadline has passed")]
    DeadlinePassed,
}

/// The right to make one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permit {
    /// Whom the call is for.
    pub dependency: Dependency,
    /// The name of the admission.
    pub id: PermitId,
    /// The item that granted it.
    pub shard: u16,
    /// The gate's generation.
    pub generation: u64,
    /// What its report means.
    pub kind: PermitKind,
    /// How many tokens it took.
    pub tokens: u32,
    /// Not earlier than this.
    pub call_at: Timestamp,
}

/// What a permit's report means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PermitKind {
    /// Admitted by a closed gate: failures count.
    Counted {
        /// The call's number in its generation, from 1.
        sequence: u64,
    },
    /// A trial of a half-open gate: it decides.
    Trial {
        /// How often the gate has opened in a row.
        opens: u32,
    },
    /// Admitted by a disabled gate: only a push-back matters.
    Uncounted,
    /// Nobody was asked, because the store gave no answer and the policy is to allow.
    Unasked,
}

/// Why a call is not permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The gate is open, or forced open.
    Open,
    /// It is half-open and all permits are out.
    Permits,
    /// The bucket has no slot within the longest wait, or before the deadline.
    Rate,
    /// The provider asked to be left alone for a while.
    Hold,
    /// The store of gates gives no answer, and the policy is to refuse.
    Store,
}

impl Reason {
    /// The word in metrics and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Permits => "permits",
            Self::Rate => "rate",
            Self::Hold => "hold",
            Self::Store => "store",
        }
    }

    /// Whether waiting is all that it takes: the provider is healthy, as far as anybody knows.
    pub fn passes_by_itself(self) -> bool {
        matches!(self, Self::Rate | Self::Hold)
    }
}

/// No, and when to ask again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the call is not permitted ({}); ask again in {} ms", .reason.as_str(), .retry_after.as_millis())]
pub struct CallNotPermitted {
    /// Why.
    pub reason: Reason,
    /// Earlier it is no use, as far as one can tell now.
    pub retry_after: Duration,
}

fn refused(reason: Reason, retry_after: Duration) -> CallNotPermitted {
    CallNotPermitted { reason, retry_after }
}

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Try this write.
    Write(Change),
    /// It is granted already, by a write whose answer was lost.
    Granted(Permit),
    /// No.
    Refused(CallNotPermitted),
}

impl GateConfig {
    /// Whether the request can be granted at all.
    ///
    /// # Errors
    /// [`InvalidRequest`] otherwise.
    pub fn check_request(&self, request: &Request, now: Timestamp) -> Result<(), InvalidRequest> {
        let capacity = self.bucket.capacity;
        if request.tokens == 0 {
            return Err(InvalidRequest::NoTokens);
        }
        if request.tokens > capacity {
            let dependency = self.dependency.to_string();
            return Err(InvalidRequest::TooManyTokens { tokens: request.tokens, capacity, dependency });
        }
        if request.deadline < now {
            return Err(InvalidRequest::DeadlinePassed);
        }
        Ok(())
    }

    /// How long this request may wait for its slot.
    pub(super) fn patience(&self, request: &Request, now: Timestamp) -> Duration {
        let left = now.until(request.deadline);
        let rounding = if request.whole_seconds { Duration::from_millis(999) } else { Duration::ZERO };
        self.max_wait.min(left.saturating_sub(rounding))
    }

    /// What to do, now that the item is known.
    pub fn decide(&self, request: &Request, gate: &Gate, now: Timestamp) -> Step {
        match self.write_for(request, gate, now) {
            Ok(change) => Step::Write(change),
            Err(refusal) => Step::Refused(refusal),
        }
    }

    /// What to do after a write found its condition false: `gate` is the item that it found.
    pub fn decide_again(&self, request: &Request, tried: &Change, gate: &Gate, now: Timestamp) -> Step {
        if gate.state == BreakerState::HalfOpen && gate.permits.contains(&request.id) && gate.not_before <= now {
            // The write had succeeded, its answer was lost, and it was sent again.
            if let Some(permit) = self.trial_permit(request, tried) {
                return Step::Granted(permit);
            }
        }
        // Judged by the moment for which it asked: whoever would have been refused then is refused, and does not race
        // those who ask now for a slot that has come back since.
        if let Change::Reserve { now: asked, .. } = tried
            && let Step::Refused(refusal) = self.decide(request, gate, *asked)
        {
            let left = refusal.retry_after.saturating_sub(asked.until(now));
            return Step::Refused(refused(refusal.reason, left.max(Duration::from_millis(1))));
        }
        self.decide(request, gate, now)
    }

    fn write_for(&self, request: &Request, gate: &Gate, now: Timestamp) -> Result<Change, CallNotPermitted> {
        match gate.state {
            BreakerState::Closed | BreakerState::Disabled => {
                let take = self.take(request, gate, gate.tat, now)?;
                Ok(Change::Reserve { state: gate.state, take, now })
            }
            BreakerState::ForcedOpen => Err(refused(Reason::Open, self.max_break_duration)),
            BreakerState::Open if gate.until > now => Err(refused(Reason::Open, now.until(gate.until))),
            BreakerState::Open => {
                // Reservations of the time before it opened are void.
                let tat = gate.tat.min(Micros::from(gate.until).plus(self.bucket.burst()));
                Ok(Change::BeginTrials(self.trial(request, gate, tat, now)?))
            }
            BreakerState::HalfOpen if gate.permits.len() < self.permitted_calls_in_half_open => {
                let mut trial = self.trial(request, gate, gate.tat, now)?;
                trial.until = trial.until.max(gate.until);
                Ok(Change::JoinTrials(trial))
            }
            BreakerState::HalfOpen if gate.until > now => {
                Err(refused(Reason::Permits, now.until(gate.until).min(self.break_duration)))
            }
            BreakerState::HalfOpen => Ok(Change::RestartTrials(self.trial(request, gate, gate.tat, now)?)),
        }
    }

    fn take(&self, request: &Request, gate: &Gate, tat: Micros, now: Timestamp) -> Result<Take, CallNotPermitted> {
        self.bucket.take(tat, now, request.tokens, self.patience(request, now)).map_err(|needs| {
            if gate.not_before > now {
                refused(Reason::Hold, now.until(gate.not_before).max(needs))
            } else {
                refused(Reason::Rate, needs)
            }
        })
    }

    /// A trial must neither call inside a hold nor exceed the rate.
    fn trial(&self, request: &Request, gate: &Gate, tat: Micros, now: Timestamp) -> Result<Trial, CallNotPermitted> {
        if gate.not_before > now {
            return Err(refused(Reason::Hold, now.until(gate.not_before)));
        }
        self.take(request, gate, tat, now)?;
        let after = self.bucket.after(tat, now, request.tokens);
        let call_at = slot(request, self.bucket.call_at(now, after), now);
        Ok(Trial {
            generation: gate.generation,
            id: request.id.clone(),
            permits: self.permitted_calls_in_half_open,
            tat_was: gate.tat,
            tat: after,
            until: call_at.plus(self.permit_lease),
            now,
            call_at,
            opens: gate.opens,
        })
    }

    /// The permit that a successful write granted; `after` is the item that it left. `None` for a write that grants none.
    pub fn permit(&self, request: &Request, shard: u16, written: &Change, after: &Gate) -> Option<Permit> {
        let Change::Reserve { state, now, .. } = written else {
            return self.trial_permit(request, written);
        };
        let kind = if *state == BreakerState::Closed {
            PermitKind::Counted { sequence: after.sequence }
        } else {
            PermitKind::Uncounted
        };
        // `tat` keeps a hold, but by the numbers of whoever wrote it, whose configuration may have been another one.
        let call_at = slot(request, self.bucket.call_at(*now, after.tat).max(after.not_before), *now);
        Some(self.permit_of(request, shard, after.generation, kind, call_at))
    }

    /// Of the generation that the write begins, or joins: whatever has become of the gate since.
    fn trial_permit(&self, request: &Request, written: &Change) -> Option<Permit> {
        let (trial, generation) = match written {
            Change::BeginTrials(trial) | Change::RestartTrials(trial) => (trial, trial.generation + 1),
            Change::JoinTrials(trial) => (trial, trial.generation),
            _ => return None,
        };
        Some(self.permit_of(request, 0, generation, PermitKind::Trial { opens: trial.opens }, trial.call_at))
    }

    /// The permit of a caller that asked nobody.
    pub fn unasked(&self, request: &Request, now: Timestamp) -> Permit {
        self.permit_of(request, 0, 0, PermitKind::Unasked, now)
    }

    fn permit_of(
        &self,
        request: &Request,
        shard: u16,
        generation: u64,
        kind: PermitKind,
        call_at: Timestamp,
    ) -> Permit {
        let (dependency, id, tokens) = (self.dependency.clone(), request.id.clone(), request.tokens);
        Permit { dependency, id, shard, generation, kind, tokens, call_at }
    }

    /// Whether a caller that waited for its slot may call. Otherwise the slot is forfeited: ask again.
    pub fn still_good(&self, permit: &Permit, gate: &Gate, now: Timestamp) -> bool {
        self.in_time(permit, now) && gate.generation == permit.generation && gate.not_before <= now
    }

    /// Whether it is neither too early for the permit nor too late.
    pub fn in_time(&self, permit: &Permit, now: Timestamp) -> bool {
        permit.call_at <= now.plus(self.clock_skew) && now <= permit.call_at.plus(self.call_slack)
    }
}

/// When the call is: a slot of now stays now, one in the future may have to begin at a whole second.
fn slot(request: &Request, call_at: Timestamp, now: Timestamp) -> Timestamp {
    if request.whole_seconds && call_at > now {
        Timestamp(call_at.0.div_euclid(1000) * 1000 + if call_at.0.rem_euclid(1000) > 0 { 1000 } else { 0 })
    } else {
        call_at
    }
}

#[cfg(test)]
mod tests;
