//! `articles-import`: reads what DMS wrote, merges it and writes the articles that follow from it.
//!
//! Nothing here depends on the order in which files come, nor on how often. A file is read in slices; after each the
//! place is noted, so that a large one goes on in the next invocation. A row that cannot be read goes to the dead-letter
//! queue with its place and without its text, and the rest goes on. When its cause is mended, redriving the queue reads
//! the file again from its beginning, as does uploading it again with another content.

mod message;
mod source;

use domain::articles::source::is_full_load;
use domain::articles::store::{Articles, Contents};
use domain::articles::{ArticleId, ContentKey};
use domain::migration::merge::Merged;
use domain::migration::present::{self, Verdict};
use domain::migration::rows::{self, Change, Columns, Limits, Row, Table};
use domain::migration::store::{ArticleWrite, FileVersion, ImportQueue, Imports, Progress, SourceFiles, Tally};
use domain::migration::{Fault, Place, Poison};
use domain::services::{DeadLetters, ServiceError};
use domain::store::{Commit, StoreError};
use domain::time::{Chance, Clock, Pause, Timestamp, full_jitter};
use futures::{StreamExt, TryStreamExt, stream};
use lambda::telemetry::{Metrics, Unit, Value};
use message::Message;
use source::Source;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many rows are merged between two notes of the place.
const SLICE: usize = 200;
/// So many articles at a time.
const AT_ONCE: usize = 16;
/// How often rows are merged anew when somebody else wrote in between, before their file is read again.
const ATTEMPTS: u32 = 10;
/// A commit time may be so much ahead of this machine's clock.
const CLOCK_SKEW: Duration = Duration::from_hours(1);

/// Why a file must be read again. What was noted is not.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A table or bucket gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A queue gave no answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Somebody wrote between each read and write.
    #[error("the article {0} is contended")]
    Contended(ArticleId),
    /// A file is to be read from its beginning while it is read.
    #[error("the file {0} is being read")]
    Busy(String),
}

/// When to begin no more of a file, for an invocation that ends at `deadline`, in milliseconds since the epoch.
pub fn stop_before(deadline: u64, margin: Duration) -> Timestamp {
    Timestamp(i64::try_from(deadline).unwrap_or(i64::MAX)).minus(margin)
}

/// The service behind the Lambda `articles-import`.
pub struct Import<I, A, B, F, G, Q, M> {
    /// What is known of rows, and the progress of files.
    pub imports: I,
    /// The articles that are there.
    pub articles: A,
    /// Their bodies.
    pub contents: B,
    /// What DMS wrote.
    pub files: F,
    /// Where a row goes that cannot be read.
    pub dead_letters: G,
    /// Where the rest of a large file is asked for.
    pub queue: Q,
    /// Time, waiting and chance.
    pub machine: M,
    /// DMS cuts large texts off at so many bytes.
    pub lob_bytes: u64,
    /// Where rows are counted.
    pub metrics: Metrics,
}

