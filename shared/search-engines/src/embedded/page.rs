//! Collects one page of hits, with how many there are and what they have in common.

use super::schema::{AUTHOR, ID, PUBLISHED, TAG};
use domain::search::{AfterHit, Sort};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::sync::Arc;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{ColumnValues, StrColumn, TermOrdHit};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

/// Which page.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// In which order.
    pub sort: Sort,
    /// At most so many hits.
    pub size: usize,
    /// Only what follows this place.
    pub after: Option<&'a AfterHit>,
    /// Whether to count what hits have in common.
    pub facets: bool,
}

/// A hit's place in the order: what is smaller comes first. `Id` is the article's name, or its number in the sorted list
/// of a segment's names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place<Id> {
    score: u32,
    time: i64,
    id: Directed<Id>,
}

/// An id in an order that goes up or down; in one order all go the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Directed<Id> {
    Up(Id),
    Down(Reverse<Id>),
}

impl<Id> Directed<Id> {
    fn of(sort: Sort, id: Id) -> Self {
        match sort {
            Sort::Oldest => Self::Up(id),
            Sort::Relevance | Sort::Newest => Self::Down(Reverse(id)),
        }
    }

    fn into_inner(self) -> Id {
        match self {
            Self::Up(id) | Self::Down(Reverse(id)) => id,
        }
    }
}

/// A score turned round, as bits: those of numbers that are not negative have the same order as the numbers.
fn turned(score: Score) -> u32 {
    u32::MAX - score.to_bits()
}

fn time(sort: Sort, published: i64) -> i64 {
    match sort {
        Sort::Oldest => published,
        // Not `-`, which the least number does not have.
        Sort::Relevance | Sort::Newest => !published,
    }
}

/// Where hits begin that are wanted, in one segment.
struct Begin {
    score: u32,
    time: i64,
    /// Of those that tie, the names with smaller numbers are before it.
    number: u64,
    /// Whether the name itself has that number, or the next one has.
    exact: bool,
}

impl Begin {
    fn of(sort: Sort, after: &AfterHit, names: &StrColumn) -> io::Result<Self> {
        let score = after.score.and_then(|bits| u32::try_from(bits).ok()).map_or(0, |bits| u32::MAX - bits);
        let time = time(sort, after.published_at.0);
        Ok(match names.dictionary().term_ord_or_next(after.id.as_str())? {
            TermOrdHit::Exact(number) => Self { score, time, number, exact: true },
            TermOrdHit::Next(number) => Self { score, time, number, exact: false },
        })
    }

    fn is_before(&self, place: &Place<u64>) -> bool {
        (self.score, self.time).cmp(&(place.score, place.time)).then_with(|| match place.id {
            Directed::Up(number) if self.exact => self.number.cmp(&number),
            Directed::Up(number) => self.number.cmp(&(number + 1)),
            Directed::Down(Reverse(number)) => number.cmp(&self.number),
        }) == Ordering::Less
    }
}

/// What was collected.
#[derive(Debug, Default)]
pub struct Collected {
    /// How many hits there are on all pages.
    pub total: u64,
    /// Where the hits of this page are, and the score of each.
    pub hits: Vec<(DocAddress, Score)>,
    /// How many hits are about what.
    pub tags: HashMap<String, u64>,
    /// How many hits are by whom, and one of them.
    pub authors: HashMap<String, (u64, DocAddress)>,
}

/// What was collected in one segment.
pub struct SegmentPage {
    total: u64,
    hits: Vec<(Place<String>, DocId, Score)>,
    tags: Vec<(String, u64)>,
    authors: Vec<(String, u64, DocId)>,
    segment: SegmentOrdinal,
}

