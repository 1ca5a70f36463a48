//! Moments as text. A moment is in milliseconds since 1970, UTC.

use time::format_description::{BorrowedFormatItem, well_known::Rfc3339};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// What `JSONata`'s `$fromMillis` writes: always three digits of a second, always `Z`.
const FORMAT: &[BorrowedFormatItem] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The moment as text; `None` outside the years 0 to 9999.
pub(crate) fn write(millis: i64) -> Option<String> {
    let moment = OffsetDateTime::UNIX_EPOCH.checked_add(Duration::milliseconds(millis))?;
    (0..=9999).contains(&moment.year()).then(|| moment.format(FORMAT).ok())?
}

/// The moment that a text in RFC 3339 names.
pub(crate) fn read(text: &str) -> Option<i64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_writing_and_reading() {
        assert_eq!(write(1_700_000_000_007).as_deref(), Some("2023-11-14T22:13:20.007Z"));
        assert_eq!(read("2023-11-14T22:13:20.007Z"), Some(1_700_000_000_007));
        assert_eq!(read("2023-11-14T23:13:20.007+01:00"), Some(1_700_000_000_007));
    }

    #[test]
    fn what_no_calendar_holds_is_refused() {
        assert_eq!(write(i64::MAX), None);
        assert_eq!(read("tomorrow"), None);
    }
}
