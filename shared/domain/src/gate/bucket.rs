//! The token bucket: GCRA, in one number. `tat` is the moment at which the bucket will be full again; taking `n`
//! tokens moves it `n` intervals on.
//!
//! Two branches, because a conditional write cannot compute a maximum: *append* to a `tat` that lies ahead, or *restart*
//! from now where the bucket is full. Within the overlap both are valid, which saves failed writes under changing load.

use crate::time::Timestamp;
use std::time::Duration;

/// A moment in microseconds since the Unix epoch; finer than [`Timestamp`], so that no rate is lost to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// The same moment.
    pub fn from(moment: Timestamp) -> Self {
        Self(moment.0.saturating_mul(1000))
    }

    /// `span` microseconds later.
    #[must_use]
    pub fn plus(self, span: i64) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// The first whole millisecond that is not before it.
    pub fn ceil(self) -> Timestamp {
        Timestamp(self.0.div_euclid(1000) + i64::from(self.0.rem_euclid(1000) > 0))
    }
}

/// Numbers of one bucket (of one shard).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The time in which one token comes back, in microseconds.
    pub interval: i64,
    /// Tokens that are certain after idling: burst − overlap.
    pub capacity: u32,
    /// Tokens by which the two branches overlap.
    pub overlap: u32,
}

/// How tokens are taken: the condition on `tat`, and its new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// `tat + by`, if it lies in `from ..= to`.
    Append {
        /// Microseconds.
        by: i64,
        /// The earliest `tat` that may be appended to.
        from: Micros,
        /// The latest.
        to: Micros,
    },
    /// `to`, if `tat` lies before `before`.
    Restart {
        /// The new `tat`.
        to: Micros,
        /// Now.
        before: Micros,
    },
}

impl Take {
    /// The new `tat`, if the condition holds.
    pub fn apply(&self, tat: Micros) -> Option<Micros> {
        match *self {
            Self::Append { by, from, to } => (from <= tat && tat <= to).then(|| tat.plus(by)),
            Self::Restart { to, before } => (tat < before).then_some(to),
        }
    }
}

impl Bucket {
    fn span(&self, tokens: u32) -> i64 {
        self.interval.saturating_mul(i64::from(tokens))
    }

    /// All that can be taken at once at most: the burst, as microseconds.
    pub fn burst(&self) -> i64 {
        self.span(self.capacity + self.overlap)
    }

    /// The latest `tat` at which `tokens` may be taken by a caller that waits at most `wait`.
    pub fn limit(&self, now: Timestamp, tokens: u32, wait: Duration) -> Micros {
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        Micros::from(now).plus(self.span(self.capacity.saturating_sub(tokens))).plus(wait)
    }

    /// The branch for a `tat` ahead.
    pub fn append(&self, now: Timestamp, tokens: u32, wait: Duration) -> Take {
        let from = Micros::from(now).plus(-self.span(self.overlap));
        Take::Append { by: self.span(tokens), from, to: self.limit(now, tokens, wait) }
    }

    /// The branch for a full bucket.
    pub fn restart(&self, now: Timestamp, tokens: u32) -> Take {
        let before = Micros::from(now);
        Take::Restart { to: before.plus(self.span(tokens)), before }
    }

    /// The branch that fits a `tat`.
    ///
    /// # Errors
    /// How long the bucket needs until `tokens` can be taken.
    pub fn take(&self, tat: Micros, now: Timestamp, tokens: u32, wait: Duration) -> Result<Take, Duration> {
        let branches = [self.append(now, tokens, wait), self.restart(now, tokens)];
        branches.into_iter().find(|take| take.apply(tat).is_some()).ok_or_else(|| {
            let limit = self.limit(now, tokens, wait);
            Duration::from_micros(tat.0.saturating_sub(limit.0).unsigned_abs())
        })
    }

    /// When the call of tokens is that moved `tat` to here.
    pub fn call_at(&self, now: Timestamp, tat: Micros) -> Timestamp {
        tat.plus(-self.span(self.capacity)).ceil().max(now)
    }

    /// How many tokens are certain to be granted at once.
    pub fn available(&self, tat: Micros, now: Timestamp) -> u32 {
        let room = self.limit(now, 0, Duration::ZERO).0.saturating_sub(tat.0).max(0);
        u32::try_from(room / self.interval).unwrap_or(u32::MAX).min(self.capacity)
    }

