//! What is a hit, and how good it is: the rules that every engine follows, so that one can stand in for another.
//!
//! A text is cut into words without case and accents, and each is reduced to its stem. A word of a question may stand in
//! any field; the field where it counts most decides, and the others add a little.

/// How much a word counts where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// The field of a document.
    pub field: &'static str,
    /// How many times as much as in the body.
    pub weight: f32,
}

/// The fields that are searched.
pub const FIELDS: [Weight; 5] = [
    Weight { field: "title", weight: 4.0 },
    Weight { field: "tags", weight: 2.0 },
    Weight { field: "byline", weight: 2.0 },
    Weight { field: "summary", weight: 2.0 },
    Weight { field: "body", weight: 1.0 },
];

/// What the fields add where a word does not count most.
pub const OTHER_FIELDS: f32 = 0.3;

/// So many letters at the beginning of a word are taken as they are written.
pub const SURE_LETTERS: usize = 1;

/// For how many words that resemble it a misspelt word may stand, in each field.
pub const RESEMBLING: usize = 20;

/// The most suggestions.
pub const SUGGESTIONS: usize = 10;

/// The longest beginning of a word that suggestions know.
pub const LONGEST_PREFIX: usize = 20;

/// The most values of one facet.
pub const FACET_VALUES: usize = 20;

/// The most fragments of a body in one hit.
pub const FRAGMENTS: usize = 2;

/// How long a fragment of a body is, roughly, in characters.
pub const FRAGMENT_CHARACTERS: usize = 160;

/// Words that stand in nearly every text and tell nothing of it: Snowball's English stop words without the contractions,
/// <https://snowballstem.org/algorithms/english/stop.txt>.
const FILLERS: &str = "\
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers \
    herself it its itself they them their theirs themselves what which who whom this that these those am is are \
    was were be been being have has had having do does did doing would should could ought a an the and but if or \
    because as until while of at by for with about against between into through during before after above below to \
    from up down in out on off over under again further then once here there when where why how all any both each \
    few more most other some such no nor not only own same so than too very";

/// Whether a word tells nothing of a text. What is typed in capitals may be an acronym, such as WHO.
pub fn is_filler(word: &str) -> bool {
    let acronym = word.len() > 1 && !word.chars().any(char::is_lowercase);
    !acronym && FILLERS.split(' ').any(|filler| filler.eq_ignore_ascii_case(word))
}

/// The words of a question that are looked for: those that tell something, or all of them if none does.
pub fn telling<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let words: Vec<&str> = words.collect();
    let telling: Vec<&str> = words.iter().copied().filter(|word| !is_filler(word)).collect();
    if telling.is_empty() { words } else { telling }
}

/// How many of a question's words a hit must have: both of two, three quarters of more.
pub fn words_needed(words: usize) -> usize {
    if words <= 2 { words } else { words * 3 / 4 }
}

/// How many typing errors a word is forgiven when nothing is found as it is written: letters that are wrong, missing, too
/// many, or swapped. None in a short word, and none in a number, where one digit makes another thing. Of what is several
/// words to an engine, such as `x-ray`, the shortest decides; signs around and inside a word are no letters of it.
pub fn typos_forgiven(word: &str) -> u8 {
    if word.chars().any(char::is_numeric) {
        return 0;
    }
    let parts = word.split(|c: char| c.is_ascii_punctuation() && c != '\'');
    let letters = parts.map(|part| part.chars().filter(|c| c.is_alphanumeric()).count());
    match letters.filter(|letters| *letters > 0).min().unwrap_or_default() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_are_looked_for_when_there_is_nothing_else() {
        assert_eq!(telling("The secret of red dwarfs".split(' ')), ["secret", "red", "dwarfs"]);
        assert_eq!(telling("To be or not to be".split(' ')), ["To", "be", "or", "not", "to", "be"]);
        assert_eq!(telling("WHO and its vaccine".split(' ')), ["WHO", "vaccine"]);
        assert_eq!(telling("".split_whitespace()), [""; 0]);
    }

    #[test]
    fn short_questions_need_all_their_words_and_long_ones_most() {
        let needed: Vec<usize> = (0..=8).map(words_needed).collect();
        assert_eq!(needed, [0, 1, 2, 2, 3, 3, 4, 5, 6]);
    }

    #[test]
    fn long_words_are_forgiven_more_and_numbers_nothing() {
        let words = ["is", "ice", "comet", "comets", "2026", "covid19"];
        assert_eq!(words.map(typos_forgiven), [0, 1, 1, 2, 0, 0]);
    }

    #[test]
    fn signs_are_no_letters_and_the_shortest_part_decides() {
        let words = ["(a+)+$", "!!is!!", "\"comets\"", "x-ray", "black-hole", "einstein’s", "cafe\u{301}", "&"];
        assert_eq!(words.map(typos_forgiven), [0, 0, 2, 0, 1, 2, 1, 0]);
    }
}
