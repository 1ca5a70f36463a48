//! What may become of an article: pure functions from what is there and what a caller sent to the next version.
//!
//! Contributors write their own, editors everybody's. What readers have seen is never a draft again. What was withdrawn
//! comes back by an editor's hand alone.

use super::draft::{Draft, Wish};
use super::{Article, ArticleId, ArticleStatus, AuthorId, Caller, ContentKey};
use crate::intent::Invalid;
use crate::time::Timestamp;

/// Why nothing becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A field is not what it must be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// They may not write at all.
    #[error("only contributors and editors write articles")]
    NoWriter,
    /// They may not write this one.
    #[error("only its author and editors change an article")]
    NotTheirs,
    /// For them there is no such article.
    #[error("there is no such article")]
    Unknown,
    /// A field that is not theirs to send.
    #[error("{0}: only editors send it")]
    EditorsField(&'static str),
    /// It was withdrawn.
    #[error("the article is withdrawn; only an editor brings it back")]
    Withdrawn,
    /// It was published.
    #[error("status: readers have seen the article, so it is no draft any more; withdraw it instead")]
    WasPublished,
}

/// A new article.
///
/// # Errors
/// [`Refused`]: nobody may write so.
pub fn create(caller: &Caller, draft: &Draft, id: ArticleId, now: Timestamp) -> Result<Article, Refused> {
    may_send(caller, draft)?;
    let author = match &draft.author {
        Some(author) => author.clone(),
        None => AuthorId::new(caller.customer.as_str())?,
    };
    Ok(next(draft, id, 1, author, None, now))
}

/// The next version of an article: edited, and published where it is wanted.
///
/// # Errors
/// [`Refused`]: nobody may write so, or not this.
pub fn edit(caller: &Caller, before: &Article, draft: &Draft, now: Timestamp) -> Result<Article, Refused> {
    may_send(caller, draft)?;
    may_change(caller, before)?;
    if draft.id.as_ref().is_some_and(|id| *id != before.id) {
        return Err(Invalid { field: "id", rule: "must be the article's" }.into());
    }
    match (before.status, draft.wish) {
        (ArticleStatus::Withdrawn, _) if !caller.editor => return Err(Refused::Withdrawn),
        (ArticleStatus::Published | ArticleStatus::Withdrawn, Wish::Draft) => return Err(Refused::WasPublished),
        _ => {}
    }
    let author = draft.author.clone().unwrap_or_else(|| before.author.clone());
    Ok(next(draft, before.id.clone(), before.version + 1, author, before.published_at, now))
}

/// The next version of an article, withdrawn. `None`: it is withdrawn already.
///
/// # Errors
/// [`Refused`]: they may not change it.
pub fn withdraw(caller: &Caller, before: &Article, now: Timestamp) -> Result<Option<Article>, Refused> {
    may_change(caller, before)?;
    let withdrawn = Article {
        version: before.version + 1,
        status: ArticleStatus::Withdrawn,
        updated_at: now,
        source: None,
        ..before.clone()
    };
    Ok((before.status != ArticleStatus::Withdrawn).then_some(withdrawn))
}

fn next(
    draft: &Draft,
    id: ArticleId,
    version: u64,
    author: AuthorId,
    published_at: Option<Timestamp>,
    now: Timestamp,
) -> Article {
    let published_at = draft.published_at.or(published_at);
    let (status, published_at) = match draft.wish {
        Wish::Draft => (ArticleStatus::Draft, published_at),
        Wish::Published => (ArticleStatus::Published, published_at.or(Some(now))),
    };
    Article {
        version,
        status,
        title: draft.title.clone(),
        summary: draft.summary.clone(),
        author,
        byline: draft.byline.clone(),
        tags: draft.tags.clone(),
        premium: draft.premium,
        published_at,
        updated_at: now,
        content: ContentKey::of(&id, &draft.markdown),
        source: None,
        id,
    }
}

/// Whether they may write at all.
///
/// # Errors
/// [`Refused::NoWriter`].
pub fn may_write(caller: &Caller) -> Result<(), Refused> {
    if caller.contributor || caller.editor { Ok(()) } else { Err(Refused::NoWriter) }
}

fn may_send(caller: &Caller, draft: &Draft) -> Result<(), Refused> {
    may_write(caller)?;
    match draft.editors_field() {
        Some(field) if !caller.editor => Err(Refused::EditorsField(field)),
        _ => Ok(()),
    }
}

/// Whether they may change this one.
///
/// # Errors
/// [`Refused`], which tells no more than they may know.
pub fn may_change(caller: &Caller, article: &Article) -> Result<(), Refused> {
    may_write(caller)?;
    match article.status {
        _ if caller.editor || caller.wrote(article) => Ok(()),
        // A draft of somebody else's is nobody's business, not even that there is one.
        ArticleStatus::Draft => Err(Refused::Unknown),
        ArticleStatus::Published | ArticleStatus::Withdrawn => Err(Refused::NotTheirs),
    }
}

