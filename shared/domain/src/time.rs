//! Time is a parameter: nothing in this crate reads a clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

const WITH_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A moment, in milliseconds since the Unix epoch; the unit of every table, message and event of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `span` later; the last representable one where that would overflow.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// The moment `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long it is until `later`; nothing where that has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0).max(0).unsigned_abs())
    }

    /// RFC 3339 in UTC, for people and HTTP; `None` outside the years that it can write.
    pub fn rfc3339(self) -> Option<String> {
        let nanos = i128::from(self.0) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
    }

    /// As [`Timestamp::rfc3339`], with three decimals whatever they are.
    pub fn rfc3339_millis(self) -> Option<String> {
        let nanos = i128::from(self.0) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
        (0..=9999).contains(&moment.year()).then(|| moment.format(WITH_MILLIS).ok())?
    }

    /// The moment that a text in RFC 3339 names, in whatever offset; finer than a millisecond is cut off.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000_000)).ok().map(Self)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Where a service gets the time from.
pub trait Clock {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// How a service waits.
pub trait Pause {
    /// Lets time pass.
    fn pause(&self, span: Duration) -> impl Future<Output = ()> + Send;
}

/// Where a service gets chance from, for jitter only.
pub trait Chance {
    /// A number in `0.0..1.0`.
    fn draw(&self) -> f64;
}

/// Full jitter: a delay drawn evenly between nothing and `base · 2^exponent`, capped at `cap`
/// (AWS Architecture Blog, "Exponential Backoff And Jitter").
pub fn full_jitter(base: Duration, exponent: u32, cap: Duration, chance: &impl Chance) -> Duration {
    backoff(base, exponent, cap).mul_f64(chance.draw().clamp(0.0, 1.0))
}

/// `base · 2^exponent`, capped at `cap`.
pub fn backoff(base: Duration, exponent: u32, cap: Duration) -> Duration {
    base.saturating_mul(2u32.saturating_pow(exponent.min(31))).min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(Timestamp(1_700_000_000_123).rfc3339().as_deref(), Some("2023-11-14T22:13:20.123Z"));
        assert_eq!(Timestamp(i64::MAX).rfc3339(), None);
    }

    #[test]
    fn a_moment_is_written_with_three_decimals() {
        assert_eq!(Timestamp(1_700_000_000_000).rfc3339_millis().as_deref(), Some("2023-11-14T22:13:20.000Z"));
        assert_eq!(Timestamp(-1).rfc3339_millis().as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(Timestamp(i64::MIN).rfc3339_millis(), None);
    }

    #[test]
    fn a_moment_is_read_in_any_offset() {
        let read = |text| Timestamp::from_rfc3339(text);
        assert_eq!(read("2023-11-14T23:13:20.1239+01:00"), Some(Timestamp(1_700_000_000_123)));
        assert_eq!(read("1969-12-31T23:59:59.999Z"), Some(Timestamp(-1)));
        for text in ["", "2023-11-14", "2023-11-14T22:13:20", "2023-02-30T00:00:00Z", "now"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_has_passed_takes_no_more_time() {
        assert_eq!(Timestamp(5).until(Timestamp(12)), Duration::from_millis(7));
        assert_eq!(Timestamp(12).until(Timestamp(5)), Duration::ZERO);
        assert_eq!(Timestamp(i64::MAX).until(Timestamp(i64::MIN)), Duration::ZERO);
    }

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let cap = Duration::from_mins(15);
        let delays: Vec<u64> = (0..8).map(|n| backoff(Duration::from_secs(10), n, cap).as_secs()).collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 320, 640, 900]);
        assert_eq!(backoff(Duration::from_secs(10), u32::MAX, cap), cap);
    }
}
