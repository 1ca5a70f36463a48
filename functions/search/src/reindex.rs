//! `search-reindex`: rebuilds the index from the store, while the former one answers and changes go on.
//!
//! A rebuilding is many short invocations, driven by `make reindex`: each carries on where the one before ended, so that
//! neither the number of articles nor a function's longest run is a limit, and whoever drives it sees how far it is. The
//! function has the permissions and stands in the network that the work needs; the driver may only invoke it.

use crate::documents;
use domain::articles::ArticleId;
use domain::articles::store::{ArticleLists, Contents};
use domain::search::{Draft, IndexChange, Outcome, ReindexError, Reindexing};
use domain::services::ServiceError;
use domain::store::StoreError;
use domain::time::{Chance, Pause, full_jitter};
use futures::stream;
use futures::{StreamExt, TryStreamExt};
use lambda::task::TaskError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many articles one invocation carries over.
const ARTICLES: usize = 1000;
/// How many of them are read from the table and written to the index at a time.
const PAGE: u16 = 250;
/// How many bodies are read at a time.
const READS: usize = 32;
/// How often a change is written that the index could not take.
const ATTEMPTS: u32 = 6;
const BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// How many articles an answer names that the index cannot take.
const NAMED: usize = 20;

/// One step of a rebuilding.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "step", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// Begins a draft.
    Begin,
    /// Carries articles over.
    Fill {
        /// To this draft.
        draft: Draft,
        /// Those that follow this one; from the first on, where there is none.
        after: Option<ArticleId>,
    },
    /// Lets the draft answer.
    Swap {
        /// Which.
        draft: Draft,
    },
    /// Drops what answered before.
    DropFormer,
}

/// What a step has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Done {
    /// A draft was begun.
    Begin {
        /// This one.
        draft: Draft,
    },
    /// Articles were carried over.
    Fill {
        /// The last one; absent, if there are no more.
        after: Option<ArticleId>,
        /// How many were read.
        articles: usize,
        /// How many of them the draft has not got.
        rejected: usize,
        /// Some of these, with the reason.
        reasons: Vec<String>,
    },
    /// The draft answers.
    Swap,
    /// What answered before is gone.
    DropFormer,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] ReindexError),
}

impl From<ServiceError> for StepError {
    fn from(error: ServiceError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StepError> for TaskError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Engine(ReindexError::Gone(_)) => Self::Terminal(error.to_string()),
            StepError::Store(_) | StepError::Engine(ReindexError::Service(_)) => Self::Retryable(error.to_string()),
        }
    }
}

/// The service behind the Lambda `search-reindex`.
pub struct Rebuilder<A, B, I, M> {
    /// The table.
    pub articles: A,
    /// The bodies.
    pub contents: B,
    /// The index.
    pub index: I,
    /// Chance and waiting.
    pub machine: M,
}

impl<A, B, I, M> Rebuilder<A, B, I, M>
where
    A: ArticleLists,
    B: Contents,
    I: Reindexing,
    M: Pause + Chance,
{
    /// Does one step.
    ///
    /// # Errors
    /// `Retryable`: the same step may be tried again. `Terminal`: somebody began another rebuilding.
    pub async fn handle(&self, request: Request) -> Result<Done, TaskError> {
        Ok(match request {
            Request::Begin => Done::Begin { draft: self.index.begin().await.map_err(StepError::from)? },
            Request::Fill { draft, after } => self.fill(&draft, after).await?,
            Request::Swap { draft } => {
                self.index.swap(&draft).await.map_err(StepError::from)?;
                Done::Swap
            }
            Request::DropFormer => {
                self.index.drop_former().await.map_err(StepError::from)?;
                Done::DropFormer
            }
        })
    }

    async fn fill(&self, draft: &Draft, mut after: Option<ArticleId>) -> Result<Done, StepError> {
        let (mut articles, mut rejected, mut reasons) = (0, 0, Vec::new());
        while articles < ARTICLES {
            let page = self.articles.scan(after.as_ref(), PAGE).await?;
            after = page.last().map(|article| article.id.clone());
            if page.is_empty() {
                break;
            }
            articles += page.len();
            let reads = page.into_iter().map(|article| documents::change(article, &self.contents));
            let changes: Vec<IndexChange> = stream::iter(reads).buffer_unordered(READS).try_collect().await?;
            for (id, why) in self.write(draft, changes).await? {
                rejected += 1;
                tracing::warn!(article.id = %id, reason = why, "the index cannot take an article");
                if reasons.len() < NAMED {
                    reasons.push(format!("{id}: {why}"));
                }
            }
        }
        tracing::info!(draft = draft.0, articles, rejected, "articles were carried over");
        Ok(Done::Fill { after, articles, rejected, reasons })
    }

    /// Writes until the draft has all that it can take; the answer is the rest.
    async fn write(
        &self,
        draft: &Draft,
        mut changes: Vec<IndexChange>,
    ) -> Result<Vec<(ArticleId, String)>, ReindexError> {
        let mut rejected = Vec::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                self.machine.pause(full_jitter(BACKOFF, attempt, LONGEST_BACKOFF, &self.machine)).await;
            }
            let outcomes = self.index.fill(draft, &changes).await?;
            let mut later = Vec::new();
            for (change, outcome) in changes.into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Applied | Outcome::Stale => {}
                    Outcome::Rejected { why } => rejected.push((change.id().clone(), why)),
                    Outcome::Later { .. } => later.push(change),
                }
            }
            if later.is_empty() {
                return Ok(rejected);
            }
            changes = later;
        }
        let reason = format!("{} changes were not taken, however often they were written", changes.len());
        Err(ServiceError { service: "the index", reason }.into())
    }
}
