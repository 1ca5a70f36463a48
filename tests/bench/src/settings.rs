//! The numbers that all runs share.

use domain::gate::config::{Dependency, GateConfig, Knobs, StorePolicy};
use std::error::Error;
use std::time::Duration;

/// Processes that call, each with a memory of its own.
pub const CALLERS: usize = 50;
/// What the provider allows, in calls per second.
pub const RATE: f64 = 100.0;
/// And at once.
pub const BURST: u32 = 10;
/// From the sending of an access to its landing in the table.
pub const LATENCY: Duration = Duration::from_millis(5);
/// How long a call takes that goes well.
pub const CALL: Duration = Duration::from_millis(50);
/// How long a call to a dead provider takes.
pub const TIMEOUT: Duration = Duration::from_millis(200);
/// Whose gate it is.
pub const PROVIDER: &str = "provider";

/// The gate of all runs, with the default knobs but for what `adjust` says.
///
/// # Errors
/// Knobs that cannot work.
pub fn gate(adjust: impl FnOnce(&mut Knobs)) -> Result<GateConfig, Box<dyn Error>> {
    let mut knobs: Knobs = serde_json::from_value(serde_json::json!({
        "ratePerSecond": RATE, "burst": BURST, "callTimeoutMs": 2000, "storeUnreachable": StorePolicy::Refuse,
    }))?;
    adjust(&mut knobs);
    Ok(GateConfig::new(Dependency::try_from(PROVIDER.to_owned())?, &knobs)?)
}

/// Milliseconds, as knobs have them.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
