//! All figures of one run.

use super::contest::{Engine, Figures, index, measure};
use super::corpus::Corpus;
use super::machine::{Machine, bytes, process, resident};
use crate::goals::Goal;
use search_engines::embedded::{Folder, Reader, Writer};
use search_engines::opensearch::{Connection, OpenSearch};
use serde::Serialize;
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::time::Duration;

const SEED: u64 = 2026;
const QUESTIONS: usize = 100;
/// A node in service has compiled what it runs: so often it is asked before the clock runs.
const WARM_UP: usize = 10;
const ROUNDS: usize = 5;
/// The monolith is slow and needs no warming up but that of the database's pages.
const MONOLITH_ROUNDS: usize = 1;
/// The slowest of a hundred questions takes the monolith so many times as long.
const TIMES_FASTER: f64 = 50.0;
const FRESH: Duration = Duration::from_secs(3);

/// What an index takes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Articles a second, written in batches of a thousand.
    pub articles_per_second: f64,
    /// On disk, in bytes.
    pub bytes: u64,
    /// What the process that answers has in memory after all questions, in bytes; `null`: it could not be seen.
    pub resident_bytes: Option<u64>,
}

/// All figures.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Published articles.
    pub articles: usize,
    /// In a published article's body, on average.
    pub characters: usize,
    /// Different questions of one to three words.
    pub questions: usize,
    /// Asking the monolith.
    pub monolith: Figures,
    /// Asking the embedded engine, in this process.
    pub embedded: Figures,
    /// What its index takes.
    pub embedded_index: Index,
    /// Asking OpenSearch, over HTTP on loopback.
    pub open_search: Figures,
    /// What its index takes.
    pub open_search_index: Index,
    /// What must be so.
    pub goals: Vec<Goal>,
}

/// Runs all of it, in an empty folder; `data` is the folder of the node at `url`.
///
/// # Errors
/// Anything that fails.
pub async fn run(folder: &Path, articles: u64, url: &str, data: &Path) -> Result<Report, Box<dyn Error>> {
    eprintln!("a corpus of {articles} articles, and the monolith's table");
    let corpus = Corpus::new(&folder.join("monolith.sqlite"), articles, SEED).await?;
    let questions = corpus.questions(QUESTIONS, SEED);

    eprintln!("the embedded engine");
    let store = Folder::new(folder.join("store"))?;
    let writer = Writer::new(store.clone(), Machine::default(), folder.join("written"));
    let embedded_rate = index(&writer, &corpus.documents).await?;
    let embedded_bytes = bytes(&folder.join("written"))?;
    drop(writer);
    let reader = Engine(Reader::new(store, Machine::default(), folder.join("read"), FRESH));
    let without = resident("self");
    let embedded = measure(&reader, &questions, WARM_UP, ROUNDS).await?;
    let embedded_index = Index {
        articles_per_second: embedded_rate,
        bytes: embedded_bytes,
        resident_bytes: resident("self").zip(without).map(|(with, without)| with.saturating_sub(without)),
    };

    eprintln!("OpenSearch, filled");
    let node = OpenSearch::new(Connection::open(url)?, "articles");
    let rate = index(&node, &corpus.documents).await?;
    node.refresh().await?;
    let node = Engine(node);

    // Meanwhile the node finishes its merges, and the monolith's first round its warming up.
    eprintln!("the monolith");
    let monolith = measure(&corpus.connection, &questions, 1, MONOLITH_ROUNDS).await?;

    eprintln!("OpenSearch, asked");
    let open_search = measure(&node, &questions, WARM_UP, ROUNDS).await?;
    let open_search_index = Index {
        articles_per_second: rate,
        bytes: bytes(data)?,
        resident_bytes: url.rsplit(':').next().and_then(process).and_then(|process| resident(&process)),
    };

    let (articles, questions) = (corpus.documents.len(), questions.len());
    let characters = corpus.characters / articles.max(1);
    let goals = Vec::new();
    let mut report = Report {
        articles,
        characters,
        questions,
        monolith,
        embedded,
        embedded_index,
        open_search,
        open_search_index,
        goals,
    };
    report.goals = report.judge();
    Ok(report)
}

impl Report {
    fn judge(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for (name, figures) in [("embedded", &self.embedded), ("OpenSearch", &self.open_search)] {
            let share = figures.p99_ms / self.monolith.p99_ms;
            goals.push(Goal::at_most(format!("{name}: p99, of the monolith's"), 1.0 / TIMES_FASTER, Some(share)));
            let worse = self.monolith.ndcg_at_10 / figures.ndcg_at_10;
            goals.push(Goal::at_most(format!("{name}: the monolith's nDCG@10, of its own"), 1.0, Some(worse)));
        }
        goals
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { articles, characters, questions, .. } = self;
        writeln!(f, "Search: {articles} published articles of {characters} characters on average,")?;
        writeln!(f, "{questions} questions of one to three words.")?;
        writeln!(f, "  {:<28}{:>10}{:>10}{:>10}", "", "p50", "p99", "nDCG@10")?;
        for (name, figures) in [
            ("the monolith, LIKE", &self.monolith),
            ("embedded, in this process", &self.embedded),
            ("OpenSearch, over loopback", &self.open_search),
        ] {
            let Figures { p50_ms, p99_ms, ndcg_at_10 } = figures;
            writeln!(f, "  {name:<28}{p50_ms:>7.1} ms{p99_ms:>7.1} ms{ndcg_at_10:>10.3}")?;
        }
        writeln!(f, "  {:<28}{:>12}{:>12}{:>12}", "", "articles/s", "on disk", "in memory")?;
        for (name, index) in [("embedded", &self.embedded_index), ("OpenSearch", &self.open_search_index)] {
            let Index { articles_per_second: rate, bytes, resident_bytes } = index;
            let memory = resident_bytes.map_or("-".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000));
            writeln!(f, "  {name:<28}{rate:>12.0}{:>9} MB{memory:>12}", bytes / 1_000_000)?;
        }
        writeln!(f, "\nGoals")?;
        self.goals.iter().try_for_each(|goal| writeln!(f, "  {goal}"))
    }
}
