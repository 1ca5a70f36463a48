//! How the database writes a moment, `dd.mm.yyyy HH:MM:SS` in UTC, and how JSON does, RFC 3339 with milliseconds.

use time::{
    OffsetDateTime, PrimitiveDateTime, UtcOffset,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use crate::clock::Millis;

const OLD: &[BorrowedFormatItem<'_>] =
    format_description!("[day].[month].[year repr:full sign:automatic] [hour]:[minute]:[second]");
const JSON: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// As the database writes it, to the second; `None` outside the years 0 to 9999.
pub fn old(moment: Millis) -> Option<String> {
    in_utc(moment)?.format(OLD).ok()
}

/// Reads what the database holds; `None` if it is no date at all.
pub fn read_old(text: &str) -> Option<Millis> {
    let moment = millis(PrimitiveDateTime::parse(text, OLD).ok()?.assume_utc());
    // The parser is generous with signs and spaces. What is not written like we write it has another meaning, or none.
    (old(moment).as_deref() == Some(text)).then_some(moment)
}

/// As JSON writes it; `None` outside the years 0 to 9999.
pub fn json(moment: Millis) -> Option<String> {
    in_utc(moment)?.format(JSON).ok()
}

/// Reads any RFC 3339 time, to the millisecond.
pub fn read_json(text: &str) -> Option<Millis> {
    let read = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let moment = millis(read);
    in_utc(moment).map(|_| moment)
}

fn in_utc(moment: Millis) -> Option<OffsetDateTime> {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment) * 1_000_000).ok()?;
    (0..=9999).contains(&moment.year()).then(|| moment.to_offset(UtcOffset::UTC))
}

fn millis(moment: OffsetDateTime) -> Millis {
    moment.unix_timestamp().saturating_mul(1000).saturating_add(i64::from(moment.millisecond()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_has_two_spellings() {
        let moment = 1_795_429_296_789;
        assert_eq!(old(moment).as_deref(), Some("23.11.2026 10:21:36"));
        assert_eq!(json(moment).as_deref(), Some("2026-11-23T10:21:36.789Z"));
        assert_eq!(read_json("2026-11-23T11:21:36.789+01:00"), Some(moment));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "1.2.2020 00:00:00",
            "31.02.2020 00:00:00",
            "01.02.2020 24:00:00",
            "01.02.2020",
            "01.02.+2020 00:00:00",
            "01.02.2020 00:00:00 ",
            "2020-02-01T00:00:00Z",
            "01.02.2020T00:00:00",
            "01.02.20200 00:00:00",
        ] {
            assert_eq!(read_old(text), None, "{text:?}");
        }
        assert_eq!((old(i64::MAX), json(i64::MIN), read_json("tomorrow")), (None, None, None));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_but_what_a_spelling_cannot_say(moment in -62_167_219_200_000_i64..253_402_300_800_000) {
            prop_assert_eq!(json(moment).and_then(|text| read_json(&text)), Some(moment));
            prop_assert_eq!(old(moment).and_then(|text| read_old(&text)), Some(moment - moment.rem_euclid(1000)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}", date in "[0-9+. :-]{19}") {
            for text in [text, date] {
                if let Some(moment) = read_old(&text) {
                    prop_assert_eq!(old(moment), Some(text));
                }
            }
        }
    }
}
