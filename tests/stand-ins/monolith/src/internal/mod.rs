//! The internal article interface: what comments, home page, desk, author pages, search and public JSON call, and the only
//! way of theirs to an article. Names, dates (`dd.mm.yyyy HH:MM:SS`), states and flags are those of the database, from the
//! days when these calls were queries.
//!
//! [`local`] answers from the database. [`anticorruption`](crate::anticorruption) answers from the articles service.

pub mod error;
pub mod feed;
pub mod local;
pub mod rules;

use futures::future::BoxFuture;

pub use error::ArtError;

/// `state` of a draft: contributor and editors see it.
pub const DRAFT: char = 'E';
/// `state` of what everybody sees.
pub const PUBLISHED: char = 'P';
/// `state` of what nobody sees any more.
pub const WITHDRAWN: char = 'Z';

/// What lists show of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtHead {
    /// Its name in URLs, for ever.
    pub art_key: String,
    /// One line.
    pub headline: String,
    /// A few sentences of plain text.
    pub teaser: String,
    /// Who may change it.
    pub author_code: String,
    /// The author's name, for readers.
    pub author_name: String,
    /// What it is about, in alphabetical order.
    pub topics: Vec<String>,
    /// `Y`: the body is for premium readers; `N`: for everybody.
    pub pay_flag: char,
    /// [`DRAFT`], [`PUBLISHED`] or [`WITHDRAWN`].
    pub state: char,
    /// When it was first published.
    pub pub_date: Option<String>,
    /// When it was last changed.
    pub chg_date: String,
}

/// An article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Art {
    /// What lists show of it.
    pub head: ArtHead,
    /// The body, Markdown.
    pub body_text: String,
    /// Says which state of the article this is. Means nothing to anybody but who wrote it; goes back with a change.
    pub edit_mark: String,
}

/// What a contributor hands in; the fields are those of [`Art`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtText {
    /// One line.
    pub headline: String,
    /// A few sentences of plain text.
    pub teaser: String,
    /// The body, Markdown.
    pub body_text: String,
    /// Who may change it.
    pub author_code: String,
    /// The author's name, for readers.
    pub author_name: String,
    /// What it is about; order and repetition mean nothing.
    pub topics: Vec<String>,
    /// `Y` or `N`.
    pub pay_flag: char,
    /// [`DRAFT`] or [`PUBLISHED`].
    pub state: char,
    /// When it was first published, if that is to be another date than what is known, or than now.
    pub pub_date: Option<String>,
}

/// Which published articles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArtFilter {
    /// Of this author alone.
    pub author_code: Option<String>,
    /// About this alone.
    pub topic: Option<String>,
}

/// Some published articles, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtPage {
    /// The articles.
    pub arts: Vec<ArtHead>,
    /// What to ask for to get those that follow; none at the end.
    pub next_mark: Option<String>,
}

/// The most articles of one [`ArtPage`].
pub const PAGE_MAX: u16 = 50;

/// The internal article interface.
pub trait ArtInterface: Send + Sync {
    /// One article of whatever state.
    fn art_get<'a>(&'a self, art_key: &'a str) -> BoxFuture<'a, Result<Art, ArtError>>;

    /// Published articles, at most `count` (1 to [`PAGE_MAX`]), from the beginning or from another page's `next_mark`.
    fn art_list<'a>(
        &'a self,
        filter: &'a ArtFilter,
        from_mark: Option<&'a str>,
        count: u16,
    ) -> BoxFuture<'a, Result<ArtPage, ArtError>>;

    /// A new article under a key that nobody has. The same again is the same article. `chg_by` is who wants it.
    fn art_create<'a>(
        &'a self,
        art_key: &'a str,
        text: &'a ArtText,
        chg_by: &'a str,
    ) -> BoxFuture<'a, Result<Art, ArtError>>;

    /// Changes an article, if its state is still the one that `edit_mark` came with. Its author stays.
    fn art_change<'a>(
        &'a self,
        art_key: &'a str,
        edit_mark: &'a str,
        text: &'a ArtText,
        chg_by: &'a str,
    ) -> BoxFuture<'a, Result<Art, ArtError>>;

    /// Takes an article away from readers for good, if its state is still the one that `edit_mark` came with.
    fn art_withdraw<'a>(
        &'a self,
        art_key: &'a str,
        edit_mark: &'a str,
        chg_by: &'a str,
    ) -> BoxFuture<'a, Result<(), ArtError>>;
}
