//! An index in memory, and the articles that it is about.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::articles::event::ArticleEvent;
use domain::articles::store::{Articles, Contents};
use domain::articles::{Article, ArticleId, ArticleStatus, AuthorId, ContentKey, Tag};
use domain::search::{
    Document, Draft, Found, IndexChange, Indexing, Outcome, Query, ReindexError, Reindexing, SearchIndex, Suggestion,
    Text,
};
use domain::services::ServiceError;
use domain::time::{Clock, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use testing::articles::{MemoryArticles, MemoryContents};
use testing::clock::VirtualClock;

/// What an index has of articles.
type Entries = BTreeMap<ArticleId, IndexChange>;

#[derive(Debug, Default)]
struct State {
    live: Entries,
    draft: Option<(Draft, Entries)>,
    begun: u32,
    down: bool,
    /// What happens to the next changes of an article.
    scripts: BTreeMap<ArticleId, Vec<Outcome>>,
    asked: Vec<Query>,
    answer: Found,
    batches: Vec<usize>,
}

/// An index that does as its contract says, unless it is told otherwise.
#[derive(Debug, Clone, Default)]
pub struct MemoryIndex(Arc<Mutex<State>>);

impl MemoryIndex {
    fn with<T>(&self, of: impl FnOnce(&mut State) -> T) -> T {
        of(&mut self.0.lock().unwrap())
    }

    fn up<T>(&self, of: impl FnOnce(&mut State) -> T) -> Result<T, ServiceError> {
        self.with(|state| if state.down { Err(down()) } else { Ok(of(state)) })
    }

    pub fn goes_down(&self, down: bool) {
        self.with(|state| state.down = down);
    }

    /// Lets the next changes of an article end like this.
    pub fn script(&self, id: &str, outcomes: impl Into<Vec<Outcome>>) {
        self.with(|state| state.scripts.insert(ArticleId::new(id).unwrap(), outcomes.into()));
    }

    pub fn answers(&self, found: Found) {
        self.with(|state| state.answer = found);
    }

    pub fn asked(&self) -> Vec<Query> {
        self.with(|state| state.asked.clone())
    }

    /// How many changes each batch had.
    pub fn batches(&self) -> Vec<usize> {
        self.with(|state| state.batches.clone())
    }

    /// What the index has of an article.
    pub fn entry(&self, id: &str) -> Option<IndexChange> {
        self.with(|state| state.live.get(&ArticleId::new(id).unwrap()).cloned())
    }

    /// What readers may find.
    pub fn documents(&self) -> Vec<Document> {
        let document = |entry: &IndexChange| match entry {
            IndexChange::Put(document) => Some(document.clone()),
            IndexChange::Remove { .. } => None,
        };
        self.with(|state| state.live.values().filter_map(document).collect())
    }
}

fn down() -> ServiceError {
    ServiceError { service: "the index", reason: "it is down".to_owned() }
}

fn write(entries: &mut Entries, change: &IndexChange) -> Outcome {
    match entries.get(change.id()) {
        Some(present) if present.version() >= change.version() => Outcome::Stale,
        _ => {
            entries.insert(change.id().clone(), change.clone());
            Outcome::Applied
        }
    }
}

fn scripted(scripts: &mut BTreeMap<ArticleId, Vec<Outcome>>, change: &IndexChange) -> Option<Outcome> {
    let outcomes = scripts.get_mut(change.id())?;
    if outcomes.is_empty() { None } else { Some(outcomes.remove(0)) }
}

impl SearchIndex for MemoryIndex {
    async fn search(&self, query: &Query) -> Result<Found, ServiceError> {
        self.up(|state| {
            state.asked.push(query.clone());
            state.answer.clone()
        })
    }

    async fn suggest(&self, beginning: &Text) -> Result<Vec<Suggestion>, ServiceError> {
        let suggestion =
            |id: &str| Suggestion { id: ArticleId::new(id).unwrap(), title: beginning.as_str().to_owned() };
        self.up(|_| vec![suggestion("ice")])
    }
}

impl Indexing for MemoryIndex {
    async fn apply(&self, changes: &[IndexChange]) -> Result<Vec<Outcome>, ServiceError> {
        self.up(|state| {
            state.batches.push(changes.len());
            let State { live, draft, scripts, .. } = state;
            let apply = |change: &IndexChange| {
                scripted(scripts, change).unwrap_or_else(|| {
                    let others = draft.as_mut().map_or(Outcome::Stale, |(_, entries)| write(entries, change));
                    write(live, change).and(others)
                })
            };
            changes.iter().map(apply).collect()
        })
    }
}

impl Reindexing for MemoryIndex {
    async fn begin(&self) -> Result<Draft, ServiceError> {
        self.up(|state| {
            state.begun += 1;
            let draft = Draft(state.begun.to_string());
            state.draft = Some((draft.clone(), Entries::new()));
            draft
        })
    }

    async fn fill(&self, draft: &Draft, changes: &[IndexChange]) -> Result<Vec<Outcome>, ReindexError> {
        self.up(|state| {
            let State { draft: begun, scripts, .. } = state;
            let (_, entries) =
                begun.as_mut().filter(|(name, _)| name == draft).ok_or_else(|| ReindexError::Gone(draft.clone()))?;
            let fill = |change: &IndexChange| scripted(scripts, change).unwrap_or_else(|| write(entries, change));
            Ok(changes.iter().map(fill).collect())
        })?
    }

    async fn swap(&self, draft: &Draft) -> Result<(), ReindexError> {
        self.up(|state| {
            let filled = state.draft.take_if(|(name, _)| name == draft);
            state.live = filled.ok_or_else(|| ReindexError::Gone(draft.clone()))?.1;
            Ok(())
        })?
    }

    async fn drop_former(&self) -> Result<(), ServiceError> {
        self.up(|_| ())
    }
}

/// The store, and what happened to it.
#[derive(Clone, Default)]
pub struct Store {
    pub articles: MemoryArticles,
    pub contents: MemoryContents,
    pub clock: VirtualClock,
}

/// The Markdown of an article.
pub fn markdown(id: &str, version: u64) -> String {
    format!("# About {id}\n\nThe *body* of version {version}.\n")
}

impl Store {
    /// Writes an article as it is now; the answer is the event that tells of it.
    pub async fn write(&self, id: &str, change: impl FnOnce(&mut Article)) -> ArticleEvent {
        let id = ArticleId::new(id).unwrap();
        let before = self.articles.article(&id).await.unwrap();
        let version = before.as_ref().map_or(1, |before| before.version + 1);
        let body = markdown(id.as_str(), version);
        let mut after = before.clone().unwrap_or_else(|| Article {
            id: id.clone(),
            version,
            status: ArticleStatus::Published,
            title: format!("About {id}"),
            summary: "A summary.".to_owned(),
            author: AuthorId::new("ada").unwrap(),
            byline: "Ada Young".to_owned(),
            tags: vec![Tag::new("ice").unwrap()],
            premium: false,
            published_at: Some(Timestamp(1_700_000_000_000)),
            updated_at: self.clock.now(),
            content: ContentKey(String::new()),
            source: None,
        });
        after.version = version;
        after.updated_at = self.clock.now();
        after.content = ContentKey::of(&id, &body);
        change(&mut after);
        self.contents.put(&after.content, &body).await.unwrap();
        assert_eq!(self.articles.write(before.as_ref(), &after).await.unwrap(), domain::store::Commit::Done);
        ArticleEvent::of(&after)
    }
}

/// A message as the queue behind the bus has it.
pub fn message(event: &ArticleEvent) -> String {
    json!({
        "version": "0", "id": "1", "source": "new-science.articles", "detail-type": "ArticleUpdated", "detail": event,
    })
    .to_string()
}

/// A batch of messages, named `m0`, `m1` and so on.
pub fn batch(texts: &[String]) -> SqsEvent {
    let mut event = SqsEvent::default();
    for (n, text) in texts.iter().enumerate() {
        let mut message = SqsMessage::default();
        message.message_id = Some(format!("m{n}"));
        message.body = Some(text.clone());
        event.records.push(message);
    }
    event
}
