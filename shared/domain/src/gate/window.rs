//! The sliding window over the last calls of a generation, in ten buckets.
//!
//! Each closed admission numbers its call. A failure is counted in the bucket of its call's own number, not of the
//! moment of its report: calls and failures of a bucket are the same cohort, however late the reports come.

use super::config::{GateConfig, WINDOW_BUCKETS};
use super::{Gate, WindowBucket};
use std::collections::BTreeMap;

/// Counters that no window needs any more are removed in one write once there are so many.
const FORGET_AT: usize = 20;

/// What a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Calls admitted, reported or not.
    pub calls: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that were slow.
    pub slow: u64,
}

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
        let Counts { calls, failures, slow } = self.counts(gate, end);
        if calls < self.minimum_number_of_calls {
            return None;
        }
        let too_many = |count: u64, threshold: u64, what: &str| {
            (count >= self.minimum_failures && count * 100 >= threshold * calls)
                .then(|| format!("{count} of {calls} calls {what}."))
        };
        too_many(failures, self.failure_rate_threshold, "failed")
            .or_else(|| too_many(slow, self.slow_call_rate_threshold, "were slow"))
    }

    /// What the window holds that ends with the latest call.
    pub fn current_window(&self, gate: &Gate) -> Counts {
        self.counts(gate, self.window_bucket(gate.sequence))
    }

    fn counts(&self, gate: &Gate, end: WindowBucket) -> Counts {
        let size = self.window_bucket_size;
        let first = (end + 1).saturating_sub(WINDOW_BUCKETS);
        let sum = |counts: &BTreeMap<WindowBucket, u64>| counts.range(first..=end).map(|(_, n)| n).sum();
        Counts {
            calls: gate.sequence.min((end + 1) * size).saturating_sub(first * size),
            failures: sum(&gate.failures),
            slow: sum(&gate.slow),
        }
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

#[cfg(test)]
mod tests {
    use super::super::examples::{NOW, config};
    use super::*;

    #[test]
    fn the_current_window_ends_with_the_latest_call_and_forgets_what_fell_out() {
        // 20 calls a window, two a bucket: the 25th call is in bucket 12, so the window begins with bucket 3.
        let gate =
            Gate { sequence: 25, failures: [(2, 9), (3, 1), (12, 1)].into(), slow: [(4, 2)].into(), ..Gate::new(NOW) };
        assert_eq!(config().current_window(&gate), Counts { calls: 19, failures: 2, slow: 2 });
        assert_eq!(config().current_window(&Gate::new(NOW)), Counts { calls: 0, failures: 0, slow: 0 });
    }
    /// A gate of so many calls, with failures by bucket; two calls a bucket, ten buckets a window, at least 4 calls and 2
    /// failures, half of the calls.
    fn gate(sequence: u64, failures: &[(u64, u64)]) -> Gate {
        Gate { sequence, failures: failures.iter().copied().collect(), ..Gate::new(NOW) }
    }

    fn opens(sequence: u64, failures: &[(u64, u64)], bucket: u64) -> bool {
        config().judge(&gate(sequence, failures), bucket).is_some()
    }

    #[test]
    fn calls_are_numbered_from_one_and_fill_one_bucket_after_the_other() {
        let buckets: Vec<u64> = (0..6).map(|sequence| config().window_bucket(sequence)).collect();
        assert_eq!(buckets, [0, 0, 0, 1, 1, 2]);
    }

    #[test]
    fn nothing_is_judged_before_there_are_enough_calls_and_enough_failures() {
        assert!(!opens(3, &[(0, 2), (1, 1)], 1), "three calls");
        assert!(opens(4, &[(0, 2)], 0), "two of four");
        assert!(!opens(4, &[(0, 1)], 0), "one failure");
        let config = GateConfig { failure_rate_threshold: 0, minimum_failures: 3, ..config() };
        assert!(config.judge(&gate(20, &[(0, 2)]), 0).is_none(), "a plain counter counts to three");
        assert!(config.judge(&gate(20, &[(0, 3)]), 0).is_some());
    }

    #[test]
    fn the_threshold_is_a_share_of_the_window_s_calls() {
        assert!(!opens(20, &[(9, 2), (8, 2), (5, 2), (0, 3)], 9), "nine of twenty");
        assert!(opens(20, &[(9, 2), (8, 2), (5, 2), (1, 2), (0, 2)], 9), "ten of twenty");
        let why = config().judge(&gate(4, &[(0, 1), (1, 2)]), 1);
        assert_eq!(why.as_deref(), Some("3 of 4 calls failed."));
    }

    #[test]
    fn failures_that_fell_out_of_the_window_do_not_count() {
        // Calls 21 and 22 are bucket 10; its window begins with bucket 1.
        assert!(!opens(22, &[(0, 2), (1, 2), (2, 2), (3, 2), (4, 2), (10, 1)], 10), "nine of twenty");
        assert!(opens(22, &[(1, 2), (2, 2), (3, 2), (4, 2), (10, 2)], 10));
    }

    #[test]
    fn a_late_report_is_judged_in_the_windows_of_its_own_call() {
        // Four calls failed, a hundred were reserved behind them: the window that ends with the four says so.
        assert!(opens(100, &[(0, 2), (1, 2)], 0));
        assert!(opens(100, &[(0, 2), (1, 2)], 1));
        // Each window that holds the call is judged, also the one that ends nine buckets later.
        assert!(opens(100, &[(1, 1), (6, 2), (7, 2), (8, 2), (9, 2), (10, 1)], 1));
        assert!(!opens(100, &[(1, 1), (6, 1), (7, 2), (8, 2), (9, 2), (10, 1), (11, 2)], 1), "bucket 11 is beyond it");
    }

    #[test]
    fn the_latest_window_is_not_complete_and_counts_the_calls_that_there_are() {
        assert!(opens(5, &[(1, 1), (2, 2)], 2), "three of five");
        assert!(!opens(7, &[(2, 1), (3, 2)], 3), "three of seven");
    }
    #[test]
    fn counters_are_forgotten_when_two_windows_are_behind_them_and_there_are_twenty() {
        // Calls 91 and 92 are bucket 45, so that bucket 24 is the last which nobody needs.
        let counted = |first: u64| (first..=45).map(|bucket| (bucket, 1)).collect::<Vec<_>>();
        assert_eq!(config().forgettable(&gate(92, &counted(5))), (5..25).collect::<Vec<_>>());
        assert!(config().forgettable(&gate(92, &counted(6))).is_empty(), "nineteen");
    }
}
