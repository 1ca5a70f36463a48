//! One index in a folder: reading and writing it, without a thought of where it came from.

use super::analysis::{STEMS, WORDS, analysers};
use super::page::{Collected, Page};
use super::question::{Asker, Spelling, rarity};
use super::schema::{Fields, VERSION};
use domain::articles::{ArticleId, AuthorId, Tag};
use domain::search::found::{MARK, UNMARK};
use domain::search::matching::{FACET_VALUES, FRAGMENT_CHARACTERS, SUGGESTIONS, typos_forgiven};
use domain::search::{
    AfterHit, AuthorCount, Document, Facets, Found, Highlights, Hit, Html, IndexChange, Outcome, Query, Sort,
    Suggestion, TagCount, Text,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergePolicy, NoMergePolicy};
use tantivy::schema::{IndexRecordOption, Term, Value};
use tantivy::snippet::SnippetGenerator;
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{
    DocAddress, DocSet, Index, IndexReader, IndexWriter, ReloadPolicy, Score, Searcher, TERMINATED, TantivyDocument,
};

/// What one indexing thread may use before it begins another segment.
const WRITER_BYTES: usize = 64 << 20;
/// From this share of replaced entries on a segment is written anew.
const REPLACED_SHARE: f32 = 0.3;

/// One index.
pub struct Shelf {
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

impl Shelf {
    /// The index in a folder, a new one where there is none.
    pub fn open(folder: &Path) -> tantivy::Result<Self> {
        let fields = Fields::default();
        let directory = tantivy::directory::MmapDirectory::open(folder)?;
        let mut index = Index::open_or_create(directory, fields.schema.clone())?;
        index.set_tokenizers(analysers());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { index, reader, fields })
    }

    /// The files that make up the index, by their names, but for `meta.json`.
    pub fn files(&self) -> tantivy::Result<BTreeSet<String>> {
        let names = self.index.load_metas()?.list_segment_files();
        Ok(names.into_iter().filter_map(|path| path.to_str().map(str::to_owned)).collect())
    }

