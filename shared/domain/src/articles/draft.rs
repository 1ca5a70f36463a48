//! What a writer sends, and what it must be. Every refusal names the field.

use super::{ArticleId, AuthorId, Tag};
use crate::intent::Invalid;
use crate::time::Timestamp;
use serde::Deserialize;

/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 200;
/// The longest summary, in characters.
pub const LONGEST_SUMMARY: usize = 1000;
/// The longest byline, in characters.
pub const LONGEST_BYLINE: usize = 100;
/// The longest body, in bytes of UTF-8: 400 KB.
pub const LONGEST_MARKDOWN: usize = 400 * 1024;
/// The most tags.
pub const MOST_TAGS: usize = 10;

/// An article as JSON brings it, not checked yet. Nothing has a default that would decide something for the writer: a
/// forgotten `premium` must not open a premium article to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Submission {
    /// One line.
    pub title: String,
    /// A few sentences of plain text; may be empty.
    pub summary: String,
    /// The body; may be empty.
    pub markdown: String,
    /// The author's name, for readers.
    pub byline: String,
    /// What it is about.
    pub tags: Vec<String>,
    /// Whether the body is for entitled readers alone.
    pub premium: bool,
    /// What it shall become.
    pub status: Wish,
    /// Who wrote it, where an editor says so.
    pub author: Option<String>,
    /// Its name, where an editor keeps a permalink.
    pub id: Option<String>,
    /// When it was first published, or shall count as published, where an editor knows better; RFC 3339.
    pub published_at: Option<String>,
}

/// What a writer wants an article to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// Nobody's but theirs, for now.
    Draft,
    /// For readers.
    Published,
}

/// What a writer sent, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) markdown: String,
    pub(super) byline: String,
    pub(super) tags: Vec<Tag>,
    pub(super) premium: bool,
    pub(super) wish: Wish,
    pub(super) author: Option<AuthorId>,
    pub(super) id: Option<ArticleId>,
    pub(super) published_at: Option<Timestamp>,
}

impl Draft {
    /// Checks each field. What is taken is kept as it was sent, character by character.
    ///
    /// # Errors
    /// [`Invalid`] with the field's name and the rule.
    pub fn new(sent: Submission) -> Result<Self, Invalid> {
        if !is_one_line(&sent.title, LONGEST_TITLE) {
            return Err(Invalid { field: "title", rule: "must be one line of 1 to 200 characters" });
        }
        if !is_one_line(&sent.byline, LONGEST_BYLINE) {
            return Err(Invalid { field: "byline", rule: "must be one line of 1 to 100 characters" });
        }
        if sent.summary.chars().count() > LONGEST_SUMMARY || !is_text(&sent.summary) {
            let rule = "must be at most 1,000 characters, without control characters";
            return Err(Invalid { field: "summary", rule });
        }
        if sent.markdown.len() > LONGEST_MARKDOWN {
            return Err(Invalid { field: "markdown", rule: "must be at most 400 KB" });
        }
        if !is_text(&sent.markdown) {
            return Err(Invalid { field: "markdown", rule: "must not hold control characters" });
        }
        Ok(Self {
            title: sent.title,
            summary: sent.summary,
            markdown: sent.markdown,
            byline: sent.byline,
            tags: tags(sent.tags)?,
            premium: sent.premium,
            wish: sent.status,
            author: sent.author.map(AuthorId::new).transpose()?,
            id: sent.id.map(ArticleId::new).transpose()?,
            published_at: sent.published_at.as_deref().map(moment).transpose()?,
        })
    }

    /// One line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The body.
    pub fn markdown(&self) -> &str {
        &self.markdown
    }

    /// The name that an editor keeps.
    pub fn id(&self) -> Option<&ArticleId> {
        self.id.as_ref()
    }

    /// The first field that only editors may send.
    pub(super) fn editors_field(&self) -> Option<&'static str> {
        let fields = [
            ("author", self.author.is_some()),
            ("id", self.id.is_some()),
            ("publishedAt", self.published_at.is_some()),
        ];
        fields.into_iter().find(|(_, is_sent)| *is_sent).map(|(field, _)| field)
    }
}

pub(crate) fn is_one_line(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}

fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn tags(sent: Vec<String>) -> Result<Vec<Tag>, Invalid> {
    if sent.len() > MOST_TAGS {
        return Err(Invalid { field: "tags", rule: "must be at most 10" });
    }
    let mut tags: Vec<Tag> = Vec::with_capacity(sent.len());
    for tag in sent {
        let tag = Tag::new(tag)?;
        if tags.contains(&tag) {
            return Err(Invalid { field: "tags", rule: "must be named once each" });
        }
        tags.push(tag);
    }
    Ok(tags)
}

