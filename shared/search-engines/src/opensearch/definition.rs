//! What an index is: how texts become terms, and what is kept of an article. Every index is made with it, by name, and none
//! by a write; a template for indices that come by themselves is absent on purpose.

use domain::search::matching::LONGEST_PREFIX;
use domain::search::query::MAX_HITS;
use serde_json::{Value, json};

/// The settings, mappings and aliases of an index.
pub fn index(aliases: &[&str]) -> Value {
    let aliases: serde_json::Map<String, Value> =
        aliases.iter().map(|alias| ((*alias).to_owned(), json!({}))).collect();
    json!({
        "settings": {
            "number_of_shards": 1,
            // A copy as soon as there is a second node.
            "auto_expand_replicas": "0-1",
            "refresh_interval": "1s",
            "max_result_window": MAX_HITS + 1,
            "analysis": {
                "filter": {
                    "genitive": {"type": "stemmer", "language": "possessive_english"},
                    "stem": {"type": "stemmer", "language": "porter2"},
                    "beginnings": {"type": "edge_ngram", "min_gram": 1, "max_gram": LONGEST_PREFIX},
                    "cut": {"type": "truncate", "length": LONGEST_PREFIX},
                },
                "analyzer": {
                    "stems": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "genitive", "stem"]},
                    "beginnings": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "beginnings"]},
                    "words": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "cut"]},
                },
            },
        },
        "mappings": {
            "dynamic": "strict",
            "properties": {
                "id": {"type": "keyword"},
                "version": {"type": "long", "index": false, "doc_values": false},
                "gone": {"type": "boolean"},
                "title": {
                    "type": "text",
                    "analyzer": "stems",
                    "fields": {
                        "beginnings": {"type": "text", "analyzer": "beginnings", "search_analyzer": "words"},
                    },
                },
                "summary": {"type": "text", "analyzer": "stems"},
                // With offsets nothing is cut into words again to mark where it matches.
                "body": {"type": "text", "analyzer": "stems", "index_options": "offsets"},
                "author": {"type": "keyword"},
                "byline": {"type": "text", "analyzer": "stems", "fields": {"raw": {"type": "keyword", "ignore_above": 256}}},
                "tags": {"type": "text", "analyzer": "stems", "fields": {"raw": {"type": "keyword"}}},
                "premium": {"type": "boolean", "index": false, "doc_values": false},
                "publishedAt": {"type": "long"},
            },
        },
        "aliases": aliases,
    })
}
