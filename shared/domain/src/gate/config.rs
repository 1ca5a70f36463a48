//! The knobs of one gate. Names follow resilience4j and Polly; what cannot work is refused with a sentence.

use super::bucket::Bucket;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The window is counted in so many buckets.
pub const WINDOW_BUCKETS: u64 = 10;
/// The most writes per second that one item of DynamoDB takes.
const WRITES_PER_ITEM: f64 = 1000.0;
/// A transaction changes at most 100 items: the shards, and the audit of a person's order.
const MOST_SHARDS: u16 = 99;
/// Between its recheck and its call nobody is quicker.
const LEAST_SLACK: Duration = Duration::from_millis(50);
/// Permits are listed in the item, which every call writes.
const MOST_PERMITS: u32 = 100;
/// A wait longer than a day is a mistake in the unit.
const LONGEST: Duration = Duration::from_hours(24);

/// The name of a third party: lower case letters, digits and dashes, a letter first, at most 40.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dependency(String);

impl Dependency {
    /// As it is in table and configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Dependency> for String {
    fn from(name: Dependency) -> Self {
        name.0
    }
}

impl TryFrom<String> for Dependency {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if letters && name.len() <= 40 && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase()) {
            Ok(Self(name))
        } else {
            Err("a dependency's name has at most 40 lower case letters, digits and dashes, a letter first".to_owned())
        }
    }
}

/// What happens to calls while the store of gates gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorePolicy {
    /// They go through, unbounded and uncounted.
    Allow,
    /// They are refused.
    Refuse,
}

/// The knobs as they are written in configuration: four that must be said, and the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Knobs {
    /// Tokens that come back per second, of all shards together.
    pub rate_per_second: f64,
    /// Tokens that can be taken at once at most, of all shards together.
    pub burst: u32,
    /// A call that takes longer has failed.
    pub call_timeout_ms: u64,
    /// What happens to calls while the store gives no answer.
    pub store_unreachable: StorePolicy,
    /// Tokens of each shard's burst by which the bucket's two branches overlap: more means fewer writes, and `burst −
    /// overlap` are certain after idling. Default: a fifth of a shard's burst.
    #[serde(default)]
    pub overlap: Option<u32>,
    /// The longest wait for a reserved slot. Default: 0, which refuses instead.
    #[serde(default)]
    pub max_wait_ms: u64,
    /// Percent of the window's calls; 0 counts failures alone. Default: 50.
    #[serde(default = "fifty")]
    pub failure_rate_threshold: u32,
    /// Percent of the window's calls; 0 counts slow calls alone. Default: 100.
    #[serde(default = "hundred")]
    pub slow_call_rate_threshold: u32,
    /// A successful call that takes as long is slow. Default: the time-out, so that none is.
    #[serde(default)]
    pub slow_call_duration_ms: Option<u64>,
    /// Before so many calls nothing is judged. Default: 10.
    #[serde(default = "ten")]
    pub minimum_number_of_calls: u64,
    /// Fewer failures (or slow calls) never open. Default: 5.
    #[serde(default = "five")]
    pub minimum_failures: u64,
    /// The last calls that are judged; a multiple of 10. Default: 100.
    #[serde(default = "window")]
    pub sliding_window_size: u64,
    /// Trial calls per generation. Default: 3.
    #[serde(default = "three")]
    pub permitted_calls_in_half_open: u32,
    /// Successful trial calls that close. Default: 2.
    #[serde(default = "two")]
    pub successes_to_close: u32,
    /// From opening to the first trial; doubles while trials fail, with up to a fifth of jitter. Default: 30 000.
    #[serde(default = "half_a_minute")]
    pub break_duration_ms: u64,
    /// The longest break. Default: 600 000.
    #[serde(default = "ten_minutes")]
    pub max_break_duration_ms: u64,
    /// A trial permit that nobody reports counts for so long from its call on. Default: time-out + skew + slack + 1 000.
    #[serde(default)]
    pub permit_lease_ms: Option<u64>,
    /// The largest difference between the clocks of two callers. Default: 250.
    #[serde(default = "quarter_of_a_second")]
    pub clock_skew_ms: u64,
    /// How late a caller may come to its slot. Default: 250.
    #[serde(default = "quarter_of_a_second")]
    pub call_slack_ms: u64,
    /// What a push-back without a time means. Default: 1 000.
    #[serde(default = "second")]
    pub push_back_ms: u64,
    /// The longest push-back that is believed. Default: 3 600 000.
    #[serde(default = "hour")]
    pub max_push_back_ms: u64,
    /// Items that share the load. Default: 1.
    #[serde(default = "one")]
    pub shards: u16,
}