impl Collector for Page<'_> {
    type Fruit = Collected;
    type Child = InSegment;

    fn for_segment(&self, segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<InSegment> {
        let columns = reader.fast_fields();
        let ids = columns.str(ID)?;
        let begin =
            self.after.zip(ids.as_ref()).map(|(after, names)| Begin::of(self.sort, after, names)).transpose()?;
        let facet = |name| if self.facets { columns.str(name) } else { Ok(None) };
        Ok(InSegment {
            segment,
            sort: self.sort,
            size: self.size,
            begin,
            ids,
            published: columns.i64(PUBLISHED)?.first_or_default_col(0),
            total: 0,
            best: BinaryHeap::new(),
            tags: facet(TAG)?.map(Counts::of),
            authors: facet(AUTHOR)?.map(Counts::of),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance
    }

    fn merge_fruits(&self, segments: Vec<io::Result<SegmentPage>>) -> tantivy::Result<Collected> {
        let mut collected = Collected::default();
        let mut hits = Vec::new();
        for segment in segments {
            let SegmentPage { total, hits: best, tags, authors, segment } = segment.map_err(TantivyError::from)?;
            collected.total += total;
            let address = |doc| DocAddress::new(segment, doc);
            hits.extend(best.into_iter().map(|(place, doc, score)| (place, address(doc), score)));
            for (tag, count) in tags {
                *collected.tags.entry(tag).or_default() += count;
            }
            for (author, count, doc) in authors {
                collected.authors.entry(author).or_insert((0, address(doc))).0 += count;
            }
        }
        hits.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        hits.truncate(self.size);
        collected.hits = hits.into_iter().map(|(_, address, score)| (address, score)).collect();
        Ok(collected)
    }
}

/// How many documents have each value of a column.
struct Counts {
    column: StrColumn,
    /// By the value's number: how many, and one of them.
    of: Vec<(u64, DocId)>,
}

impl Counts {
    fn of(column: StrColumn) -> Self {
        let of = vec![(0, 0); column.num_terms()];
        Self { column, of }
    }

    fn add(&mut self, doc: DocId) {
        for value in self.column.term_ords(doc) {
            if let Some(count) = usize::try_from(value).ok().and_then(|value| self.of.get_mut(value)) {
                *count = (count.0 + 1, doc);
            }
        }
    }

    fn named(self) -> io::Result<Vec<(String, u64, DocId)>> {
        let mut named = Vec::new();
        for (number, (count, doc)) in (0..).zip(self.of) {
            let mut value = String::new();
            if count > 0 && self.column.ord_to_str(number, &mut value)? {
                named.push((value, count, doc));
            }
        }
        Ok(named)
    }
}

/// Collects in one segment.
pub struct InSegment {
    segment: SegmentOrdinal,
    sort: Sort,
    size: usize,
    begin: Option<Begin>,
    ids: Option<StrColumn>,
    published: Arc<dyn ColumnValues<i64>>,
    total: u64,
    /// The best of those seen, the worst of them on top.
    best: BinaryHeap<(Place<u64>, DocId)>,
    tags: Option<Counts>,
    authors: Option<Counts>,
}

impl SegmentCollector for InSegment {
    type Fruit = io::Result<SegmentPage>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        for counts in [&mut self.tags, &mut self.authors].into_iter().flatten() {
            counts.add(doc);
        }
        let score = if self.sort == Sort::Relevance { turned(score) } else { 0 };
        let time = time(self.sort, self.published.get_val(doc));
        // Most hits are worse than what a page holds, and what they are called need not be looked up.
        if self.best.len() == self.size
            && self.best.peek().is_none_or(|(worst, _)| (worst.score, worst.time) < (score, time))
        {
            return;
        }
        let number = self.ids.as_ref().and_then(|ids| ids.ords().first(doc)).unwrap_or(0);
        let place = Place { score, time, id: Directed::of(self.sort, number) };
        if self.begin.as_ref().is_some_and(|begin| !begin.is_before(&place)) {
            return;
        }
        if self.best.len() < self.size {
            self.best.push((place, doc));
        } else if let Some(mut worst) = self.best.peek_mut()
            && place < worst.0
        {
            *worst = (place, doc);
        }
    }

    fn harvest(self) -> io::Result<SegmentPage> {
        let mut hits = Vec::with_capacity(self.best.len());
        for (Place { score, time, id }, doc) in self.best {
            let mut name = String::new();
            if let Some(ids) = &self.ids {
                ids.ord_to_str(id.into_inner(), &mut name)?;
            }
            let place = Place { score, time, id: Directed::of(self.sort, name) };
            hits.push((place, doc, Score::from_bits(u32::MAX - score)));
        }
        let tags = self.tags.map_or(Ok(Vec::new()), Counts::named)?;
        let authors = self.authors.map_or(Ok(Vec::new()), Counts::named)?;
        let tags = tags.into_iter().map(|(tag, count, _)| (tag, count)).collect();
        Ok(SegmentPage { total: self.total, hits, tags, authors, segment: self.segment })
    }
}
