//! `reserve-call`: asks a gate for a call, for state machines in any language.
//!
//! `{"dependency": "fraud", "tokens": 1}` → [`Answer`]: call now; wait until `callAt` and recheck; reserve again later;
//! or do not call. `{"dependency": "fraud", "recheck": PERMIT}`, after the wait → call now, reserve again, or do not call.

use crate::present::not_null;
use admission::observer::Observer;
use admission::{Admission, AdmitError, Recheck};
use domain::gate::admit::{CallNotPermitted, Permit, PermitKind, Reason};
use domain::gate::config::GateConfig;
use domain::gate::store::Gates;
use domain::time::{Chance, Clock, Pause};
use lambda::task::TaskError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A slot in the future is rounded up to a whole second, so a caller that waits as long as the gate lets it waits up to a
/// second longer.
const ROUNDING: Duration = Duration::from_secs(1);

/// What the function is invoked with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Whom the call is for.
    pub dependency: String,
    /// How many tokens the call takes; one, if it is not said.
    #[serde(default, deserialize_with = "not_null")]
    pub tokens: Option<u32>,
    /// The permit of a caller that has waited for its slot.
    #[serde(default, deserialize_with = "not_null")]
    pub recheck: Option<Permit>,
}

/// What the caller may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// Call, now, and report.
    Call {
        /// For the report.
        permit: Permit,
        /// Whether a success must be reported, too; a failure always must.
        report_success: bool,
        /// A call that takes as many milliseconds is slow.
        slow_after_ms: u64,
    },
    /// Wait, recheck, and only then call.
    Wait {
        /// For the recheck.
        permit: Permit,
        /// Until when; RFC 3339, a whole second, in UTC.
        call_at: String,
        /// As for a call.
        report_success: bool,
        /// As for a call.
        slow_after_ms: u64,
    },
    /// After a recheck: the slot is forfeited, reserve again.
    Again,
    /// Nothing is wrong with the provider, as far as anybody knows: wait, and reserve again.
    Later {
        /// Whole seconds, at least one.
        retry_after: u64,
        /// `rate` or `hold`.
        reason: Reason,
    },
    /// Do not call: the circuit is open, or the gate cannot be asked.
    Refused {
        /// Whole seconds, at least one.
        retry_after: u64,
        /// `open`, `permits` or `store`.
        reason: Reason,
    },
}

/// The service behind the Lambda `reserve-call`.
pub struct Reserve<S, R, O> {
    /// Asks the gates.
    pub admission: Admission<S, R, O>,
    /// The time.
    pub clock: R,
}

impl<S: Gates, R: Clock + Chance + Pause, O: Observer> Reserve<S, R, O> {
    /// Answers one invocation.
    ///
    /// # Errors
    /// [`TaskError::BadInput`]: no such gate, no such permit, or tokens that no gate could ever grant.
    pub async fn handle(&self, request: Request) -> Result<Answer, TaskError> {
        let config = self.admission.config(&request.dependency).map_err(|e| TaskError::BadInput(e.to_string()))?;
        match (request.tokens, &request.recheck) {
            (tokens, None) => self.reserve(config, tokens.unwrap_or(1)).await,
            (None, Some(permit)) => self.recheck(config, permit).await,
            (Some(_), Some(_)) => Err(TaskError::BadInput("a recheck takes no tokens, its permit has them".to_owned())),
        }
    }

    async fn reserve(&self, config: &GateConfig, tokens: u32) -> Result<Answer, TaskError> {
        let deadline = self.clock.now().plus(config.max_wait + ROUNDING);
        let admitted = self.admission.admit_at_whole_second(config.dependency.as_str(), tokens, deadline).await;
        let permit = match admitted {
            Ok(permit) => permit,
            Err(error) => return no(error),
        };
        if permit.call_at <= self.clock.now() {
            return Ok(call(config, permit));
        }
        let call_at = permit.call_at.rfc3339();
        let call_at = call_at.ok_or_else(|| TaskError::Retryable("the slot's time cannot be written".to_owned()))?;
        let (report_success, slow_after_ms) = (must_report_success(&permit), slow_after_ms(config));
        Ok(Answer::Wait { permit, call_at, report_success, slow_after_ms })
    }

    async fn recheck(&self, config: &GateConfig, permit: &Permit) -> Result<Answer, TaskError> {
        if permit.dependency != config.dependency {
            return Err(TaskError::BadInput(format!("the permit is for {}", permit.dependency)));
        }
        match self.admission.recheck(permit).await {
            Ok(Recheck::Call) => Ok(call(config, permit.clone())),
            Ok(Recheck::Forfeited) => Ok(Answer::Again),
            Err(error) => no(error),
        }
    }
}

fn call(config: &GateConfig, permit: Permit) -> Answer {
    let (report_success, slow_after_ms) = (must_report_success(&permit), slow_after_ms(config));
    Answer::Call { permit, report_success, slow_after_ms }
}

/// A success in a closed gate changes nothing; that of a trial may close the circuit.
fn must_report_success(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Trial { .. })
}

fn slow_after_ms(config: &GateConfig) -> u64 {
    u64::try_from(config.slow_call_duration.as_millis()).unwrap_or(u64::MAX)
}

fn no(error: AdmitError) -> Result<Answer, TaskError> {
    match error {
        AdmitError::NotPermitted(CallNotPermitted { reason, retry_after }) => {
            let retry_after = retry_after.as_millis().div_ceil(1000).max(1);
            let retry_after = u64::try_from(retry_after).unwrap_or(u64::MAX);
            Ok(if reason.passes_by_itself() {
                Answer::Later { retry_after, reason }
            } else {
                Answer::Refused { retry_after, reason }
            })
        }
        AdmitError::Invalid(error) => Err(TaskError::BadInput(error.to_string())),
        AdmitError::Unknown(error) => Err(TaskError::BadInput(error.to_string())),
    }
}