fn fifty() -> u32 {
    50
}
fn hundred() -> u32 {
    100
}
fn ten() -> u64 {
    10
}
fn five() -> u64 {
    5
}
fn window() -> u64 {
    100
}
fn three() -> u32 {
    3
}
fn two() -> u32 {
    2
}
fn half_a_minute() -> u64 {
    30_000
}
fn ten_minutes() -> u64 {
    600_000
}
fn quarter_of_a_second() -> u64 {
    250
}
fn second() -> u64 {
    1000
}
fn hour() -> u64 {
    3_600_000
}
fn one() -> u16 {
    1
}

/// Knobs that cannot work together; the sentence says which and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the gate of {dependency} cannot work: {rule}")]
pub struct InvalidKnobs {
    /// Whose gate.
    pub dependency: Dependency,
    /// What must be so.
    pub rule: String,
}

/// Knobs that work together.
#[derive(Debug, Clone, PartialEq)]
pub struct GateConfig {
    /// Whose gate.
    pub dependency: Dependency,
    /// The bucket of one shard.
    pub bucket: Bucket,
    /// The longest wait for a reserved slot.
    pub max_wait: Duration,
    /// Percent.
    pub failure_rate_threshold: u64,
    /// Percent.
    pub slow_call_rate_threshold: u64,
    /// A successful call that takes as long is slow.
    pub slow_call_duration: Duration,
    /// Before so many calls nothing is judged.
    pub minimum_number_of_calls: u64,
    /// Fewer failures never open.
    pub minimum_failures: u64,
    /// Calls per bucket of the window.
    pub window_bucket_size: u64,
    /// Trial calls per generation.
    pub permitted_calls_in_half_open: usize,
    /// Successful trial calls that close.
    pub successes_to_close: usize,
    /// From opening to the first trial.
    pub break_duration: Duration,
    /// The longest break.
    pub max_break_duration: Duration,
    /// How long an unreported trial permit counts, from its call on.
    pub permit_lease: Duration,
    /// A call that takes longer has failed.
    pub call_timeout: Duration,
    /// The largest difference between the clocks of two callers.
    pub clock_skew: Duration,
    /// How late a caller may come to its slot.
    pub call_slack: Duration,
    /// What a push-back without a time means.
    pub push_back: Duration,
    /// The longest push-back that is believed.
    pub max_push_back: Duration,
    /// What happens while the store gives no answer.
    pub store_unreachable: StorePolicy,
    /// Items that share the load.
    pub shards: u16,
}

impl GateConfig {
    /// Checks the knobs.
    ///
    /// # Errors
    /// [`InvalidKnobs`] with the first rule that they break.
    pub fn new(dependency: Dependency, knobs: &Knobs) -> Result<Self, InvalidKnobs> {
        match Self::check(dependency.clone(), knobs) {
            Ok(config) => Ok(config),
            Err(rule) => Err(InvalidKnobs { dependency, rule }),
        }
    }