    /// Applies changes; the folder has them when this returns.
    pub fn apply(&self, changes: &[IndexChange]) -> tantivy::Result<Vec<Outcome>> {
        let searcher = self.reader.searcher();
        let mut words = analyser(&self.index, WORDS)?;
        let mut writer: Option<IndexWriter> = None;
        let mut versions: HashMap<&ArticleId, u64> = HashMap::new();
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            if let Err(invalid) = change.check() {
                outcomes.push(Outcome::Rejected { why: invalid.to_string() });
                continue;
            }
            let present = match versions.get(change.id()) {
                Some(version) => Some(*version),
                None => self.version(&searcher, change.id())?,
            };
            if present >= Some(change.version()) {
                outcomes.push(Outcome::Stale);
                continue;
            }
            let entry = match self.fields.entry(change, &mut words) {
                Ok(entry) => entry,
                Err(error) => {
                    outcomes.push(Outcome::Rejected { why: error.to_string() });
                    continue;
                }
            };
            // A writer has threads and memory of its own: changes that are all stale need none.
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(self.writer()?),
            };
            writer.delete_term(Term::from_field_text(self.fields.id, change.id().as_str()));
            writer.add_document(entry)?;
            versions.insert(change.id(), change.version());
            outcomes.push(Outcome::Applied);
        }
        if let Some(mut writer) = writer {
            writer.commit()?;
            self.merge(&mut writer)?;
            // The writer's threads hold the folder until they have ended.
            writer.wait_merging_threads()?;
            self.reader.reload()?;
        }
        Ok(outcomes)
    }

    fn writer(&self) -> tantivy::Result<IndexWriter> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .build();
        let writer = self.index.writer_with_options(options)?;
        // Merges happen here and now, not behind our back: a function is frozen between its invocations.
        writer.set_merge_policy(Box::new(NoMergePolicy));
        Ok(writer)
    }

    fn merge(&self, writer: &mut IndexWriter) -> tantivy::Result<()> {
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(REPLACED_SHARE);
        let candidates = policy.compute_merge_candidates(&self.index.searchable_segment_metas()?);
        for candidate in &candidates {
            writer.merge(&candidate.0).wait()?;
        }
        Ok(())
    }

    /// The version that the index has of an article.
    fn version(&self, searcher: &Searcher, id: &ArticleId) -> tantivy::Result<Option<u64>> {
        let term = Term::from_field_text(self.fields.id, id.as_str());
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(self.fields.id)?;
            let Some(mut entries) = index.read_postings(&term, IndexRecordOption::Basic)? else { continue };
            let mut entry = entries.doc();
            while entry != TERMINATED {
                if !segment.is_deleted(entry) {
                    return Ok(segment.fast_fields().u64(VERSION)?.first(entry));
                }
                entry = entries.advance();
            }
        }
        Ok(None)
    }

    /// Answers a question.
    pub fn search(&self, query: &Query) -> tantivy::Result<Found> {
        let searcher = self.reader.searcher();
        let mut asker = Asker { fields: &self.fields, searcher: &searcher, analyser: analyser(&self.index, STEMS)? };
        let size = usize::from(query.limit());
        let page = Page { sort: query.sort(), size: size + 1, after: query.place(), facets: true };
        let mut question = asker.search(query.text(), query.filter(), Spelling::Exact)?;
        let mut collected = searcher.search(&question.query, &page)?;
        if collected.total == 0 && forgives(query.text()) {
            question = asker.search(query.text(), query.filter(), Spelling::Forgiving)?;
            collected = searcher.search(&question.query, &page)?;
        }
        let more = collected.hits.len() > size;
        collected.hits.truncate(size);
        let mut marker = Marker::of(self, &searcher, &question.terms)?;
        let mut found = Found { total: collected.total, ..Found::default() };
        for (address, score) in &collected.hits {
            let document = self.document(&searcher, *address)?;
            if more {
                found.next = Some(place(query.sort(), &document, *score));
            }
            let highlights = marker.highlights(&document);
            found.hits.push(hit(document, highlights));
        }
        found.facets = self.facets(&searcher, &collected)?;
        Ok(found)
    }

    /// Titles that begin like this.
    pub fn suggest(&self, text: &Text) -> tantivy::Result<Vec<Suggestion>> {
        let searcher = self.reader.searcher();
        let mut asker = Asker { fields: &self.fields, searcher: &searcher, analyser: analyser(&self.index, WORDS)? };
        let page = Page { sort: Sort::Relevance, size: SUGGESTIONS, after: None, facets: false };
        let mut collected = searcher.search(&asker.suggest(text, Spelling::Exact)?, &page)?;
        if collected.total == 0 && forgives(text) {
            collected = searcher.search(&asker.suggest(text, Spelling::Forgiving)?, &page)?;
        }
        let document = |(address, _): &(DocAddress, Score)| self.document(&searcher, *address);
        let documents = collected.hits.iter().map(document);
        documents.map(|document| document.map(|Document { id, title, .. }| Suggestion { id, title })).collect()
    }

    fn document(&self, searcher: &Searcher, address: DocAddress) -> tantivy::Result<Document> {
        let stored: TantivyDocument = searcher.doc(address)?;
        let text = stored.get_first(self.fields.document).and_then(|value| value.as_str()).unwrap_or_default();
        serde_json::from_str(text)
            .map_err(|error| tantivy::TantivyError::SchemaError(format!("a document cannot be read: {error}")))
    }

    fn facets(&self, searcher: &Searcher, collected: &Collected) -> tantivy::Result<Facets> {
        let tags = collected.tags.iter().map(|(tag, count)| (tag, *count, ()));
        let authors = collected.authors.iter().map(|(author, (count, example))| (author, *count, *example));
        let mut facets = Facets::default();
        for (tag, count, ()) in most_frequent(tags) {
            facets.tags.extend(Tag::new(tag).map(|value| TagCount { value, count }));
        }
        for (author, count, example) in most_frequent(authors) {
            let byline = self.document(searcher, example)?.byline;
            facets.authors.extend(AuthorId::new(author).map(|value| AuthorCount { value, byline, count }));
        }
        Ok(facets)
    }
}

