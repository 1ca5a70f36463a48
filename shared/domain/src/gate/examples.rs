//! A gate for unit tests: ten calls per second, burst five.

use super::PermitId;
use super::admit::Request;
use super::config::{Dependency, GateConfig, Knobs};
use crate::time::Timestamp;
use std::time::Duration;

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Knobs as a person would write them.
pub(super) fn knobs() -> Knobs {
    serde_json::from_value(serde_json::json!({
        "ratePerSecond": 10, "burst": 5, "callTimeoutMs": 2000, "storeUnreachable": "refuse", "overlap": 1,
        "maxWaitMs": 1000, "slidingWindowSize": 20, "minimumNumberOfCalls": 4, "minimumFailures": 2,
        "breakDurationMs": 10_000, "maxBreakDurationMs": 60_000, "permitLeaseMs": 4000,
    }))
    .unwrap()
}

pub(super) fn dependency() -> Dependency {
    Dependency::try_from("fraud".to_owned()).unwrap()
}

pub(super) fn config() -> GateConfig {
    GateConfig::new(dependency(), &knobs()).unwrap()
}

/// One token, an hour of patience.
pub(super) fn request(id: &str) -> Request {
    let deadline = NOW.plus(Duration::from_hours(1));
    Request { id: PermitId(id.to_owned()), tokens: 1, deadline, whole_seconds: false }
}
