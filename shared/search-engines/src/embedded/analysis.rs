//! How texts become terms.

use domain::search::matching::LONGEST_PREFIX;
use std::collections::BTreeSet;
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer,
    TokenizerManager,
};
use unicode_segmentation::{UnicodeSegmentation, UnicodeWordIndices};

/// The analyser of texts that are searched.
pub const STEMS: &str = "stems";
/// The analyser of texts that suggestions are made of.
pub const WORDS: &str = "words";

/// In bytes. What is longer is no word.
const LONGEST_WORD: usize = 255;

/// The analysers by their names.
pub fn analysers() -> TokenizerManager {
    let words = || TextAnalyzer::builder(Words).filter(RemoveLongFilter::limit(LONGEST_WORD));
    let plain = || words().filter(LowerCaser).filter(AsciiFoldingFilter);
    let manager = TokenizerManager::default();
    manager.register(WORDS, plain().build());
    manager.register(STEMS, plain().filter(Stemmer::new(Language::English)).build());
    manager
}

/// Words as Unicode's annex 29 cuts them, which is what OpenSearch's `standard` tokenizer does: an apostrophe inside a word
/// belongs to it, and the stemmer takes a genitive off.
#[derive(Clone)]
struct Words;

struct WordStream<'a> {
    words: UnicodeWordIndices<'a>,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        WordStream { words: text.unicode_word_indices(), token: Token::default() }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((from, word)) = self.words.next() else { return false };
        word.clone_into(&mut self.token.text);
        self.token.offset_from = from;
        self.token.offset_to = from + word.len();
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// The terms of a text, in order.
pub fn terms(analyser: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    analyser.token_stream(text).process(&mut |token| terms.push(token.text.clone()));
    terms
}

/// All beginnings of all words of a title, each once, as a text of words.
pub fn beginnings(analyser: &mut TextAnalyzer, title: &str) -> String {
    let mut beginnings = BTreeSet::new();
    for term in terms(analyser, title) {
        let ends = term.char_indices().skip(1).map(|(end, _)| end).chain([term.len()]);
        beginnings.extend(ends.take(LONGEST_PREFIX).map(|end| term[..end].to_owned()));
    }
    beginnings.into_iter().collect::<Vec<_>>().join(" ")
}

/// A word as far as suggestions know it.
pub fn beginning(term: &str) -> String {
    term.chars().take(LONGEST_PREFIX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str) -> TextAnalyzer {
        analysers().get(name).unwrap()
    }

    #[test]
    fn words_lose_case_accents_genitive_and_ending() {
        let stems = terms(&mut with(STEMS), "Exploring Einstein’s CAFÉS: x-ray, 3.14 galaxies!");
        assert_eq!(stems, ["explor", "einstein", "cafe", "x", "ray", "3.14", "galaxi"]);
        assert_eq!(terms(&mut with(WORDS), "Black Holes"), ["black", "holes"]);
    }

    #[test]
    fn a_title_has_all_beginnings_of_its_words_once() {
        assert_eq!(beginnings(&mut with(WORDS), "Ice, icy"), "i ic ice icy");
        let long = "x".repeat(40);
        assert_eq!(beginnings(&mut with(WORDS), &long).split(' ').count(), LONGEST_PREFIX);
        assert_eq!(beginning(&long).len(), LONGEST_PREFIX);
        assert_eq!(beginnings(&mut with(WORDS), ""), "");
    }
}
