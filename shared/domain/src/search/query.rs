//! A question to the index. No question exceeds these limits, whoever asks it: they are checked once, here.

use crate::articles::{ArticleId, AuthorId, Tag};
use crate::intent::Invalid;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest text, in characters.
pub const MAX_CHARACTERS: usize = 200;
/// The most terms in a text, where a term is letters and digits without anything between them.
pub const MAX_TERMS: usize = 16;
/// The most tags in a filter.
pub const MAX_TAGS: usize = 10;
/// The most hits of one answer.
pub const MAX_HITS: u16 = 50;
/// How many hits an answer has for whom it does not matter.
pub const DEFAULT_HITS: u16 = 20;

/// What somebody typed: at most 200 characters and 16 terms, no control characters, single spaces between its words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(String);

impl Text {
    /// Checks a text and puts its spaces in order.
    ///
    /// # Errors
    /// [`Invalid`] with the parameter's name.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = |rule| Err(Invalid { field: "q", rule });
        // What is not UTF-8 has become replacement characters before it is a text here.
        if text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            return invalid("must be UTF-8 without control characters");
        }
        if text.chars().count() > MAX_CHARACTERS {
            return invalid("must have at most 200 characters");
        }
        if text.split(|c: char| !c.is_alphanumeric()).filter(|term| !term.is_empty()).count() > MAX_TERMS {
            return invalid("must have at most 16 words");
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(Self(words.join(" ")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none: then everything is a hit.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is searched for: what stands between spaces and has a letter or a digit in it. A text of other signs alone
    /// has no words, and finds nothing.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| word.chars().any(char::is_alphanumeric))
    }
}

/// The order of hits. Of hits that are as good the newest comes first, and of those of one moment the one whose id sorts
/// later, as in all lists; the oldest first is the reverse of the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sort {
    /// Best first.
    Relevance,
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
}

impl Sort {
    /// The word in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Newest => "newest",
            Self::Oldest => "oldest",
        }
    }
}

/// Which articles may be hits at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// About all of these.
    pub tags: Vec<Tag>,
    /// By this author.
    pub author: Option<AuthorId>,
    /// Published at this moment or later.
    pub from: Option<Timestamp>,
    /// Published before this moment.
    pub to: Option<Timestamp>,
}

/// A question that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: Text,
    filter: Filter,
    sort: Sort,
    limit: u16,
    after: Option<AfterHit>,
}

impl Query {
    /// A question for the first page of an answer. Without a text no hit is better than another, and the newest come
    /// first; also where `sort` is not given and the text is empty.
    ///
    /// # Errors
    /// [`Invalid`] with the parameter's name.
    pub fn new(text: Text, mut filter: Filter, sort: Option<Sort>, limit: u16) -> Result<Self, Invalid> {
        filter.tags.sort_unstable();
        filter.tags.dedup();
        if filter.tags.len() > MAX_TAGS {
            return Err(Invalid { field: "tag", rule: "must be given at most 10 times" });
        }
        if filter.from.zip(filter.to).is_some_and(|(from, to)| from >= to) {
            return Err(Invalid { field: "from", rule: "must be before `to`" });
        }
        if !(1..=MAX_HITS).contains(&limit) {
            return Err(Invalid { field: "limit", rule: "must be 1 to 50" });
        }
        let sort = match sort {
            Some(Sort::Relevance) | None if text.is_empty() => Sort::Newest,
            sort => sort.unwrap_or(Sort::Relevance),
        };
        Ok(Self { text, filter, sort, limit, after: None })
    }

    /// The same question for the page that follows a hit.
    ///
    /// # Errors
    /// [`Invalid`] if that place is of another order.
    pub fn after(self, place: AfterHit) -> Result<Self, Invalid> {
        if place.score.is_some() == (self.sort == Sort::Relevance) {
            Ok(Self { after: Some(place), ..self })
        } else {
            Err(Invalid { field: "cursor", rule: "must be `next` of an earlier answer to the same question" })
        }
    }

    /// What to search for; empty for all.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Where to search.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The order of hits.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// At most so many hits, 1 to 50.
    pub fn limit(&self) -> u16 {
        self.limit
    }

    /// Only what follows this place; all from the beginning where there is none.
    pub fn place(&self) -> Option<&AfterHit> {
        self.after.as_ref()
    }

    /// The question as one text, the same for each of its pages: what its cursors are bound to. No value holds a line
    /// break, so no two questions look the same.
    pub fn purpose(&self) -> String {
        let Filter { tags, author, from, to } = &self.filter;
        let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        let author = author.as_ref().map_or("", AuthorId::as_str);
        let moment = |moment: &Option<Timestamp>| moment.map(|moment| moment.0.to_string()).unwrap_or_default();
        let (from, to, sort) = (moment(from), moment(to), self.sort.as_str());
        format!("search\n{}\n{}\n{author}\n{from}\n{to}\n{sort}", self.text.as_str(), tags.join(","))
    }
}

