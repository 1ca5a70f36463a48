//! Text into tokens.

use super::SyntaxError;

/// Every symbol of full `JSONata`, the longer before its own beginning: what the parser does not know it can then name.
const SYMBOLS: [&str; 34] = [
    "..", ":=", "!=", "<=", ">=", "**", "~>", "?:", "??", ".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":",
    "?", "+", "-", "*", "/", "%", "|", "=", "<", ">", "^", "&", "!",
];

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// A name in backquotes: never a keyword.
    Quoted(String),
    /// Without its `$`.
    Variable(String),
    Symbol(&'static str),
    End,
}

/// The tokens and where each begins; the last is `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, SyntaxError> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").ok_or_else(|| unexpected("`*/`", "the end", text.len()))?;
            rest = &comment[end + 2..];
            continue;
        }
        let Some(first) = rest.chars().next() else {
            found.push((at, Token::End));
            return Ok(found);
        };
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first, at)?,
            '`' => {
                let end =
                    rest[1..].find('`').ok_or_else(|| unexpected("a closing backquote", "the end", text.len()))?;
                (Token::Quoted(rest[1..=end].to_owned()), end + 2)
            }
            '0'..='9' => number(rest, at)?,
            '$' => {
                let name = word(&rest[1..]);
                (Token::Variable(name.to_owned()), 1 + name.len())
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Token::Symbol(symbol), symbol.len()),
                None if word(rest).is_empty() => return Err(unexpected("an expression", &format!("`{first}`"), at)),
                None => (Token::Name(word(rest).to_owned()), word(rest).len()),
            },
        };
        found.push((at, token));
        rest = &rest[length..];
    }
}

fn word(rest: &str) -> &str {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    &rest[..end]
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), SyntaxError> {
    let digits = |from: usize| rest[from..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| from + n);
    let mut end = if rest.starts_with('0') { 1 } else { digits(0) };
    if rest[end..].starts_with('.') && digits(end + 1) > end + 1 {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        if digits(end + 1 + sign) > end + 1 + sign {
            end = digits(end + 1 + sign);
        }
    }
    match rest[..end].parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Number(value), end)),
        _ => Err(unexpected("a number that JSON can hold", &rest[..end], at)),
    }
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), SyntaxError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    let end = || unexpected("a closing quote", "the end", at + rest.len());
    loop {
        match chars.next().ok_or_else(end)? {
            (n, c) if c == quote => return Ok((Token::Text(text), n + 1)),
            (_, '\\') => {
                let (n, c) = chars.next().ok_or_else(end)?;
                text.push(match c {
                    '"' | '\\' | '/' => c,
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let code = rest.get(n + 1..n + 5).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
                        let letter = code.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
                        chars.nth(3);
                        letter.ok_or_else(|| unexpected("four hexadecimal digits of a letter", "others", at + n))?
                    }
                    other => return Err(unexpected("an escape of JSON", &format!("`\\{other}`"), at + n)),
                });
            }
            (_, c) => text.push(c),
        }
    }
}

pub(super) fn unexpected(expected: &'static str, found: &str, at: usize) -> SyntaxError {
    SyntaxError::Unexpected { expected, found: found.to_owned(), at }
}
