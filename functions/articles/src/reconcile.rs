//! Whether the monolith and the new store say the same of every article: an export of the monolith, in DMS's format,
//! against the table of articles and the bucket of bodies.
//!
//! The export must not have gone through DMS, which may have cut large texts: its sizes are the ones that count.

use domain::articles::store::{ArticleLists, Contents};
use domain::articles::{Article, ArticleId};
use domain::migration::Poison;
use domain::migration::csv::{Next, Reader};
use domain::migration::merge::Merged;
use domain::migration::reconcile::{Fingerprint, Report, Side, compare};
use domain::migration::rows::{self, Columns, Limits, Table};
use domain::store::StoreError;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// So many articles of the new store are asked for at once, and so many bodies.
const PAGE: u16 = 500;
const AT_ONCE: usize = 16;
/// More differences are counted and not listed.
const LISTED: usize = 100;

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The export's folder or a file in it.
    #[error("{path}: {source}")]
    Export {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{0} holds no file of an article; export the monolith into it first")]
    Empty(PathBuf),
    /// The new store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The monolith's articles, as a folder of files in DMS's format has them, and what cannot be read of it.
///
/// # Errors
/// [`ReconcileError`], where the folder or a file cannot be read, or no file is there.
pub fn export(folder: &Path) -> Result<(BTreeMap<ArticleId, Fingerprint>, Vec<Poison>), ReconcileError> {
    let mut merged = BTreeMap::new();
    let mut poison = Vec::new();
    let mut paths = Vec::new();
    files(folder, &mut paths)?;
    for path in &paths {
        let file = path.to_string_lossy();
        if let Some(table) = Table::of(&file) {
            let read = read(path, &file, table, &mut merged, &mut poison);
            read.map_err(|source| ReconcileError::Export { path: path.clone(), source })?;
        }
    }
    if merged.is_empty() && poison.is_empty() {
        return Err(ReconcileError::Empty(folder.to_owned()));
    }
    let prints = merged.iter().filter_map(|(id, merged)| Some((id.clone(), Fingerprint::of_rows(id, merged)?)));
    Ok((prints.collect(), poison))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), ReconcileError> {
    let failed = |source| ReconcileError::Export { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn read(
    path: &Path,
    file: &str,
    table: Table,
    merged: &mut BTreeMap<ArticleId, Merged>,
    poison: &mut Vec<Poison>,
) -> io::Result<()> {
    let limits = Limits { lob_bytes: u64::MAX, latest: i64::MAX };
    let mut input = File::open(path)?;
    let mut reader = Reader::from(0, 1);
    let mut columns = None;
    let mut part = vec![0; 1 << 20];
    loop {
        let record = match reader.read() {
            Next::Record(record) => Ok(record),
            Next::Fault(fault) => Err(fault),
            Next::More if reader.has_ended() => return Ok(()),
            Next::More => {
                match input.read(&mut part)? {
                    0 => reader.end(),
                    length => reader.feed(&part[..length]),
                }
                continue;
            }
        };
        let Some(columns) = &columns else {
            match record.and_then(|header| Columns::read(table, &header)) {
                Ok(read) => columns = Some(read),
                Err(fault) => {
                    poison.push(fault.of(file));
                    return Ok(());
                }
            }
            continue;
        };
        match record.and_then(|record| rows::read(file, columns, &record, &limits)) {
            Ok(row) => drop(merged.entry(row.id.clone()).or_default().apply(&row)),
            Err(fault) => poison.push(fault.of(file)),
        }
    }
}

/// The new store's articles and their bodies.
///
/// # Errors
/// [`StoreError`] of table or bucket.
pub async fn new_store(
    articles: &impl ArticleLists,
    contents: &(impl Contents + Sync),
) -> Result<BTreeMap<ArticleId, Fingerprint>, StoreError> {
    let mut prints = BTreeMap::new();
    let mut after: Option<ArticleId> = None;
    loop {
        let page = articles.scan(after.as_ref(), PAGE).await?;
        after = match page.last() {
            Some(last) => Some(last.id.clone()),
            None => return Ok(prints),
        };
        let bodies = page.into_iter().map(async |article: Article| {
            let body = contents.content(&article.content).await?;
            Ok::<_, StoreError>((article.id.clone(), Fingerprint::of_article(&article, body.as_deref())))
        });
        let mut bodies = stream::iter(bodies).buffer_unordered(AT_ONCE);
        while let Some((id, print)) = bodies.try_next().await? {
            prints.insert(id, print);
        }
    }
}

/// The comparison as a person reads it, and whether all is well.
pub fn compared(
    old: &BTreeMap<ArticleId, Fingerprint>,
    new: &BTreeMap<ArticleId, Fingerprint>,
    poison: &[Poison],
) -> (String, bool) {
    let report = compare(old, new);
    let mut lines = vec![side("monolith ", &report.old), side("new store", &report.new)];
    lines.extend(poison.iter().take(LISTED).map(|poison| format!("unreadable  {poison}")));
    lines.extend(report.differences.iter().take(LISTED).map(|(id, difference, here)| {
        let note = if *here { " (written by the new service: not fed back yet, or a conflict)" } else { "" };
        format!("{id}  {difference}{note}")
    }));
    lines.push(verdict(&report, poison.len()));
    (lines.join("\n"), report.differences.is_empty() && poison.is_empty())
}

fn side(name: &str, side: &Side) -> String {
    let Side { drafts, published, withdrawn, checksum } = side;
    format!("{name}  {published} published, {drafts} drafts, {withdrawn} withdrawn  sha256 {checksum}")
}

fn verdict(report: &Report, unreadable: usize) -> String {
    if report.differences.is_empty() && unreadable == 0 {
        return format!("Both sides agree on all {} articles.", report.same);
    }
    let differ = report.differences.len();
    format!("{} articles agree, {differ} differ, {unreadable} rows of the export cannot be read.", report.same)
}