    fn check(dependency: Dependency, knobs: &Knobs) -> Result<Self, String> {
        let millis = Duration::from_millis;
        let shards = knobs.shards;
        must((1..=MOST_SHARDS).contains(&shards), || format!("shards must be 1 to {MOST_SHARDS}"))?;
        let rate = knobs.rate_per_second;
        must(rate.is_finite() && rate > 0.0, || "ratePerSecond must be greater than 0".to_owned())?;
        let per_shard = rate / f64::from(shards);
        must(per_shard <= WRITES_PER_ITEM, || {
            format!("{rate} calls per second need more shards, as one item takes {WRITES_PER_ITEM} writes per second")
        })?;
        let interval = interval_micros(per_shard).ok_or("ratePerSecond must be at least one call per day")?;
        let burst = knobs.burst / u32::from(shards);
        must(burst >= 1, || "burst must be at least 1 for each shard".to_owned())?;
        let overlap = knobs.overlap.unwrap_or(burst / 5);
        must(overlap < burst, || "overlap must be smaller than a shard's burst".to_owned())?;

        let call_timeout = millis(knobs.call_timeout_ms);
        must(!call_timeout.is_zero(), || "callTimeoutMs must be greater than 0".to_owned())?;
        let slow_call_duration = knobs.slow_call_duration_ms.map_or(call_timeout, millis);
        must(!slow_call_duration.is_zero(), || "slowCallDurationMs must be greater than 0".to_owned())?;
        let (clock_skew, call_slack) = (millis(knobs.clock_skew_ms), millis(knobs.call_slack_ms));
        must(call_slack >= LEAST_SLACK, || format!("callSlackMs must be at least {}", LEAST_SLACK.as_millis()))?;
        let least_lease = call_timeout + clock_skew + call_slack;
        let permit_lease = knobs.permit_lease_ms.map_or(least_lease + millis(1000), millis);
        must(permit_lease > least_lease, || {
            "permitLeaseMs must be longer than callTimeoutMs + clockSkewMs + callSlackMs".to_owned()
        })?;
        let break_duration = millis(knobs.break_duration_ms);
        must(break_duration > clock_skew, || "breakDurationMs must be longer than clockSkewMs".to_owned())?;
        let max_break_duration = millis(knobs.max_break_duration_ms);
        must(max_break_duration >= break_duration, || {
            "maxBreakDurationMs must not be shorter than breakDurationMs".to_owned()
        })?;
        for (name, span) in [
            ("callTimeoutMs", call_timeout),
            ("slowCallDurationMs", slow_call_duration),
            ("permitLeaseMs", permit_lease),
            ("maxBreakDurationMs", max_break_duration),
            ("maxWaitMs", millis(knobs.max_wait_ms)),
            ("maxPushBackMs", millis(knobs.max_push_back_ms)),
        ] {
            must(span <= LONGEST, || format!("{name} must not be longer than a day"))?;
        }
        must(knobs.push_back_ms <= knobs.max_push_back_ms, || {
            "maxPushBackMs must not be shorter than pushBackMs".to_owned()
        })?;

        let window = knobs.sliding_window_size;
        must(window > 0 && window.is_multiple_of(WINDOW_BUCKETS), || {
            format!("slidingWindowSize must be a multiple of {WINDOW_BUCKETS}")
        })?;
        must((1..=window).contains(&knobs.minimum_number_of_calls), || {
            "minimumNumberOfCalls must be 1 to slidingWindowSize".to_owned()
        })?;
        must((1..=window).contains(&knobs.minimum_failures), || {
            "minimumFailures must be 1 to slidingWindowSize".to_owned()
        })?;
        must(knobs.failure_rate_threshold <= 100, || "failureRateThreshold must be 0 to 100 percent".to_owned())?;
        must(knobs.slow_call_rate_threshold <= 100, || "slowCallRateThreshold must be 0 to 100 percent".to_owned())?;
        let (permitted, to_close) = (knobs.permitted_calls_in_half_open, knobs.successes_to_close);
        must((1..=MOST_PERMITS).contains(&permitted), || {
            format!("permittedCallsInHalfOpen must be 1 to {MOST_PERMITS}")
        })?;
        must((1..=permitted).contains(&to_close), || {
            "successesToClose must be 1 to permittedCallsInHalfOpen".to_owned()
        })?;

        Ok(Self {
            dependency,
            bucket: Bucket { interval, capacity: burst - overlap, overlap },
            max_wait: millis(knobs.max_wait_ms),
            failure_rate_threshold: knobs.failure_rate_threshold.into(),
            slow_call_rate_threshold: knobs.slow_call_rate_threshold.into(),
            slow_call_duration,
            minimum_number_of_calls: knobs.minimum_number_of_calls,
            minimum_failures: knobs.minimum_failures,
            window_bucket_size: window / WINDOW_BUCKETS,
            permitted_calls_in_half_open: permitted as usize,
            successes_to_close: to_close as usize,
            break_duration,
            max_break_duration,
            permit_lease,
            call_timeout,
            clock_skew,
            call_slack,
            push_back: millis(knobs.push_back_ms),
            max_push_back: millis(knobs.max_push_back_ms),
            store_unreachable: knobs.store_unreachable,
            shards,
        })
    }
}

fn must(holds: bool, rule: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule()) }
}

/// ⌈1/rate⌉ in microseconds: rounding up never grants more than the rate.
fn interval_micros(rate: f64) -> Option<i64> {
    let micros = (1e6 / rate).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most a day of microseconds, which f64 and i64 hold exactly"
    )]
    (micros <= 86_400e6).then_some(micros as i64)
}

#[cfg(test)]
mod tests;
