//! A question as the engine's own query, by the rules of [`domain::search::matching`]. It is put together from terms;
//! nothing that a reader typed is ever parsed.

use super::analysis::{beginning, terms};
use super::schema::Fields;
use domain::search::matching::{FIELDS, OTHER_FIELDS, RESEMBLING, SURE_LETTERS, telling, typos_forgiven, words_needed};
use domain::search::{Filter, Text};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, FuzzyTermQuery, Occur, Query,
    RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Term};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Searcher, TantivyError};

/// Whether a misspelt word is a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As it is written.
    Exact,
    /// Or whatever resembles it most.
    Forgiving,
}

impl Spelling {
    fn typos(self, word: &str) -> u8 {
        match self {
            Self::Exact => 0,
            Self::Forgiving => typos_forgiven(word),
        }
    }
}

/// A query, and the terms that it looks for.
pub struct Question {
    /// What the engine is asked.
    pub query: Box<dyn Query>,
    /// What a highlighter marks.
    pub terms: BTreeSet<String>,
}

type Clause = (Occur, Box<dyn Query>);

/// What puts questions together.
pub struct Asker<'a> {
    /// The fields.
    pub fields: &'a Fields,
    /// The index as it is now.
    pub searcher: &'a Searcher,
    /// The analyser of the fields in question.
    pub analyser: TextAnalyzer,
}

