//! How a new article gets its name: words of its title, and eight letters that no other article has.

use super::ArticleId;
use crate::intent::{CustomerId, IntentKey, Invalid};
use crate::time::Chance;
use sha2::{Digest, Sha256};

/// What is left of 100 for the words, after a hyphen and the letters.
const LONGEST_SLUG: usize = 91;
const LETTERS: usize = 8;
/// RFC 4648, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The part of a name that tells two articles of one title apart: 40 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

impl Mark {
    /// The same for the same caller and key, so that a repeated request makes no second article.
    pub fn of_request(caller: &CustomerId, key: &IntentKey) -> Self {
        // As with intents, the key in capitals is the same key.
        let digest = Sha256::digest(format!("article:{caller}:{}", key.as_str().to_ascii_lowercase()));
        Self(digest.iter().take(5).fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
    }

    /// Another one each time.
    pub fn by_chance(chance: &impl Chance) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "40 bits are whole numbers of an f64, and a draw is not negative"
        )]
        let bits = (chance.draw().clamp(0.0, 1.0) * (1u64 << 40) as f64) as u64;
        Self(bits)
    }

    fn letters(self) -> String {
        let letter = |place: usize| {
            let bits = usize::try_from(self.0 >> (5 * place) & 31).unwrap_or_default();
            char::from(BASE32[bits])
        };
        (0..LETTERS).rev().map(letter).collect()
    }
}

impl ArticleId {
    /// The name of a new article with this title.
    ///
    /// # Errors
    /// [`Invalid`], which no title and no mark brings about.
    pub fn for_title(title: &str, mark: Mark) -> Result<Self, Invalid> {
        Self::new(format!("{}-{}", slug(title), mark.letters()))
    }
}

/// The title's words in ASCII, as many as there is room for; `article` where none can be written so.
fn slug(title: &str) -> String {
    let mut ascii = String::new();
    title.chars().flat_map(char::to_lowercase).for_each(|c| spell(c, &mut ascii));
    let mut slug = String::new();
    for word in ascii.split(' ').filter(|word| !word.is_empty()) {
        if slug.is_empty() {
            slug.push_str(&word[..word.len().min(LONGEST_SLUG)]);
        } else if slug.len() + 1 + word.len() <= LONGEST_SLUG {
            slug.push('-');
            slug.push_str(word);
        } else {
            break;
        }
    }
    if slug.is_empty() { "article".to_owned() } else { slug }
}

/// A letter as people type it in an address; what cannot be typed parts two words. An apostrophe does not.
fn spell(c: char, ascii: &mut String) {
    match c {
        'a'..='z' | '0'..='9' => ascii.push(c),
        '\'' | '’' => {}
        'ä' | 'æ' => ascii.push_str("ae"),
        'ö' | 'œ' => ascii.push_str("oe"),
        'ü' => ascii.push_str("ue"),
        'ß' => ascii.push_str("ss"),
        'à' | 'á' | 'â' | 'ã' | 'å' => ascii.push('a'),
        'ç' => ascii.push('c'),
        'è' | 'é' | 'ê' | 'ë' => ascii.push('e'),
        'ì' | 'í' | 'î' | 'ï' => ascii.push('i'),
        'ñ' => ascii.push('n'),
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' => ascii.push('o'),
        'ù' | 'ú' | 'û' => ascii.push('u'),
        'ý' | 'ÿ' => ascii.push('y'),
        _ => ascii.push(' '),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Fixed(f64);

    impl Chance for Fixed {
        fn draw(&self) -> f64 {
            self.0
        }
    }

    fn key(last: char) -> IntentKey {
        IntentKey::new(format!("0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a1{last}")).unwrap()
    }

    fn mark(caller: &str, last: char) -> Mark {
        Mark::of_request(&CustomerId::new(caller).unwrap(), &key(last))
    }

    #[test]
    fn a_name_is_the_title_and_eight_letters() {
        let name = ArticleId::for_title("It's Ice -- on the Moon's “Far Side”!", Mark(0)).unwrap();
        assert_eq!(name.as_str(), "its-ice-on-the-moons-far-side-aaaaaaaa");
        let name = ArticleId::for_title("Größe, Çà et là", Mark((1 << 40) - 1)).unwrap();
        assert_eq!(name.as_str(), "groesse-ca-et-la-77777777");
        assert_eq!(ArticleId::for_title("月の氷", Mark(1)).unwrap().as_str(), "article-aaaaaaab");
    }

    #[test]
    fn a_long_title_is_cut_between_words() {
        let name = ArticleId::for_title(&"wordy ".repeat(40), Mark(0)).unwrap();
        assert_eq!(name.as_str(), format!("{}aaaaaaaa", "wordy-".repeat(15)));
        assert_eq!(ArticleId::for_title(&"x".repeat(200), Mark(0)).unwrap().as_str().len(), 100);
    }

    #[test]
    fn the_same_request_has_the_same_mark_and_no_other_has() {
        assert_eq!(mark("ada", 'a'), mark("ada", 'A'));
        assert_ne!(mark("ada", 'a'), mark("bob", 'a'));
        assert_ne!(mark("ada", 'a'), mark("ada", 'b'));
    }

    #[test]
    fn chance_reaches_every_mark() {
        assert_eq!(Mark::by_chance(&Fixed(0.0)), Mark(0));
        assert_eq!(Mark::by_chance(&Fixed(0.5)), Mark(1 << 39));
        assert_eq!(Mark::by_chance(&Fixed(1.0 - f64::EPSILON)), Mark((1 << 40) - 1));
    }

    proptest! {
        #[test]
        fn every_title_makes_a_name(title: String, bits: u64) {
            prop_assert!(ArticleId::for_title(&title, Mark(bits)).is_ok());
        }
    }
}
