//! Articles and their bodies, in memory.

use crate::turn::{Turnstile, lock};
use domain::articles::event::EventName;
use domain::articles::store::{ArticleLists, Articles, Contents, ListOf, Place};
use domain::articles::{Article, ArticleId, ArticleStatus, ContentKey};
use domain::store::{Commit, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct State {
    articles: BTreeMap<ArticleId, Article>,
    events: Vec<(EventName, Article)>,
}

/// A table of articles in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryArticles {
    state: Arc<Mutex<State>>,
    turns: Turnstile,
}

impl MemoryArticles {
    /// A table whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }

    /// What was told so far: each event's name, and the version that it is about. Takes no turn.
    pub fn events(&self) -> Vec<(EventName, Article)> {
        lock(&self.state).events.clone()
    }

    /// Puts an article there, from wherever; takes no turn.
    pub fn give(&self, article: Article) {
        lock(&self.state).articles.insert(article.id.clone(), article);
    }

    /// Writes as a part of somebody's transaction; takes no turn.
    pub(crate) fn write_now(&self, before: Option<&Article>, after: &Article) -> Commit {
        let mut state = lock(&self.state);
        if state.articles.get(&after.id).map(|stored| stored.version) != before.map(|before| before.version) {
            return Commit::Conflict;
        }
        let name = EventName::between(before.map(|before| before.status), after.status);
        state.events.push((name, after.clone()));
        state.articles.insert(after.id.clone(), after.clone());
        Commit::Done
    }
}

fn no_answer(call: &'static str) -> StoreError {
    StoreError { table: "articles", reason: format!("{call} was tripped") }
}

impl Articles for MemoryArticles {
    async fn article(&self, id: &ArticleId) -> Result<Option<Article>, StoreError> {
        let read = || lock(&self.state).articles.get(id).cloned();
        self.turns.try_pass("articles.article", no_answer, read).await
    }

    async fn write(&self, before: Option<&Article>, after: &Article) -> Result<Commit, StoreError> {
        let based_on = before.map(|before| before.version);
        if after.version != based_on.unwrap_or(0) + 1 {
            let reason = format!("version {} of an article was to follow {based_on:?}", after.version);
            return Err(StoreError { table: "articles", reason });
        }
        self.turns.try_pass("articles.write", no_answer, || self.write_now(before, after)).await
    }
}

impl ArticleLists for MemoryArticles {
    async fn list(&self, of: &ListOf, after: Option<&Place>, limit: u16) -> Result<Vec<Article>, StoreError> {
        let read = || {
            let wanted = |article: &Article| {
                article.status == ArticleStatus::Published
                    && of.author.as_ref().is_none_or(|author| article.author == *author)
                    && of.tag.as_ref().is_none_or(|tag| article.tags.contains(tag))
            };
            let place = |article: &Article| (article.published_at, article.id.clone());
            let mut found: Vec<Article> = lock(&self.state).articles.values().filter(|a| wanted(a)).cloned().collect();
            found.retain(|article| {
                after.is_none_or(|after| place(article) < (Some(after.published_at), after.id.clone()))
            });
            found.sort_by_key(|article| std::cmp::Reverse(place(article)));
            found.truncate(usize::from(limit));
            found
        };
        self.turns.try_pass("articles.list", no_answer, read).await
    }

    async fn scan(&self, after: Option<&ArticleId>, limit: u16) -> Result<Vec<Article>, StoreError> {
        let read = || {
            let state = lock(&self.state);
            let rest = state.articles.values().filter(|article| after.is_none_or(|after| article.id > *after));
            rest.take(usize::from(limit)).cloned().collect()
        };
        self.turns.try_pass("articles.scan", no_answer, read).await
    }
}

/// A bucket of bodies in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryContents {
    bodies: Arc<Mutex<BTreeMap<String, String>>>,
    turns: Turnstile,
}

impl MemoryContents {
    /// A bucket whose calls pass this turnstile.
    pub fn new(turns: Turnstile) -> Self {
        Self { turns, ..Self::default() }
    }
}

fn no_body(call: &'static str) -> StoreError {
    StoreError { table: "contents", reason: format!("{call} was tripped") }
}

impl Contents for MemoryContents {
    async fn content(&self, key: &ContentKey) -> Result<Option<String>, StoreError> {
        let read = || lock(&self.bodies).get(&key.0).cloned();
        self.turns.try_pass("contents.content", no_body, read).await
    }

    async fn put(&self, key: &ContentKey, markdown: &str) -> Result<(), StoreError> {
        let write = || lock(&self.bodies).insert(key.0.clone(), markdown.to_owned());
        self.turns.try_pass("contents.put", no_body, write).await.map(drop)
    }
}
