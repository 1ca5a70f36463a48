//! Permalinks.

/// The words of a text as lower-case ASCII letters and digits with hyphens between them, at most `longest` bytes; `article`
/// if there is nothing to take.
pub fn slug(text: &str, longest: usize) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        let plain = match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' => {
                slug.push(character.to_ascii_lowercase());
                continue;
            }
            'ä' | 'á' | 'à' | 'â' | 'ã' | 'å' | 'Ä' | 'Á' | 'Å' => "a",
            'é' | 'è' | 'ê' | 'ë' | 'É' => "e",
            'í' | 'ì' | 'î' | 'ï' => "i",
            'ö' | 'ó' | 'ò' | 'ô' | 'õ' | 'ø' | 'Ö' | 'Ó' | 'Ø' => "o",
            'ü' | 'ú' | 'ù' | 'û' | 'Ü' | 'Ú' => "u",
            'ñ' | 'ń' => "n",
            'ç' | 'ć' | 'č' | 'Č' => "c",
            'š' | 'ś' | 'Š' => "s",
            'ž' | 'ż' | 'ź' => "z",
            'ł' | 'Ł' => "l",
            'ß' => "ss",
            '\'' | '’' => "",
            _ => {
                if !slug.is_empty() && !slug.ends_with('-') {
                    slug.push('-');
                }
                continue;
            }
        };
        slug.push_str(plain);
    }
    if slug.len() > longest {
        // Whole words, if there is more than one.
        let end = slug[..=longest].rfind('-').unwrap_or(longest);
        slug.truncate(end);
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "article".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::slug;
    use crate::internal::rules::is_slug;

    #[test]
    fn a_headline_becomes_its_words() {
        assert_eq!(slug("Saturn’s moons: 3 Überraschungen!", 100), "saturns-moons-3-uberraschungen");
        assert_eq!(slug("one two three", 9), "one-two");
        assert_eq!(slug("abcdefgh", 3), "abc");
        assert_eq!(slug("…", 10), "article");
    }

    proptest! {
        #[test]
        fn whatever_the_text_a_slug_is_a_permalink(text in "\\PC{0,80}", longest in 10_usize..100) {
            let slug = slug(&text, longest);
            prop_assert!(is_slug(&slug) && slug.len() <= longest, "{}", slug);
        }
    }
}
