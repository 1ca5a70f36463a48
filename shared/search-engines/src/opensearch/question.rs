//! A question as the cluster wants it, by the rules of [`domain::search::matching`]. A reader's text is only ever the
//! text of a `match`.

use domain::search::found::{MARK, UNMARK};
use domain::search::matching::{
    FACET_VALUES, FIELDS, FRAGMENT_CHARACTERS, FRAGMENTS, OTHER_FIELDS, RESEMBLING, SUGGESTIONS, SURE_LETTERS, telling,
    typos_forgiven, words_needed,
};
use domain::search::{Filter, Query, Sort, Text};
use serde_json::{Value, json};

/// How long a shard may look for hits. Then the answer is an error: a part of an answer would look like all of it.
const TIMEOUT: &str = "2s";
/// How many documents a shard looks at, at most: more than a site of this kind has.
const MOST_DOCUMENTS: u32 = 2_000_000;

/// What a word is worth that only resembles the one in question: in a title, still less than the word itself in a body.
const RESEMBLANCE: f32 = 0.05;

/// Whether a misspelt word is a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As it is written.
    Exact,
    /// Or what resembles it.
    Forgiving,
}

/// A search. One hit more than a page has tells whether there is another page.
pub fn search(query: &Query, spelling: Spelling) -> Value {
    let mut body = json!({
        "size": query.limit() + 1,
        "track_total_hits": true,
        "timeout": TIMEOUT,
        "terminate_after": MOST_DOCUMENTS,
        "query": {"bool": {
            "must": must(query.text(), spelling),
            "filter": filters(query.filter()),
            "must_not": [{"term": {"gone": true}}],
        }},
        "sort": sort(query.sort()),
        "_source": {"excludes": ["body", "version"]},
        "aggs": {
            "tags": {"terms": {"field": "tags.raw", "size": FACET_VALUES}},
            "authors": {
                "terms": {"field": "author", "size": FACET_VALUES},
                "aggs": {"bylines": {"terms": {"field": "byline.raw", "size": 1}}},
            },
        },
    });
    if !query.text().is_empty() {
        body["highlight"] = highlight();
    }
    if let Some(after) = query.place() {
        let score = after.score.map(|bits| json!(f64::from_bits(bits)));
        let place = score.into_iter().chain([json!(after.published_at.0), json!(after.id)]);
        body["search_after"] = place.collect();
    }
    body
}

/// A suggestion: every word that was typed begins a word of the title.
pub fn suggest(text: &Text, spelling: Spelling) -> Value {
    let word = |word| {
        let mut clause = json!({"query": word, "operator": "and"});
        forgive(&mut clause, word, spelling);
        json!({"match": {"title.beginnings": clause}})
    };
    let must: Vec<Value> = text.words().map(word).collect();
    json!({
        "size": SUGGESTIONS,
        "track_total_hits": 1,
        "timeout": TIMEOUT,
        "terminate_after": MOST_DOCUMENTS,
        "query": {"bool": {
            "must": if must.is_empty() { json!({"match_none": {}}) } else { json!(must) },
            "must_not": [{"term": {"gone": true}}],
        }},
        "sort": sort(Sort::Relevance),
        "_source": ["id", "title"],
    })
}

fn must(text: &Text, spelling: Spelling) -> Value {
    if text.is_empty() {
        return json!({"match_all": {}});
    }
    let fields: Vec<String> = FIELDS.iter().map(|weight| format!("{}^{}", weight.field, weight.weight)).collect();
    let clause = |word| {
        json!({
            "query": word,
            "fields": fields,
            "type": "best_fields",
            "tie_breaker": OTHER_FIELDS,
            "operator": "and",
        })
    };
    let word = |word| {
        let exact = json!({"multi_match": clause(word)});
        if spelling == Spelling::Exact || typos_forgiven(word) == 0 {
            return exact;
        }
        let mut forgiving = clause(word);
        forgive(&mut forgiving, word, spelling);
        // A word that does occur as it is written outdoes what resembles it.
        let resembling = json!({"bool": {"must": {"multi_match": forgiving}, "boost": RESEMBLANCE}});
        json!({"dis_max": {"queries": [exact, resembling]}})
    };
    let words: Vec<Value> = telling(text.words()).into_iter().map(word).collect();
    let needed = words_needed(words.len());
    if needed == 0 {
        json!({"match_none": {}})
    } else {
        json!({"bool": {"should": words, "minimum_should_match": needed}})
    }
}

fn forgive(clause: &mut Value, word: &str, spelling: Spelling) {
    let typos = typos_forgiven(word);
    if spelling == Spelling::Forgiving && typos > 0 {
        // By our own rule, which is `AUTO` but for numbers.
        clause["fuzziness"] = json!(typos);
        clause["prefix_length"] = json!(SURE_LETTERS);
        clause["max_expansions"] = json!(RESEMBLING);
    }
}

fn filters(filter: &Filter) -> Vec<Value> {
    let tags = filter.tags.iter().map(|tag| json!({"term": {"tags.raw": tag}}));
    let author = filter.author.iter().map(|author| json!({"term": {"author": author}}));
    let from = filter.from.iter().map(|from| json!({"range": {"publishedAt": {"gte": from}}}));
    let to = filter.to.iter().map(|to| json!({"range": {"publishedAt": {"lt": to}}}));
    tags.chain(author).chain(from).chain(to).collect()
}

fn sort(sort: Sort) -> Value {
    match sort {
        Sort::Relevance => json!([{"_score": "desc"}, {"publishedAt": "desc"}, {"id": "desc"}]),
        Sort::Newest => json!([{"publishedAt": "desc"}, {"id": "desc"}]),
        Sort::Oldest => json!([{"publishedAt": "asc"}, {"id": "asc"}]),
    }
}

fn highlight() -> Value {
    let fragments = json!({"fragment_size": FRAGMENT_CHARACTERS, "number_of_fragments": FRAGMENTS});
    json!({
        "pre_tags": [MARK],
        "post_tags": [UNMARK],
        "fields": {"title": {"number_of_fragments": 0}, "body": fragments, "summary": fragments},
    })
}
