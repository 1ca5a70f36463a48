//! A question as it comes in a URL: `q`, `tag` (as often as wanted), `author`, `from`, `to`, `sort`, `limit`, `cursor`.
//! Other parameters are somebody else's and mean nothing here.

use super::query::{DEFAULT_HITS, Filter, Query, Sort, Text};
use crate::articles::{AuthorId, Tag};
use crate::intent::Invalid;
use crate::time::Timestamp;
use time::Date;
use time::macros::format_description;

/// What a URL asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The question, for its first page.
    pub query: Query,
    /// The page that is wanted instead, as the caller has it.
    pub cursor: Option<String>,
}

/// Reads the parameters of a search, names and values decoded.
///
/// # Errors
/// [`Invalid`] with the parameter's name.
pub fn search(parameters: &[(String, String)]) -> Result<Asked, Invalid> {
    let tags = parameters.iter().filter(|(name, value)| name == "tag" && !value.is_empty());
    let filter = Filter {
        tags: tags.map(|(_, tag)| Tag::new(tag).map_err(renamed("tag"))).collect::<Result<_, _>>()?,
        author: once(parameters, "author")?.map(AuthorId::new).transpose()?,
        from: once(parameters, "from")?.map(|text| moment("from", text)).transpose()?,
        to: once(parameters, "to")?.map(|text| moment("to", text)).transpose()?,
    };
    let limit = match once(parameters, "limit")? {
        Some(text) => text.parse().map_err(|_| Invalid { field: "limit", rule: "must be 1 to 50" })?,
        None => DEFAULT_HITS,
    };
    let text = Text::new(once(parameters, "q")?.unwrap_or_default())?;
    let query = Query::new(text, filter, once(parameters, "sort")?.map(sort).transpose()?, limit)?;
    Ok(Asked { query, cursor: once(parameters, "cursor")?.map(str::to_owned) })
}

/// Reads the parameter of a suggestion.
///
/// # Errors
/// [`Invalid`] with the parameter's name.
pub fn suggestion(parameters: &[(String, String)]) -> Result<Text, Invalid> {
    let text = Text::new(once(parameters, "q")?.unwrap_or_default())?;
    if text.is_empty() { Err(Invalid { field: "q", rule: "must be given" }) } else { Ok(text) }
}

/// The value of a parameter that may be given once; one that is empty, as forms send it, is not given.
fn once<'a>(parameters: &'a [(String, String)], field: &'static str) -> Result<Option<&'a str>, Invalid> {
    let mut values = parameters.iter().filter(|(name, value)| name == field && !value.is_empty());
    let value = values.next().map(|(_, value)| value.as_str());
    if values.next().is_some() { Err(Invalid { field, rule: "must be given once" }) } else { Ok(value) }
}

fn renamed(field: &'static str) -> impl Fn(Invalid) -> Invalid {
    move |invalid| Invalid { field, ..invalid }
}

fn sort(text: &str) -> Result<Sort, Invalid> {
    match text {
        "relevance" => Ok(Sort::Relevance),
        "newest" => Ok(Sort::Newest),
        "oldest" => Ok(Sort::Oldest),
        _ => Err(Invalid { field: "sort", rule: "must be relevance, newest or oldest" }),
    }
}

/// A time of RFC 3339, or a date: then the beginning of that day in UTC.
fn moment(field: &'static str, text: &str) -> Result<Timestamp, Invalid> {
    let day = || Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    let midnight = || day().map(|day| Timestamp(day.midnight().assume_utc().unix_timestamp() * 1000));
    Timestamp::from_rfc3339(text)
        .or_else(midnight)
        .ok_or(Invalid { field, rule: "must be a date or a time, such as 2026-11-23 or 2026-11-23T10:15:00Z" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(query: &str) -> Result<Asked, Invalid> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap()).collect();
        search(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn everything_that_can_be_asked_is_read() {
        let asked =
            read("q=black hole&tag=space&tag=gravity&author=ada&from=2026-11-23&to=2026-11-24T12:00:00.5%2B01:00");
        assert_eq!(asked.unwrap_err().field, "to", "the caller decodes");
        let asked = read(
            "q=black hole&tag=space&tag=gravity&author=ada&from=2026-11-23&to=2026-11-24T12:00:00.5Z&sort=oldest&limit=7\
             &cursor=abc&utm_source=mail",
        );
        let Asked { query, cursor } = asked.unwrap();
        assert_eq!((query.text().as_str(), query.sort(), query.limit()), ("black hole", Sort::Oldest, 7));
        let Filter { tags, author, from, to } = query.filter();
        assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["gravity", "space"]);
        assert_eq!(author.as_ref().map(AuthorId::as_str), Some("ada"));
        assert_eq!((from.unwrap(), to.unwrap()), (Timestamp(1_795_392_000_000), Timestamp(1_795_521_600_500)));
        assert_eq!(cursor.as_deref(), Some("abc"));
    }

    #[test]
    fn an_empty_form_asks_for_the_newest() {
        for url in ["", "q=&tag=&author=&from=&to=&sort=&limit=&cursor="] {
            let Asked { query, cursor } = read(url).unwrap();
            assert_eq!((query.sort(), query.limit(), cursor), (Sort::Newest, DEFAULT_HITS, None), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        for (url, field) in [
            ("q=a&q=b", "q"),
            ("q=\0", "q"),
            ("tag=Space!", "tag"),
            ("author=a:b", "author"),
            ("from=yesterday", "from"),
            ("to=2026-02-30", "to"),
            ("from=2026-11-23&to=2026-11-22", "from"),
            ("sort=best", "sort"),
            ("limit=0", "limit"),
            ("limit=51", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("cursor=a&cursor=b", "cursor"),
        ] {
            assert_eq!(read(url).unwrap_err().field, field, "{url:?}");
        }
    }

    #[test]
    fn who_wants_suggestions_says_for_what() {
        let ask = |value: &str| suggestion(&[("q".to_owned(), value.to_owned())]).map_err(|invalid| invalid.field);
        assert_eq!(ask("bla").unwrap().as_str(), "bla");
        assert_eq!((ask(""), ask("  "), ask("\t")), (Err("q"), Err("q"), Err("q")));
    }

    proptest! {
        #[test]
        fn no_parameters_make_it_panic(pairs in proptest::collection::vec(
            ("q|tag|author|from|to|sort|limit|cursor|x", ".{0,220}"), 0..6,
        )) {
            drop(search(&pairs));
            drop(suggestion(&pairs));
        }
    }
}
