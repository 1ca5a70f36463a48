//! What the index keeps of an article.

use super::analysis::{STEMS, WORDS, beginnings};
use domain::search::{Document, IndexChange};
use tantivy::TantivyDocument;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{RAW_TOKENIZER_NAME, TextAnalyzer};

/// The columns, by which hits are ordered and counted.
pub const ID: &str = "id";
/// When it was published, in milliseconds.
pub const PUBLISHED: &str = "publishedAt";
/// Who wrote it.
pub const AUTHOR: &str = "author";
/// What it is about, one value each.
pub const TAG: &str = "tag";
/// The version of the article.
pub const VERSION: &str = "version";

/// The fields of the index.
#[derive(Debug, Clone)]
pub struct Fields {
    /// The schema.
    pub schema: Schema,
    /// The article's name.
    pub id: Field,
    /// Its version.
    pub version: Field,
    /// Whether it is gone: such an entry only keeps its version.
    pub gone: Field,
    /// When it was published.
    pub published: Field,
    /// Who wrote it.
    pub author: Field,
    /// Each of its tags.
    pub tag: Field,
    /// The texts that are searched, in the order of [`domain::search::matching::FIELDS`].
    pub texts: [Field; 5],
    /// The beginnings of the title's words.
    pub beginnings: Field,
    /// The document as it was put, JSON.
    pub document: Field,
}

impl Default for Fields {
    fn default() -> Self {
        let mut schema = Schema::builder();
        let text = |analyser| {
            let indexing =
                TextFieldIndexing::default().set_tokenizer(analyser).set_index_option(IndexRecordOption::WithFreqs);
            TextOptions::default().set_indexing_options(indexing)
        };
        let word = || {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(RAW_TOKENIZER_NAME)
                .set_fieldnorms(false)
                .set_index_option(IndexRecordOption::Basic);
            TextOptions::default().set_indexing_options(indexing).set_fast(RAW_TOKENIZER_NAME)
        };
        Self {
            id: schema.add_text_field(ID, word()),
            version: schema.add_u64_field(VERSION, FAST),
            gone: schema.add_bool_field("gone", INDEXED),
            published: schema.add_i64_field(PUBLISHED, INDEXED | FAST),
            author: schema.add_text_field(AUTHOR, word()),
            tag: schema.add_text_field(TAG, word()),
            texts: domain::search::matching::FIELDS.map(|weight| schema.add_text_field(weight.field, text(STEMS))),
            beginnings: schema.add_text_field("beginnings", text(WORDS)),
            document: schema.add_text_field("document", STORED),
            schema: schema.build(),
        }
    }
}

impl Fields {
    /// What the index keeps of a change. `words` is the analyser of suggestions.
    ///
    /// # Errors
    /// A document that JSON cannot hold: there is none.
    pub fn entry(&self, change: &IndexChange, words: &mut TextAnalyzer) -> serde_json::Result<TantivyDocument> {
        let mut entry = TantivyDocument::default();
        entry.add_text(self.id, change.id().as_str());
        entry.add_u64(self.version, change.version());
        let IndexChange::Put(document) = change else {
            entry.add_bool(self.gone, true);
            return Ok(entry);
        };
        let Document { title, summary, body, author, byline, tags, published_at, .. } = document;
        let about: Vec<&str> = tags.iter().map(domain::articles::Tag::as_str).collect();
        entry.add_i64(self.published, published_at.0);
        entry.add_text(self.author, author.as_str());
        for tag in &about {
            entry.add_text(self.tag, tag);
        }
        let about = about.join(" ");
        for (field, text) in self.texts.into_iter().zip([title, &about, byline, summary, body]) {
            entry.add_text(field, text);
        }
        entry.add_text(self.beginnings, beginnings(words, title));
        entry.add_text(self.document, serde_json::to_string(document)?);
        Ok(entry)
    }
}