impl Asker<'_> {
    /// What a search looks for.
    pub fn search(&mut self, text: &Text, filter: &Filter, spelling: Spelling) -> tantivy::Result<Question> {
        let mut terms = BTreeSet::new();
        let mut clauses = self.filters(filter);
        let mut words = 0;
        for word in telling(text.words()) {
            let mut parts: Vec<Box<dyn Query>> = Vec::new();
            for term in self::terms(&mut self.analyser, word) {
                parts.push(self.anywhere(&term, spelling.typos(word), &mut terms)?);
            }
            if !parts.is_empty() {
                words += 1;
                clauses.push((Occur::Should, Box::new(BooleanQuery::intersection(parts))));
            }
        }
        let query: Box<dyn Query> = if words > 0 {
            Box::new(BooleanQuery::with_minimum_required_clauses(clauses, words_needed(words)))
        } else if text.is_empty() {
            clauses.push((Occur::Must, Box::new(AllQuery)));
            Box::new(BooleanQuery::new(clauses))
        } else {
            Box::new(EmptyQuery)
        };
        Ok(Question { query, terms })
    }

    /// What a suggestion looks for: every word that was typed begins a word of the title.
    pub fn suggest(&mut self, text: &Text, spelling: Spelling) -> tantivy::Result<Box<dyn Query>> {
        let mut clauses = self.filters(&Filter::default());
        let field = self.fields.beginnings;
        for word in text.words() {
            for term in self::terms(&mut self.analyser, word) {
                let term = beginning(&term);
                let found = self.spelt(field, &term, spelling.typos(word))?;
                clauses.push((Occur::Must, any(found.iter().map(|term| scored(field, term, 1.0)).collect(), 0.0)));
            }
        }
        let typed = clauses.iter().any(|(occur, _)| *occur == Occur::Must);
        if typed { Ok(Box::new(BooleanQuery::new(clauses))) } else { Ok(Box::new(EmptyQuery)) }
    }

    /// One term in any field.
    fn anywhere(&self, term: &str, typos: u8, terms: &mut BTreeSet<String>) -> tantivy::Result<Box<dyn Query>> {
        let mut fields = Vec::new();
        let typos = if self.occurs(term)? { 0 } else { typos };
        for (field, weight) in self.fields.texts.into_iter().zip(FIELDS) {
            let found = self.spelt(field, term, typos)?;
            fields.push(any(found.iter().map(|term| scored(field, term, weight.weight)).collect(), 0.0));
            terms.extend(found);
        }
        Ok(any(fields, OTHER_FIELDS))
    }

    /// Whether a term stands in any field as it is: then it is no misspelt word.
    fn occurs(&self, term: &str) -> tantivy::Result<bool> {
        for field in self.fields.texts {
            if self.searcher.doc_freq(&Term::from_field_text(field, term))? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The terms for which a term stands in a field: itself, or those that resemble it most.
    fn spelt(&self, field: Field, term: &str, typos: u8) -> tantivy::Result<Vec<String>> {
        if typos == 0 || self.searcher.doc_freq(&Term::from_field_text(field, term))? > 0 {
            return Ok(vec![term.to_owned()]);
        }
        for typos in 1..=typos {
            let found = self.resembling(field, term, typos)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// The most frequent terms of a field that differ from one by so many letters or fewer.
    fn resembling(&self, field: Field, term: &str, typos: u8) -> tantivy::Result<Vec<String>> {
        let sure: String = term.chars().take(SURE_LETTERS).collect();
        let mut found: HashMap<String, u32> = HashMap::new();
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            let automaton = FuzzyTermQuery::new(Term::from_field_text(field, term), typos, true).automaton()?;
            let mut stream = index.terms().search(automaton).ge(&sure).into_stream()?;
            while stream.advance() {
                let Ok(other) = std::str::from_utf8(stream.key()) else { continue };
                if !other.starts_with(&sure) {
                    break;
                }
                let documents = stream.value().doc_freq;
                found.entry(other.to_owned()).and_modify(|n| *n = n.saturating_add(documents)).or_insert(documents);
            }
        }
        let mut found: Vec<(String, u32)> = found.into_iter().collect();
        found.sort_unstable_by(|(one, n), (other, m)| m.cmp(n).then_with(|| one.cmp(other)));
        found.truncate(RESEMBLING);
        Ok(found.into_iter().map(|(term, _)| term).collect())
    }

    /// What restricts hits without making any of them better.
    fn filters(&self, filter: &Filter) -> Vec<Clause> {
        let fields = self.fields;
        let plain = |term| Box::new(TermQuery::new(term, IndexRecordOption::Basic)) as Box<dyn Query>;
        let must = |query| (Occur::Must, Box::new(ConstScoreQuery::new(query, 0.0)) as Box<dyn Query>);
        let mut clauses = vec![(Occur::MustNot, plain(Term::from_field_bool(fields.gone, true)))];
        for tag in &filter.tags {
            clauses.push(must(plain(Term::from_field_text(fields.tag, tag.as_str()))));
        }
        if let Some(author) = &filter.author {
            clauses.push(must(plain(Term::from_field_text(fields.author, author.as_str()))));
        }
        let moment = |moment: domain::time::Timestamp| Term::from_field_i64(fields.published, moment.0);
        if filter.from.is_some() || filter.to.is_some() {
            let from = filter.from.map_or(Bound::Unbounded, |from| Bound::Included(moment(from)));
            let to = filter.to.map_or(Bound::Unbounded, |to| Bound::Excluded(moment(to)));
            clauses.push(must(Box::new(RangeQuery::new(from, to))));
        }
        clauses
    }
}

fn scored(field: Field, term: &str, weight: f32) -> Box<dyn Query> {
    let term = TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs);
    Box::new(BoostQuery::new(Box::new(term), weight))
}

fn any(mut queries: Vec<Box<dyn Query>>, others: f32) -> Box<dyn Query> {
    match queries.pop() {
        None => Box::new(EmptyQuery),
        Some(query) if queries.is_empty() => query,
        Some(query) => {
            queries.push(query);
            Box::new(DisjunctionMaxQuery::with_tie_breaker(queries, others))
        }
    }
}

/// How much each term is worth in a fragment: the rarer, the more.
pub fn rarity(
    searcher: &Searcher,
    field: Field,
    terms: &BTreeSet<String>,
) -> Result<BTreeMap<String, f32>, TantivyError> {
    let mut worth = BTreeMap::new();
    for term in terms {
        // Its precision does not matter.
        let documents = u16::try_from(searcher.doc_freq(&Term::from_field_text(field, term))?).unwrap_or(u16::MAX);
        worth.insert(term.clone(), 1.0 / (1.0 + f32::from(documents)));
    }
    Ok(worth)
}
