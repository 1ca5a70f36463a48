//! The `Retry-After` header (RFC 9110, 10.2.3): seconds, or an HTTP date.

use crate::time::Timestamp;
use std::time::Duration;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// No vendor means more than a day, and callers add this to clocks that can overflow.
const LONGEST: Duration = Duration::from_hours(24);

/// The one date format that senders may generate (RFC 9110, 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// How long to wait. A date is read against the same answer's `Date` header: the sender's clock against itself, so that
/// our clock's error does not matter. What cannot be read is `None`.
pub fn parse(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    wait(retry_after, || http_date(date?.trim()))
}

/// As [`parse`], for whoever does not know the answer's `Date` header: a date is read against our own clock.
pub fn parse_at(retry_after: &str, now: Timestamp) -> Option<Duration> {
    wait(retry_after, || {
        let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now.0) * 1_000_000).ok()?;
        Some(PrimitiveDateTime::new(now.date(), now.time()))
    })
}

fn wait(retry_after: &str, since: impl FnOnce() -> Option<PrimitiveDateTime>) -> Option<Duration> {
    let retry_after = retry_after.trim();
    let wait = if !retry_after.is_empty() && retry_after.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a u64 holds still mean "long".
        retry_after.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let wait = http_date(retry_after)? - since()?;
        // In the past: no need to wait.
        Duration::try_from(wait).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST))
}

fn http_date(text: &str) -> Option<PrimitiveDateTime> {
    PrimitiveDateTime::parse(text, HTTP_DATE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";

    #[test]
    fn seconds() {
        assert_eq!(parse("0", None), Some(Duration::ZERO));
        assert_eq!(parse(" 7 ", None), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_date_counts_from_the_senders_own_date() {
        assert_eq!(parse("Sun, 06 Nov 1994 12:01:30 GMT", Some(NOON)), Some(Duration::from_secs(90)));
        assert_eq!(parse("Sun, 06 Nov 1994 11:00:00 GMT", Some(NOON)), Some(Duration::ZERO));
        assert_eq!(parse(NOON, None), None);
    }

    #[test]
    fn without_the_senders_date_a_date_counts_from_our_own_time() {
        let noon = Timestamp(784_123_200_250);
        assert_eq!(parse_at("Sun, 06 Nov 1994 12:01:30 GMT", noon), Some(Duration::from_millis(89_750)));
        assert_eq!(parse_at("Sun, 06 Nov 1994 11:00:00 GMT", noon), Some(Duration::ZERO));
        assert_eq!(parse_at("7", noon), Some(Duration::from_secs(7)));
        assert_eq!(parse_at("soon", noon), None);
        assert_eq!(parse_at(NOON, Timestamp(i64::MAX)), None);
    }

    #[test]
    fn nonsense_is_nothing_and_too_much_is_a_day() {
        for nonsense in ["", "-1", "soon", "1.5", "06 Nov 1994"] {
            assert_eq!(parse(nonsense, Some(NOON)), None, "{nonsense}");
        }
        assert_eq!(parse("99999999999999999999999", None), Some(LONGEST));
        assert_eq!(parse("Sat, 06 Nov 2094 12:00:00 GMT", Some(NOON)), Some(LONGEST));
    }

    proptest! {
        #[test]
        fn no_text_panics_or_waits_longer_than_a_day(text in ".*", date in proptest::option::of(".*")) {
            prop_assert!(parse(&text, date.as_deref()).is_none_or(|wait| wait <= LONGEST));
        }
    }
}
