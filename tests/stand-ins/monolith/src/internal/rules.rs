//! What an article must be, whatever stores it.

use super::{ArtError, ArtFilter, ArtText, DRAFT, PAGE_MAX, PUBLISHED, WITHDRAWN};
use crate::dates;

/// The longest body, in bytes: 400 KB.
pub const BODY_MAX: usize = 400 * 1024;

/// Checks a name: 1 to 100 lower-case letters and digits, with single hyphens inside.
pub fn check_key(art_key: &str) -> Result<(), ArtError> {
    if art_key.len() <= 100 && is_slug(art_key) {
        Ok(())
    } else {
        Err(ArtError::field("art_key", "must be 1 to 100 lower-case letters and digits, with single hyphens inside"))
    }
}

/// Checks what is handed in, the first wrong field named.
pub fn check_text(text: &ArtText) -> Result<(), ArtError> {
    let ArtText { headline, teaser, body_text, author_code, author_name, topics, pay_flag, state, pub_date } = text;
    let printable = |text: &str| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let length = |text: &str| text.chars().count();
    let rules = [
        (
            "headline",
            !headline.trim().is_empty() && length(headline) <= 200 && plain(headline),
            "must be one line of 1 to 200 characters",
        ),
        ("teaser", length(teaser) <= 1000 && printable(teaser), "must be at most 1,000 characters of text"),
        ("body_text", body_text.len() <= BODY_MAX && printable(body_text), "must be text of at most 400 KB"),
        ("author_code", is_author(author_code), AUTHOR_RULE),
        (
            "author_name",
            !author_name.trim().is_empty() && length(author_name) <= 100 && plain(author_name),
            "must be 1 to 100 characters",
        ),
        (
            "topics",
            topics.len() <= 10 && topics.iter().all(|topic| is_topic(topic)),
            "must be at most 10, each of 1 to 40 lower-case letters and digits, with single hyphens inside",
        ),
        ("pay_flag", matches!(pay_flag, 'Y' | 'N'), "must be Y or N"),
        ("state", matches!(*state, DRAFT | PUBLISHED), "must be E or P"),
        (
            "pub_date",
            pub_date.as_deref().is_none_or(|date| dates::read_old(date).is_some()),
            "must be a date and time, dd.mm.yyyy HH:MM:SS",
        ),
    ];
    rules.into_iter().find(|(_, kept, _)| !kept).map_or(Ok(()), |(field, _, rule)| Err(ArtError::field(field, rule)))
}

/// Checks what a list is asked for.
pub fn check_list(filter: &ArtFilter, count: u16) -> Result<(), ArtError> {
    if !filter.author_code.as_deref().is_none_or(is_author) {
        return Err(ArtError::field("author_code", AUTHOR_RULE));
    }
    if !filter.topic.as_deref().is_none_or(is_topic) {
        return Err(ArtError::field(
            "topic",
            "must be 1 to 40 lower-case letters and digits, with single hyphens inside",
        ));
    }
    if !(1..=PAGE_MAX).contains(&count) {
        return Err(ArtError::field("count", "must be 1 to 50"));
    }
    Ok(())
}

/// Whether an article of one state may be given another: withdrawn is for good, and what readers saw is no draft again.
pub fn check_change(from: char, to: char) -> Result<(), ArtError> {
    match (from, to) {
        (WITHDRAWN, _) => Err(ArtError::Withdrawn),
        (PUBLISHED, DRAFT) => Err(ArtError::field("state", "must not go back to E, as readers have seen the article")),
        _ => Ok(()),
    }
}

/// What an author's name must be.
pub const AUTHOR_RULE: &str = "must be 1 to 128 characters without control characters, ':' and '#'";

/// Whether it is a name that an author may have.
pub fn is_author(code: &str) -> bool {
    (1..=128).contains(&code.len()) && plain(code) && !code.contains([':', '#'])
}

/// Whether it is a topic.
pub fn is_topic(topic: &str) -> bool {
    topic.len() <= 40 && is_slug(topic)
}

fn plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Lower-case letters and digits, with single hyphens inside.
pub fn is_slug(text: &str) -> bool {
    text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

/// The topics in alphabetical order, each once.
pub fn sorted(topics: &[String]) -> Vec<String> {
    let mut topics = topics.to_vec();
    topics.sort_unstable();
    topics.dedup();
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> ArtText {
        ArtText {
            headline: "Ice remembers".to_owned(),
            teaser: String::new(),
            body_text: "Old *air*.\n".to_owned(),
            author_code: "ada".to_owned(),
            author_name: "Ada".to_owned(),
            topics: vec!["climate".to_owned()],
            pay_flag: 'N',
            state: PUBLISHED,
            pub_date: None,
        }
    }

    type Spoil = fn(&mut ArtText, &str);

    #[test]
    fn a_wrong_field_is_named() {
        assert!(check_text(&text()).is_ok());
        let long = "x".repeat(BODY_MAX + 1);
        let wrong: [(&str, Spoil); 10] = [
            ("headline", |text, _| text.headline = " ".to_owned()),
            ("headline", |text, long| text.headline = long.to_owned()),
            ("teaser", |text, _| text.teaser = "nul \0".to_owned()),
            ("body_text", |text, long| text.body_text = long.to_owned()),
            ("author_code", |text, _| text.author_code = "a:b".to_owned()),
            ("author_name", |text, _| text.author_name = "A\nB".to_owned()),
            ("topics", |text, _| text.topics = vec!["Black Holes".to_owned()]),
            ("pay_flag", |text, _| text.pay_flag = 'J'),
            ("state", |text, _| text.state = WITHDRAWN),
            ("pub_date", |text, _| text.pub_date = Some("yesterday".to_owned())),
        ];
        for (field, spoil) in wrong {
            let mut text = text();
            spoil(&mut text, &long);
            let refused = check_text(&text).unwrap_err();
            assert!(matches!(&refused, ArtError::Field { field: named, .. } if named == field), "{refused}");
        }
    }

    #[test]
    fn keys_are_words_with_hyphens() {
        assert!(check_key("ice-remembers-2").is_ok());
        for key in ["", "-", "a--b", "a-", "A", "ä", "a_b", &"a".repeat(101)] {
            assert_eq!(check_key(key).unwrap_err().code(), "ART-040", "{key}");
        }
    }
}
