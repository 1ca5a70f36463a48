//! What is answered.

use super::query::AfterHit;
use crate::articles::{ArticleId, AuthorId, Tag};
use crate::time::Timestamp;

/// A page of hits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// How many hits there are on all pages.
    pub total: u64,
    /// Those of this page, in order.
    pub hits: Vec<Hit>,
    /// Where this page ended; absent on the last one.
    pub next: Option<AfterHit>,
    /// What else the hits of all pages have in common.
    pub facets: Facets,
}

/// An article that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its name.
    pub id: ArticleId,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub summary: String,
    /// Who wrote it.
    pub author: AuthorId,
    /// The author's name, for readers.
    pub byline: String,
    /// What it is about.
    pub tags: Vec<Tag>,
    /// Whether the body is for entitled readers alone.
    pub premium: bool,
    /// When it was first published.
    pub published_at: Timestamp,
    /// Where it matches.
    pub highlights: Highlights,
}

/// Where a hit matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Highlights {
    /// The whole title, if it matches.
    pub title: Option<Html>,
    /// What matches best in the body, or in the summary if nothing in the body does; at most two fragments.
    pub body: Vec<Html>,
}

/// Stands before what matches, in a text that is not yet HTML: a private character. A document that has it all the same
/// has a mark too many, and never a tag of its own.
pub const MARK: char = '\u{E000}';
/// Stands after it.
pub const UNMARK: char = '\u{E001}';

/// HTML that is safe to show: a text in which everything is escaped, and `<em>` stands around what matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// The HTML of a text in which [`MARK`] and [`UNMARK`] stand around what matches. Whatever the text, it is well
    /// formed: what begins ends, and nothing stands in itself.
    pub fn of_marked(text: &str) -> Self {
        let mut html = String::with_capacity(text.len() + 32);
        let mut marked = false;
        for c in text.chars() {
            match c {
                MARK if !marked => html.push_str("<em>"),
                UNMARK if marked => html.push_str("</em>"),
                MARK | UNMARK => continue,
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\'' => html.push_str("&#39;"),
                c => html.push(c),
            }
            marked = if c == MARK || c == UNMARK { !marked } else { marked };
        }
        if marked {
            html.push_str("</em>");
        }
        Self(html)
    }

    /// The HTML.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Html> for String {
    fn from(html: Html) -> Self {
        html.0
    }
}

/// What hits have in common, the most frequent first, at most twenty of each; what ties is in order of its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// What they are about.
    pub tags: Vec<TagCount>,
    /// Who wrote them.
    pub authors: Vec<AuthorCount>,
}

/// A tag of hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCount {
    /// The tag.
    pub value: Tag,
    /// How many hits have it.
    pub count: u64,
}

/// An author of hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorCount {
    /// The author.
    pub value: AuthorId,
    /// The name under which one of the hits was written.
    pub byline: String,
    /// How many hits are by this author.
    pub count: u64,
}

/// An article that somebody may mean who has begun to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Its name.
    pub id: ArticleId,
    /// Its title.
    pub title: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn html(text: &str) -> String {
        Html::of_marked(text).into()
    }

    #[test]
    fn everything_is_escaped_but_what_marks_a_match() {
        assert_eq!(html("a \u{E000}black\u{E001} hole"), "a <em>black</em> hole");
        assert_eq!(
            html("<script>\u{E000}alert\u{E001}('&\")</script>"),
            "&lt;script&gt;<em>alert</em>(&#39;&amp;&quot;)&lt;/script&gt;"
        );
    }

    #[test]
    fn marks_that_do_not_match_are_set_right() {
        assert_eq!(html("\u{E001}a\u{E000}b\u{E000}c\u{E001}\u{E001}d\u{E000}"), "a<em>bc</em>d<em></em>");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_tag_of_its_own(text in "[<>&'\"a-z/=\u{E000}\u{E001} ]{0,60}") {
            let html = html(&text);
            let rest = html.replace("<em>", "").replace("</em>", "");
            prop_assert!(!rest.contains(['<', '>', '"', '\'', MARK, UNMARK]), "{}", html);
            prop_assert_eq!(html.matches("<em>").count(), html.matches("</em>").count());
            let mut open = false;
            for tag in html.split('<').skip(1) {
                prop_assert_eq!(tag.starts_with("em>"), !open);
                open = !open;
            }
        }
    }
}