fn analyser(index: &Index, name: &str) -> tantivy::Result<TextAnalyzer> {
    let missing = || tantivy::TantivyError::SystemError(format!("the analyser {name} is not registered"));
    index.tokenizers().get(name).ok_or_else(missing)
}

fn forgives(text: &Text) -> bool {
    text.words().any(|word| typos_forgiven(word) > 0)
}

fn most_frequent<'a, T>(values: impl Iterator<Item = (&'a String, u64, T)>) -> Vec<(&'a String, u64, T)> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(|(one, n, _), (other, m, _)| m.cmp(n).then_with(|| one.cmp(other)));
    values.truncate(FACET_VALUES);
    values
}

fn place(sort: Sort, document: &Document, score: Score) -> AfterHit {
    let score = (sort == Sort::Relevance).then(|| u64::from(score.to_bits()));
    AfterHit { score, published_at: document.published_at, id: document.id.clone() }
}

fn hit(document: Document, highlights: Highlights) -> Hit {
    let Document { id, title, summary, author, byline, tags, premium, published_at, .. } = document;
    Hit { id, title, summary, author, byline, tags, premium, published_at, highlights }
}

/// Marks where documents match.
struct Marker<'a> {
    terms: &'a BTreeSet<String>,
    analyser: TextAnalyzer,
    fragments: SnippetGenerator,
}

impl<'a> Marker<'a> {
    fn of(shelf: &Shelf, searcher: &Searcher, terms: &'a BTreeSet<String>) -> tantivy::Result<Self> {
        let [.., body] = shelf.fields.texts;
        let worth: BTreeMap<String, f32> = rarity(searcher, body, terms)?;
        let analyser = analyser(&shelf.index, STEMS)?;
        let fragments = SnippetGenerator::new(worth, analyser.clone(), body, FRAGMENT_CHARACTERS);
        Ok(Self { terms, analyser, fragments })
    }

    fn highlights(&mut self, document: &Document) -> Highlights {
        if self.terms.is_empty() {
            return Highlights::default();
        }
        let body = self.fragment(&document.body).or_else(|| self.fragment(&document.summary));
        Highlights { title: self.whole(&document.title), body: body.into_iter().collect() }
    }

    fn whole(&mut self, text: &str) -> Option<Html> {
        let mut matches: Vec<Range<usize>> = Vec::new();
        self.analyser.token_stream(text).process(&mut |token| {
            if self.terms.contains(&token.text) {
                matches.push(token.offset_from..token.offset_to);
            }
        });
        (!matches.is_empty()).then(|| marked(text, &matches))
    }

    fn fragment(&self, text: &str) -> Option<Html> {
        let snippet = self.fragments.snippet(text);
        let Range { start, end } = snippet.fragment_range();
        // A fragment ends with a word; the full stop after it belongs to it.
        let stop =
            text.get(end..)?.find(|c: char| c.is_whitespace() || c.is_alphanumeric()).map_or(text.len(), |n| end + n);
        (!snippet.is_empty()).then(|| marked(text.get(start..stop).unwrap_or_default(), snippet.highlighted()))
    }
}

/// A text with marks around ranges that are in order.
fn marked(text: &str, matches: &[Range<usize>]) -> Html {
    let mut marked = String::with_capacity(text.len() + matches.len() * (MARK.len_utf8() + UNMARK.len_utf8()));
    let mut done = 0;
    for Range { start, end } in matches {
        let (Some(before), Some(part)) = (text.get(done..*start), text.get(*start..*end)) else { continue };
        marked.push_str(before);
        marked.push(MARK);
        marked.push_str(part);
        marked.push(UNMARK);
        done = *end;
    }
    marked.push_str(text.get(done..).unwrap_or_default());
    Html::of_marked(&marked)
}