fn moment(text: &str) -> Result<Timestamp, Invalid> {
    let rule = "must be a time in RFC 3339, such as 2026-11-23T10:15:00Z";
    Timestamp::from_rfc3339(text).ok_or(Invalid { field: "publishedAt", rule })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn submission() -> Submission {
        Submission {
            title: "Ice on the Moon".to_owned(),
            summary: "It is there.".to_owned(),
            markdown: "# Ice\n".to_owned(),
            byline: "Ada Byron".to_owned(),
            tags: vec!["space".to_owned(), "moon-2".to_owned()],
            premium: false,
            status: Wish::Published,
            author: None,
            id: None,
            published_at: None,
        }
    }

    /// The field that is refused once `change` was made.
    fn refused(change: impl FnOnce(&mut Submission)) -> &'static str {
        let mut sent = submission();
        change(&mut sent);
        Draft::new(sent).unwrap_err().field
    }

    #[test]
    fn what_fits_its_limits_exactly_is_taken() {
        let sent = Submission {
            title: "ü".repeat(LONGEST_TITLE),
            summary: "ü".repeat(LONGEST_SUMMARY),
            byline: "ü".repeat(LONGEST_BYLINE),
            markdown: "x".repeat(LONGEST_MARKDOWN),
            tags: (0..MOST_TAGS).map(|n| format!("tag-{n}")).collect(),
            ..submission()
        };
        let draft = Draft::new(sent.clone()).unwrap();
        assert_eq!((draft.title(), draft.markdown()), (sent.title.as_str(), sent.markdown.as_str()));
        let empty = Submission { summary: String::new(), markdown: String::new(), tags: vec![], ..submission() };
        assert!(Draft::new(empty).is_ok(), "an article may begin with its title");
    }

    #[test]
    fn a_refusal_names_the_field() {
        for title in ["", "  ", "two\nlines", "bell\u{7}", &"x".repeat(LONGEST_TITLE + 1)] {
            assert_eq!(refused(|s| title.clone_into(&mut s.title)), "title", "{title:?}");
        }
        assert_eq!(refused(|s| s.byline = "x".repeat(LONGEST_BYLINE + 1)), "byline");
        assert_eq!(refused(|s| s.byline.clear()), "byline");
        assert_eq!(refused(|s| s.summary = "x".repeat(LONGEST_SUMMARY + 1)), "summary");
        assert_eq!(refused(|s| s.summary = "NUL\0".to_owned()), "summary");
        assert_eq!(refused(|s| s.markdown = "x".repeat(LONGEST_MARKDOWN + 1)), "markdown");
        assert_eq!(refused(|s| s.markdown = "NUL\0".to_owned()), "markdown");
        assert_eq!(refused(|s| s.tags = (0..=MOST_TAGS).map(|n| n.to_string()).collect()), "tags");
        assert_eq!(refused(|s| s.tags = vec!["Space".to_owned()]), "tags");
        assert_eq!(refused(|s| s.tags = vec!["moon".to_owned(), "moon".to_owned()]), "tags");
        assert_eq!(refused(|s| s.author = Some("a#b".to_owned())), "author");
        assert_eq!(refused(|s| s.id = Some("../x".to_owned())), "id");
        assert_eq!(refused(|s| s.published_at = Some("yesterday".to_owned())), "publishedAt");
    }

    #[test]
    fn a_date_may_have_any_offset() {
        let published_at = Some("2026-11-23T11:15:00.5+01:00".to_owned());
        let dated = Draft::new(Submission { published_at, ..submission() }).unwrap();
        assert_eq!(dated.published_at, Timestamp::from_rfc3339("2026-11-23T10:15:00.500Z"));
    }

    #[test]
    fn what_only_editors_may_send_is_found() {
        let with = |change: fn(&mut Submission)| {
            let mut sent = submission();
            change(&mut sent);
            Draft::new(sent).unwrap().editors_field()
        };
        assert_eq!(with(|_| {}), None);
        assert_eq!(with(|s| s.author = Some("bob".to_owned())), Some("author"));
        assert_eq!(with(|s| s.id = Some("kept".to_owned())), Some("id"));
        assert_eq!(with(|s| s.published_at = Some("2020-01-01T00:00:00Z".to_owned())), Some("publishedAt"));
    }

    proptest! {
        #[test]
        fn a_checked_draft_keeps_every_limit(title: String, summary: String, byline: String, markdown: String, tags: Vec<String>) {
            let sent = Submission { title, summary, markdown, byline, tags, ..submission() };
            if let Ok(draft) = Draft::new(sent) {
                prop_assert!((1..=LONGEST_TITLE).contains(&draft.title.chars().count()));
                prop_assert!((1..=LONGEST_BYLINE).contains(&draft.byline.chars().count()));
                prop_assert!(draft.summary.chars().count() <= LONGEST_SUMMARY);
                prop_assert!(draft.markdown.len() <= LONGEST_MARKDOWN);
                prop_assert!(draft.tags.len() <= MOST_TAGS);
                prop_assert!(!draft.title.contains('\n') && !draft.markdown.contains('\0'));
            }
        }
    }
}