/// Articles and callers for tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::articles::Tag;
    use crate::articles::draft::Submission;
    use crate::intent::CustomerId;

    pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

    pub(crate) fn caller(name: &str, groups: &[&str]) -> Caller {
        Caller::new(CustomerId::new(name).unwrap(), groups)
    }

    pub(crate) fn submission(status: Wish) -> Submission {
        Submission {
            title: "Ice on the Moon".to_owned(),
            summary: "It is there.".to_owned(),
            markdown: "# Ice\n".to_owned(),
            byline: "Ada Byron".to_owned(),
            tags: vec!["moon".to_owned()],
            premium: true,
            status,
            author: None,
            id: None,
            published_at: None,
        }
    }

    /// A published article, version 3.
    pub(crate) fn article(author: &str) -> Article {
        let id = ArticleId::new("ice-on-the-moon-aaaaaaaa").unwrap();
        Article {
            version: 3,
            status: ArticleStatus::Published,
            title: "Ice".to_owned(),
            summary: String::new(),
            author: AuthorId::new(author).unwrap(),
            byline: "A. B.".to_owned(),
            tags: vec![Tag::new("space").unwrap()],
            premium: false,
            published_at: Some(Timestamp(5)),
            updated_at: Timestamp(6),
            content: ContentKey::of(&id, "old"),
            source: None,
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::examples::{NOW, article, caller, submission};
    use super::*;
    use crate::articles::SourcePosition;
    use crate::articles::draft::Submission;
    use ArticleStatus::{Published, Withdrawn};
    use proptest::prelude::*;

    fn draft(status: Wish) -> Draft {
        Draft::new(submission(status)).unwrap()
    }

    fn id() -> ArticleId {
        article("ada").id
    }

    fn ada() -> Caller {
        caller("ada", &["contributors"])
    }

    fn editor() -> Caller {
        caller("eve", &["editors"])
    }

    #[test]
    fn what_a_contributor_writes_is_theirs() {
        let written = create(&ada(), &draft(Wish::Draft), id(), NOW).unwrap();
        assert_eq!((written.author.as_str(), written.version), ("ada", 1));
        assert_eq!((written.status, written.published_at), (ArticleStatus::Draft, None));
        assert_eq!((written.updated_at, written.premium, written.source.clone()), (NOW, true, None));
        assert_eq!(written.content, ContentKey::of(&id(), "# Ice\n"));
        let published = create(&ada(), &draft(Wish::Published), id(), NOW).unwrap();
        assert_eq!((published.status, published.published_at), (Published, Some(NOW)));
    }

    #[test]
    fn readers_write_nothing() {
        let reader = caller("rita", &["readers", "Editors"]);
        assert_eq!(create(&reader, &draft(Wish::Draft), id(), NOW), Err(Refused::NoWriter));
        assert_eq!(edit(&reader, &article("rita"), &draft(Wish::Published), NOW), Err(Refused::NoWriter));
        assert_eq!(withdraw(&reader, &article("rita"), NOW), Err(Refused::NoWriter));
    }

    #[test]
    fn only_editors_say_author_name_and_date() {
        let sent = Submission {
            author: Some("bob".to_owned()),
            published_at: Some("2020-01-01T00:00:00Z".to_owned()),
            ..submission(Wish::Published)
        };
        let draft = Draft::new(sent).unwrap();
        assert_eq!(create(&ada(), &draft, id(), NOW), Err(Refused::EditorsField("author")));
        let written = create(&editor(), &draft, id(), NOW).unwrap();
        assert_eq!((written.author.as_str(), written.published_at), ("bob", Some(Timestamp(1_577_836_800_000))));
    }

    #[test]
    fn a_draft_keeps_the_date_that_it_shall_have() {
        let dated = |wish, published_at: Option<&str>| {
            let published_at = published_at.map(str::to_owned);
            Draft::new(Submission { published_at, ..submission(wish) }).unwrap()
        };
        let draft = create(&editor(), &dated(Wish::Draft, Some("2020-01-01T00:00:00Z")), id(), NOW).unwrap();
        assert_eq!(draft.published_at, Some(Timestamp(1_577_836_800_000)));
        let published = edit(&editor(), &draft, &dated(Wish::Published, None), NOW).unwrap();
        assert_eq!((published.status, published.published_at), (Published, draft.published_at));
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_change() {
        let imported = SourcePosition { committed_at: 1, file: "f".to_owned(), line: 2 };
        let before = Article { source: Some(imported), ..article("ada") };
        let after = edit(&editor(), &before, &draft(Wish::Published), NOW).unwrap();
        assert_eq!((after.author.as_str(), after.published_at), ("ada", Some(Timestamp(5))));
        assert_eq!((after.version, after.title.as_str()), (4, "Ice on the Moon"));
        assert_eq!(after.source, None, "this version was written here");
        assert_eq!(after.content, ContentKey::of(&before.id, "# Ice\n"));
    }

    #[test]
    fn an_article_keeps_its_name() {
        let named =
            |id: &str| Draft::new(Submission { id: Some(id.to_owned()), ..submission(Wish::Published) }).unwrap();
        assert!(edit(&editor(), &article("ada"), &named(id().as_str()), NOW).is_ok());
        let refused = edit(&editor(), &article("ada"), &named("another"), NOW).unwrap_err();
        assert!(matches!(refused, Refused::Invalid(Invalid { field: "id", .. })), "{refused}");
    }

    #[test]
    fn others_do_not_change_it_and_know_no_draft_of_it() {
        let bob = caller("bob", &["contributors"]);
        for (status, refused) in
            [(Published, Refused::NotTheirs), (Withdrawn, Refused::NotTheirs), (ArticleStatus::Draft, Refused::Unknown)]
        {
            let article = Article { status, ..article("ada") };
            assert_eq!(edit(&bob, &article, &draft(Wish::Published), NOW), Err(refused.clone()));
            assert_eq!(withdraw(&bob, &article, NOW), Err(refused));
        }
    }

    #[test]
    fn what_readers_have_seen_is_no_draft_again() {
        assert_eq!(edit(&ada(), &article("ada"), &draft(Wish::Draft), NOW), Err(Refused::WasPublished));
        let withdrawn = Article { status: Withdrawn, ..article("ada") };
        assert_eq!(edit(&editor(), &withdrawn, &draft(Wish::Draft), NOW), Err(Refused::WasPublished));
        let kept = Article { status: ArticleStatus::Draft, published_at: None, ..article("ada") };
        assert_eq!(edit(&ada(), &kept, &draft(Wish::Draft), NOW).unwrap().published_at, None);
        assert_eq!(edit(&ada(), &kept, &draft(Wish::Published), NOW).unwrap().published_at, Some(NOW));
    }

    #[test]
    fn only_an_editor_brings_back_what_was_withdrawn() {
        let withdrawn = withdraw(&ada(), &article("ada"), NOW).unwrap().unwrap();
        assert_eq!((withdrawn.status, withdrawn.version, withdrawn.updated_at), (Withdrawn, 4, NOW));
        assert_eq!(edit(&ada(), &withdrawn, &draft(Wish::Published), NOW), Err(Refused::Withdrawn));
        let back = edit(&editor(), &withdrawn, &draft(Wish::Published), NOW).unwrap();
        assert_eq!((back.status, back.published_at), (Published, Some(Timestamp(5))));
    }

    #[test]
    fn what_is_withdrawn_need_not_be_withdrawn_again() {
        let withdrawn = Article { status: Withdrawn, ..article("ada") };
        assert_eq!(withdraw(&ada(), &withdrawn, NOW), Ok(None));
    }

    fn status() -> impl Strategy<Value = ArticleStatus> {
        prop_oneof![Just(ArticleStatus::Draft), Just(Published), Just(Withdrawn)]
    }

    proptest! {
        #[test]
        fn each_version_is_one_more_and_what_is_published_has_a_date(
            status in status(), wish: bool, is_editor: bool, is_author: bool, version in 1u64..u64::MAX, title in "[A-z ]{0,9}x",
        ) {
            let wish = if wish { Wish::Published } else { Wish::Draft };
            let name = if is_author { "ada" } else { "bob" };
            let caller = caller(name, &[if is_editor { "editors" } else { "contributors" }]);
            let published_at = (status != ArticleStatus::Draft).then_some(Timestamp(5));
            let before = Article { version, status, published_at, ..article("ada") };
            let draft = Draft::new(Submission { title, ..submission(wish) }).unwrap();
            let edited = edit(&caller, &before, &draft, NOW);
            let withdrawn = withdraw(&caller, &before, NOW);
            prop_assert_eq!(edited.is_ok() || withdrawn.is_ok(), is_editor || is_author);
            for after in edited.into_iter().chain(withdrawn.ok().flatten()) {
                prop_assert_eq!((after.version, &after.id, after.updated_at), (version + 1, &before.id, NOW));
                prop_assert!(after.published_at.is_some() || after.status != Published);
                prop_assert!(after.status != ArticleStatus::Draft || before.status == ArticleStatus::Draft);
            }
        }
    }
}
