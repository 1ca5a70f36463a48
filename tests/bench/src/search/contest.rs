//! One search after the other, the same questions.

use super::machine::Machine;
use domain::search::{Document, Filter, IndexChange, Indexing, Outcome, Query, SearchIndex, Text};
use monolith::corpus::judged::{QUERIES, ndcg_at_10};
use monolith::search::{Question, find};
use rusqlite::Connection;
use serde::Serialize;
use std::error::Error;
use std::time::Duration;

/// How many changes are written at a time.
const BATCH: usize = 1000;
/// As many hits as readers see on a page.
const HITS: u16 = 20;

/// One of the searches.
pub trait Contestant {
    /// The names of the first hits.
    fn ask(&self, text: &str) -> impl Future<Output = Result<Vec<String>, Box<dyn Error>>>;
}

impl Contestant for Connection {
    async fn ask(&self, text: &str) -> Result<Vec<String>, Box<dyn Error>> {
        let found = find(self, &Question { text: text.to_owned(), limit: HITS, ..Question::default() })?;
        Ok(found.hits.into_iter().map(|hit| hit.art_key).collect())
    }
}

/// An index, asked as readers ask it.
pub struct Engine<I>(pub I);

impl<I: SearchIndex> Contestant for Engine<I> {
    async fn ask(&self, text: &str) -> Result<Vec<String>, Box<dyn Error>> {
        let query = Query::new(Text::new(text)?, Filter::default(), None, HITS)?;
        Ok(self.0.search(&query).await?.hits.into_iter().map(|hit| hit.id.into()).collect())
    }
}

/// How a search did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Half of the questions took no longer, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 took no longer, in milliseconds.
    pub p99_ms: f64,
    /// How good the first ten hits are over the judged questions: 1 is best.
    pub ndcg_at_10: f64,
}

/// Asks all questions `warm_up` times, and then `rounds` times on the clock; then the judged ones.
///
/// # Errors
/// A question without an answer.
pub async fn measure(
    contestant: &impl Contestant,
    questions: &[String],
    warm_up: usize,
    rounds: usize,
) -> Result<Figures, Box<dyn Error>> {
    let mut times = Vec::with_capacity(questions.len() * rounds);
    for round in 0..warm_up + rounds {
        for question in questions {
            let watch = Machine::default();
            contestant.ask(question).await?;
            if round >= warm_up {
                times.push(watch.elapsed());
            }
        }
    }
    let mut good = 0.0;
    for judged in &QUERIES {
        let ranked = contestant.ask(judged.text).await?;
        good += ndcg_at_10(judged, ranked.iter().map(String::as_str));
    }
    times.sort_unstable();
    let judged = u32::try_from(QUERIES.len()).map_or(f64::INFINITY, f64::from);
    Ok(Figures { p50_ms: quantile(&times, 50), p99_ms: quantile(&times, 99), ndcg_at_10: good / judged })
}

fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

/// Writes all documents; how many a second.
///
/// # Errors
/// A document that was not taken.
pub async fn index(index: &impl Indexing, documents: &[Document]) -> Result<f64, Box<dyn Error>> {
    let watch = Machine::default();
    for batch in documents.chunks(BATCH) {
        let changes: Vec<IndexChange> = batch.iter().cloned().map(IndexChange::Put).collect();
        if let Some(outcome) = index.apply(&changes).await?.into_iter().find(|outcome| *outcome != Outcome::Applied) {
            return Err(format!("a document was not taken: {outcome:?}").into());
        }
    }
    let documents = u32::try_from(documents.len()).map_or(f64::INFINITY, f64::from);
    Ok(documents / watch.elapsed().as_secs_f64())
}
