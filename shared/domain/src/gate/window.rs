//! The sliding window over the last calls of a generation, in ten buckets.
//!
//! Each closed admission numbers its call. A failure is counted in the bucket of its call's own number, not of the
//! moment of its report: calls and failures of a bucket are the same cohort, however late the reports come.

use super::config::{GateConfig, WINDOW_BUCKETS};
use super::{Gate, WindowBucket};
use std::collections::BTreeMap;

/// Counters that no window needs any more are removed in one write once there are so many.
const FORGET_AT: usize = 20;

impl GateConfig {
    /// The window's bucket of the call with this number; calls are numbered from 1.
    pub fn window_bucket(&self, sequence: u64) -> WindowBucket {
        sequence.saturating_sub(1) / self.window_bucket_size
    }

    /// Whether a failure or slow call in `bucket` opens the gate, and why, as a sentence.
    pub fn judge(&self, gate: &Gate, bucket: WindowBucket) -> Option<String> {
        let last = self.window_bucket(gate.sequence).min(bucket + WINDOW_BUCKETS - 1);
        (bucket..=last).find_map(|end| self.judge_window(gate, end))
    }

    fn judge_window(&self, gate: &Gate, end: WindowBucket) -> Option<String> {
        let size = self.window_bucket_size;
        let first = (end + 1).saturating_sub(WINDOW_BUCKETS);
        let calls = gate.sequence.min((end + 1) * size).saturating_sub(first * size);
        if calls < self.minimum_number_of_calls {
            return None;
        }
        let too_many = |counts: &BTreeMap<WindowBucket, u64>, threshold: u64, what: &str| {
            let count: u64 = counts.range(first..=end).map(|(_, n)| n).sum();
            (count >= self.minimum_failures && count * 100 >= threshold * calls)
                .then(|| format!("{count} of {calls} calls {what}."))
        };
        too_many(&gate.failures, self.failure_rate_threshold, "failed")
            .or_else(|| too_many(&gate.slow, self.slow_call_rate_threshold, "were slow"))
    }

    /// Buckets whose counters no report needs any more that is at most one window late; empty while they are few.
    pub fn forgettable(&self, gate: &Gate) -> Vec<WindowBucket> {
        let oldest = self.window_bucket(gate.sequence).saturating_sub(2 * WINDOW_BUCKETS);
        let old = gate.failures.range(..oldest).chain(gate.slow.range(..oldest)).map(|(bucket, _)| *bucket);
        let mut old: Vec<WindowBucket> = old.collect();
        if old.len() < FORGET_AT {
            return Vec::new();
        }
        old.sort_unstable();
        old.dedup();
        old
    }
}