impl<I, A, B, F, G, Q, M> Import<I, A, B, F, G, Q, M>
where
    I: Imports + Sync,
    A: Articles + Sync,
    B: Contents + Sync,
    F: SourceFiles + Sync,
    G: DeadLetters + Sync,
    Q: ImportQueue + Sync,
    M: Clock + Pause + Chance + Sync,
{
    /// Does what a message of the queue asks for, up to about `until`.
    ///
    /// # Errors
    /// [`ImportError`]: the message comes again.
    pub async fn handle(&self, text: String, until: Timestamp) -> Result<(), ImportError> {
        match Message::parse(&text) {
            Ok(Message::Nothing) => Ok(()),
            Ok(Message::Files(files)) => {
                for file in files {
                    self.read(&file, false, until).await?;
                }
                Ok(())
            }
            Ok(Message::GoOn(file)) => self.read(&file, false, until).await,
            Ok(Message::Again(file)) => self.read(&file, true, until).await,
            Err(reason) => {
                tracing::warn!(reason, "a message names no file and goes to the DLQ");
                Ok(self.dead_letters.park(&text, reason).await?)
            }
        }
    }

    /// Reads a file on from where it was left; from its beginning where that is asked for.
    async fn read(&self, file: &str, again: bool, until: Timestamp) -> Result<(), ImportError> {
        let Some(table) = Table::of(file) else {
            return self.park(file, whole("is no CSV file of a table that is migrated")).await;
        };
        let stored = self.imports.progress(file).await?;
        let Some(version) = self.files.version(file).await? else {
            if stored.is_some_and(|stored| stored.value.done) {
                return Ok(());
            }
            return self.park(file, whole("the file is gone, and was not read to its end")).await;
        };
        let mut based_on = stored.as_ref().map(|stored| stored.revision);
        let known = stored.map(|stored| stored.value).filter(|known| known.etag == version.etag && !again);
        let mut progress = known.unwrap_or_else(|| beginning(&version));
        if progress.done {
            return Ok(());
        }
        let mut source = Source::new(&self.files, file, version, (progress.offset, progress.line));
        let mut report = Report::default();
        let columns = match columns(table, &mut source, &progress).await? {
            Ok(columns) => columns,
            Err(fault) => {
                // Without its header no row of a file has a meaning: one letter for all of them.
                self.park(file, fault).await?;
                report.tally.poison = 1;
                progress.done = true;
                progress.tally += report.tally;
                if self.imports.note(file, &progress, based_on).await? == Commit::Conflict {
                    tracing::info!(import.file = file, "another invocation has read the same header");
                }
                self.tell(file, &progress, &report);
                return Ok(());
            }
        };
        progress.columns = columns.names().to_vec();
        loop {
            self.slice(file, &columns, &mut source, &mut progress, &mut report).await?;
            match self.imports.note(file, &progress, based_on).await? {
                Commit::Done => based_on = Some(based_on.unwrap_or(0) + 1),
                // It goes on from where it was, which is not the beginning that is asked for here.
                Commit::Conflict if again => return Err(ImportError::Busy(file.to_owned())),
                Commit::Conflict => {
                    tracing::info!(import.file = file, "another invocation reads this file; it goes on there");
                    break;
                }
            }
            if progress.done {
                break;
            }
            if self.machine.now() >= until {
                self.queue.go_on(file).await?;
                break;
            }
        }
        self.tell(file, &progress, &report);
        Ok(())
    }

    /// Reads the next rows and merges them; `progress` is then what is to be noted.
    async fn slice(
        &self,
        file: &str,
        columns: &Columns,
        source: &mut Source<'_, F>,
        progress: &mut Progress,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        let latest = self.machine.now().plus(CLOCK_SKEW).0.saturating_mul(1000);
        let limits = Limits { lob_bytes: self.lob_bytes, latest };
        let mut articles: BTreeMap<ArticleId, Vec<Row>> = BTreeMap::new();
        let mut faults = Vec::new();
        for _ in 0..SLICE {
            match source.next().await? {
                None => {
                    progress.done = true;
                    break;
                }
                Some(record) => match record.and_then(|record| rows::read(file, columns, &record, &limits)) {
                    Ok(row) => articles.entry(row.id.clone()).or_default().push(row),
                    Err(fault) => faults.push(fault),
                },
            }
        }
        let mut tally = Tally { poison: faults.len() as u64, ..Tally::default() };
        let merges = articles.iter().map(|(id, rows)| Box::pin(self.merge(id, rows)));
        let mut merges = stream::iter(merges).buffer_unordered(AT_ONCE);
        while let Some(outcome) = merges.try_next().await? {
            tally += outcome.tally;
            report.oldest_applied = oldest(report.oldest_applied, outcome.oldest_applied);
        }
        for fault in faults {
            self.park(file, fault).await?;
        }
        (progress.offset, progress.line) = source.place();
        progress.tally += tally;
        progress.updated_at = self.machine.now();
        report.tally += tally;
        Ok(())
    }

    /// Merges the rows of one article, and writes it where they change it.
    async fn merge(&self, id: &ArticleId, rows: &[Row]) -> Result<Report, ImportError> {
        for attempt in 0..ATTEMPTS {
            let stored = self.imports.merged(id).await?;
            let based_on = stored.as_ref().map(|stored| stored.revision);
            let mut merged = stored.map(|stored| stored.value).unwrap_or_default();
            let mut outcome = Report::of(&mut merged, rows);
            if outcome.tally.stale == rows.len() as u64 {
                return Ok(outcome);
            }
            let before = self.articles.article(id).await?;
            let after = match present::decide(id, &merged, before.as_ref()) {
                Verdict::Nothing => None,
                Verdict::Write(after) => Some(after),
                Verdict::Conflict => {
                    tracing::warn!(article.id = %id, "both sides changed an article; what the new service wrote stays");
                    outcome.tally.conflicts = 1;
                    None
                }
            };
            // The body first, so that nobody reads of one that is not there.
            if let Some((key, body)) = newest_body(&merged, rows) {
                self.contents.put(key, body).await?;
            }
            let write = after.as_deref().map(|after| ArticleWrite { before: before.as_ref(), after });
            match self.imports.commit(id, &merged, based_on, write).await? {
                Commit::Done => return Ok(outcome),
                Commit::Conflict => {
                    let (base, cap) = (Duration::from_millis(20), Duration::from_secs(1));
                    self.machine.pause(full_jitter(base, attempt, cap, &self.machine)).await;
                }
            }
        }
        Err(ImportError::Contended(id.clone()))
    }

    async fn park(&self, file: &str, fault: Fault) -> Result<(), ImportError> {
        let poison = fault.of(file);
        let Poison { file, line, column, why } = &poison;
        tracing::warn!(import.file = file, import.line = line, import.column = column, why, "a row goes to the DLQ");
        let text = serde_json::to_string(&poison).unwrap_or_else(|_| poison.to_string());
        Ok(self.dead_letters.park(&text, why).await?)
    }

    /// One line for people, one for metrics.
    fn tell(&self, file: &str, progress: &Progress, report: &Report) {
        let Tally { applied, stale, echoes, poison, conflicts } = report.tally;
        tracing::info!(
            import.file = file,
            import.line = progress.line,
            import.done = progress.done,
            rows.applied = applied,
            rows.stale = stale,
            rows.echoes = echoes,
            rows.poison = poison,
            rows.conflicts = conflicts,
            "a file was read"
        );
        let phase = [("Phase", if is_full_load(file) { "full-load" } else { "changes" })];
        #[expect(clippy::cast_precision_loss, reason = "no file has 2^52 rows")]
        let count = |name, count: u64| Value { name, value: count as f64, unit: Unit::Count, dimensions: &phase };
        let mut values = vec![
            count("ImportRowsApplied", applied),
            count("ImportRowsStale", stale),
            count("ImportRowsEchoed", echoes),
            count("ImportRowsPoison", poison),
            count("ImportFilesDone", u64::from(progress.done)),
            Value { dimensions: &[], ..count("ImportConflicts", conflicts) },
        ];
        let now = self.machine.now();
        if let Some(oldest) = report.oldest_applied {
            let lag = Timestamp(oldest.div_euclid(1000)).until(now).as_secs_f64() * 1000.0;
            values.push(Value { name: "ImportLag", value: lag, unit: Unit::Milliseconds, dimensions: &[] });
        }
        self.metrics.put_all(now, &values);
    }
}