/// Where a page of hits ended: the last hit's place in the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AfterHit {
    /// Its score, as bits that its engine understands, so that equal stays equal; absent where the order is by time.
    pub score: Option<u64>,
    /// When it was published.
    pub published_at: Timestamp,
    /// Which it is: no two hits tie.
    pub id: ArticleId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(text: &str, tags: &[&str]) -> Query {
        let tags = tags.iter().map(|tag| Tag::new(*tag).unwrap()).collect();
        Query::new(Text::new(text).unwrap(), Filter { tags, ..Filter::default() }, None, 10).unwrap()
    }

    #[test]
    fn a_text_has_limits_and_each_is_named() {
        for (text, rule) in [
            ("x".repeat(201), "must have at most 200 characters"),
            ("é".repeat(201), "must have at most 200 characters"),
            ("a ".repeat(17), "must have at most 16 words"),
            ("a-".repeat(17), "must have at most 16 words"),
            ("nul\0".to_owned(), "must be UTF-8 without control characters"),
            ("line\nbreak".to_owned(), "must be UTF-8 without control characters"),
            ("\u{fffd}".to_owned(), "must be UTF-8 without control characters"),
        ] {
            assert_eq!(Text::new(&text), Err(Invalid { field: "q", rule }), "{text:?}");
        }
        assert!(Text::new(&"é".repeat(200)).is_ok());
        assert!(Text::new(&"a ".repeat(16)).is_ok());
    }

    #[test]
    fn words_are_what_stands_between_spaces_and_can_be_searched() {
        let text = Text::new("  X-ray   & Einstein's  !!! 3.14 ").unwrap();
        assert_eq!(text.as_str(), "X-ray & Einstein's !!! 3.14");
        assert_eq!(text.words().collect::<Vec<_>>(), ["X-ray", "Einstein's", "3.14"]);
        assert!(Text::new("  ").unwrap().is_empty());
    }

    #[test]
    fn a_question_has_limits_and_each_is_named() {
        let new = |filter, limit| Query::new(Text::default(), filter, None, limit).map_err(|invalid| invalid.field);
        let tags = |n: usize| (0..n).map(|n| Tag::new(format!("t{n}")).unwrap()).collect();
        assert_eq!(new(Filter { tags: tags(11), ..Filter::default() }, 1), Err("tag"));
        assert!(new(Filter { tags: tags(10), ..Filter::default() }, 1).is_ok());
        let span = |from, to| Filter { from: Some(Timestamp(from)), to: Some(Timestamp(to)), ..Filter::default() };
        assert_eq!(new(span(5, 5), 1), Err("from"));
        assert!(new(span(4, 5), 1).is_ok());
        assert_eq!((new(Filter::default(), 0), new(Filter::default(), 51)), (Err("limit"), Err("limit")));
        assert!(new(Filter::default(), 50).is_ok());
    }

    #[test]
    fn without_a_text_the_newest_come_first() {
        for asked in [None, Some(Sort::Relevance), Some(Sort::Newest)] {
            assert_eq!(Query::new(Text::default(), Filter::default(), asked, 1).unwrap().sort(), Sort::Newest);
        }
        assert_eq!(query("comet", &[]).sort(), Sort::Relevance);
    }

    #[test]
    fn a_place_belongs_to_its_order() {
        let place = |score| AfterHit { score, published_at: Timestamp(5), id: ArticleId::new("a").unwrap() };
        assert_eq!(query("comet", &[]).after(place(Some(1))).unwrap().place(), Some(&place(Some(1))));
        assert_eq!(query("comet", &[]).after(place(None)).unwrap_err().field, "cursor");
        assert!(query("", &[]).after(place(None)).is_ok());
        assert_eq!(query("", &[]).after(place(Some(1))).unwrap_err().field, "cursor");
    }

    #[test]
    fn the_same_question_asked_differently_is_the_same() {
        assert_eq!(query(" a  comet ", &["sky", "ice", "sky"]).purpose(), query("a comet", &["ice", "sky"]).purpose());
        assert_ne!(query("a comet", &[]).purpose(), query("a Comet", &[]).purpose());
        assert_ne!(query("ice", &["sky"]).purpose(), query("ice sky", &[]).purpose());
    }

    proptest! {
        #[test]
        fn no_text_exceeds_the_limits(text in ".{0,300}") {
            if let Ok(text) = Text::new(&text) {
                prop_assert!(text.as_str().chars().count() <= MAX_CHARACTERS);
                prop_assert!(text.words().count() <= MAX_TERMS);
                prop_assert!(!text.as_str().contains(char::is_control));
                prop_assert_eq!(Text::new(text.as_str()), Ok(text));
            }
        }
    }
}