    /// The `tat` that lets nobody call before `moment`, and one token then.
    pub fn held_until(&self, moment: Timestamp) -> Micros {
        Micros::from(moment).plus(self.span(self.capacity) - self.interval)
    }

    /// The `tat` of a trial that takes tokens: a number, for its write is conditioned on the very `tat` that was read.
    pub fn after(&self, tat: Micros, now: Timestamp, tokens: u32) -> Micros {
        tat.max(Micros::from(now)).plus(self.span(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);
    const BUCKET: Bucket = Bucket { interval: 100_000, capacity: 4, overlap: 1 };

    fn at(millis: i64) -> Micros {
        Micros::from(NOW).plus(millis * 1000)
    }

    #[test]
    fn a_moment_between_two_milliseconds_is_rounded_up() {
        assert_eq!(Micros(1000).ceil(), Timestamp(1));
        assert_eq!(Micros(1001).ceil(), Timestamp(2));
        assert_eq!(Micros(-1).ceil(), Timestamp(0));
    }

    #[test]
    fn both_branches_are_valid_in_the_overlap_and_only_there() {
        let append = BUCKET.append(NOW, 1, Duration::ZERO);
        let restart = BUCKET.restart(NOW, 1);
        assert_eq!((append.apply(at(-101)), restart.apply(at(-101))), (None, Some(at(100))));
        assert_eq!((append.apply(at(-100)), restart.apply(at(-100))), (Some(at(0)), Some(at(100))));
        assert_eq!((append.apply(at(0)), restart.apply(at(0))), (Some(at(100)), None));
        assert_eq!(append.apply(at(300)), Some(at(400)));
        assert_eq!(append.apply(at(300).plus(1)), None);
    }

    #[test]
    fn a_full_bucket_gives_its_capacity_at_once_and_then_makes_wait() {
        let mut tat = BUCKET.take(Micros(0), NOW, 1, Duration::ZERO).unwrap().apply(Micros(0)).unwrap();
        for _ in 1..4 {
            tat = BUCKET.take(tat, NOW, 1, Duration::ZERO).unwrap().apply(tat).unwrap();
            assert_eq!(BUCKET.call_at(NOW, tat), NOW);
        }
        assert_eq!(BUCKET.take(tat, NOW, 1, Duration::ZERO), Err(Duration::from_millis(100)));
        let patient = BUCKET.take(tat, NOW, 1, Duration::from_millis(100)).unwrap().apply(tat).unwrap();
        assert_eq!(BUCKET.call_at(NOW, patient), Timestamp(NOW.0 + 100));
        assert_eq!(BUCKET.take(patient, NOW, 1, Duration::from_millis(100)), Err(Duration::from_millis(100)));
    }

    #[test]
    fn what_is_available_is_what_can_be_taken_at_once() {
        for (tat, available) in [(-1000, 4), (0, 4), (1, 3), (100, 3), (399, 0), (400, 0), (10_000, 0)] {
            assert_eq!(BUCKET.available(at(tat), NOW), available, "{tat}");
            if available > 0 {
                assert!(BUCKET.take(at(tat), NOW, available, Duration::ZERO).is_ok(), "{tat}");
            }
            assert!(BUCKET.take(at(tat), NOW, available + 1, Duration::ZERO).is_err() || available == 4, "{tat}");
        }
    }

    #[test]
    fn nobody_calls_before_the_end_of_a_hold() {
        let end = NOW.plus(Duration::from_secs(1));
        let held = BUCKET.held_until(end);
        let wait = Duration::from_secs(1);
        let one = BUCKET.take(held, NOW, 1, wait).unwrap().apply(held).unwrap();
        assert_eq!(BUCKET.call_at(NOW, one), end);
        assert!(BUCKET.take(held, NOW, 1, Duration::from_millis(999)).is_err());
    }

    #[test]
    fn a_trial_takes_from_the_tat_or_from_now() {
        assert_eq!(BUCKET.after(at(-500), NOW, 2), at(200));
        assert_eq!(BUCKET.after(at(50), NOW, 1), at(150));
        assert_eq!(BUCKET.burst(), 500_000);
    }
}