/// The columns as they were noted, or as the file's first record names them.
async fn columns<F: SourceFiles + Sync>(
    table: Table,
    source: &mut Source<'_, F>,
    progress: &Progress,
) -> Result<Result<Columns, Fault>, StoreError> {
    if progress.offset > 0 {
        return Ok(Columns::named(table, progress.columns.clone()).map_err(|why| whole(&why)));
    }
    let header = source.next().await?.unwrap_or_else(|| Err(whole("the file is empty: it must have a header")));
    let columns = header.and_then(|header| Columns::read(table, &header));
    if let Ok(columns) = &columns
        && !columns.unknown().is_empty()
    {
        tracing::info!(import.columns = ?columns.unknown(), "the file has columns that mean nothing here");
    }
    Ok(columns)
}

fn beginning(version: &FileVersion) -> Progress {
    Progress {
        etag: version.etag.clone(),
        offset: 0,
        line: 1,
        columns: Vec::new(),
        done: false,
        tally: Tally::default(),
        updated_at: Timestamp(0),
    }
}

/// A fault of a file as a whole.
fn whole(why: &str) -> Fault {
    Fault { place: Place { line: 1, column: 1 }, why: why.to_owned() }
}

/// The body that the merged rows name, and where to put it, if it came with one of these.
fn newest_body<'a>(merged: &'a Merged, rows: &'a [Row]) -> Option<(&'a ContentKey, &'a str)> {
    let known = merged.facts.as_ref()?;
    rows.iter().filter(|row| row.at == known.at).find_map(|row| match &row.change {
        Change::Article(article) => Some((&known.value.content, article.body.as_str())),
        _ => None,
    })
}

fn oldest(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

/// What became of some rows.
#[derive(Debug, Default)]
struct Report {
    tally: Tally,
    /// Commit time, in microseconds, of the oldest change that was applied. Rows of a full load are as old as they are.
    oldest_applied: Option<i64>,
}

impl Report {
    /// Merges the rows.
    fn of(merged: &mut Merged, rows: &[Row]) -> Self {
        let mut outcome = Self::default();
        for row in rows {
            if !merged.apply(row) {
                outcome.tally.stale += 1;
                continue;
            }
            if matches!(&row.change, Change::Article(article) if article.fed_back) {
                outcome.tally.echoes += 1;
            } else {
                outcome.tally.applied += 1;
            }
            if !row.at.is_full_load() {
                outcome.oldest_applied = oldest(outcome.oldest_applied, Some(row.at.committed_at));
            }
        }
        outcome
    }
}
