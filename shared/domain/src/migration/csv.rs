//! Records out of bytes that arrive in parts: RFC 4180, strictly.
//!
//! A reader of our own, as three things that the import needs are more than a CSV library tells: whether a field was
//! quoted (`NULL` is no value, `"NULL"` is a text), line and column of what is wrong instead of a lenient guess, and
//! the place of the next record after it. The tests hold it against the `csv` crate.

use super::{Fault, Place};

/// The longest record. Its bytes are kept until its end is seen.
pub const LONGEST_RECORD: usize = 8 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One record: its fields, and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// From 1, the header counted.
    pub line: u64,
    /// In the order of the file, at least one.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it begins.
    pub place: Place,
    /// What it says, without its quotes.
    pub text: String,
    /// Whether it was in quotes.
    pub quoted: bool,
}

/// What the reader comes to next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A record.
    Record(Record),
    /// A record that is none; the reader has left it behind.
    Fault(Fault),
    /// Nothing before more bytes come. After the end of the file: nothing at all.
    More,
}

/// Reads records from bytes that arrive in parts, and can go on where another reader stopped.
#[derive(Debug, Clone)]
pub struct Reader {
    /// From the beginning of the next record on.
    ahead: Vec<u8>,
    /// How much of `ahead` was read.
    done: usize,
    offset: u64,
    line: u64,
    ended: bool,
    lost: Lost,
}

/// Whether a damaged record was left in its middle, so that the next one must be found first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    No,
    InsideALine,
    AtALinesBeginning,
}

impl Reader {
    /// A reader of a file from byte `offset`, where a record begins on line `line`; 0 and 1 for the whole file.
    pub fn from(offset: u64, line: u64) -> Self {
        Self { ahead: Vec::new(), done: 0, offset, line, ended: false, lost: Lost::No }
    }

    /// Takes the bytes that follow.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.ahead.drain(..self.done);
        self.done = 0;
        self.ahead.extend_from_slice(bytes);
    }

    /// Says that no bytes follow.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether [`Reader::end`] was said.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Up to where the file was read: where the next record begins, and on which line.
    pub fn place(&self) -> (u64, u64) {
        (self.offset, self.line)
    }

    /// Up to where bytes were taken.
    pub fn fed_to(&self) -> u64 {
        self.offset + (self.ahead.len() - self.done) as u64
    }

    /// Reads on.
    pub fn read(&mut self) -> Next {
        if self.lost != Lost::No && !self.find_record() {
            return Next::More;
        }
        self.skip_mark_and_empty_lines();
        let rest = &self.ahead[self.done..];
        if rest.is_empty() {
            return Next::More;
        }
        let length = rest.len();
        let from = Place { line: self.line, column: 1 };
        match scan(rest, from) {
            Scan::Record { fields, length } => {
                let record = Record { line: self.line, fields };
                self.leave(length);
                Next::Record(record)
            }
            Scan::BadText { fault, length } => {
                self.leave(length);
                Next::Fault(fault)
            }
            Scan::Damaged { fault, at } => {
                let Fault { place, why } = fault;
                self.leave(at);
                self.lost = Lost::InsideALine;
                Next::Fault(Fault { place, why: left_out(&why, from.line, self.line) })
            }
            Scan::Unfinished if self.ended => {
                self.leave(length);
                let why = "the file ends inside this record, before its line break; it must be uploaded again, whole";
                Next::Fault(Fault { place: from, why: why.to_owned() })
            }
            Scan::Unfinished if length > LONGEST_RECORD => {
                self.leave(length);
                self.lost = Lost::InsideALine;
                Next::Fault(Fault { place: from, why: left_out("a record has at most 8 MiB", from.line, self.line) })
            }
            Scan::Unfinished => Next::More,
        }
    }

    fn leave(&mut self, bytes: usize) {
        self.line += lines(&self.ahead[self.done..self.done + bytes]);
        self.done += bytes;
        self.offset += bytes as u64;
    }

    fn skip_mark_and_empty_lines(&mut self) {
        if self.offset == 0 && self.ahead[self.done..].starts_with(BYTE_ORDER_MARK) {
            self.leave(BYTE_ORDER_MARK.len());
        }
        loop {
            match &self.ahead[self.done..] {
                [b'\n', ..] => self.leave(1),
                [b'\r', b'\n', ..] => self.leave(2),
                _ => return,
            }
        }
    }

    /// Goes to the next line that begins like a row, behind the place where a record's damage was seen.
    fn find_record(&mut self) -> bool {
        loop {
            let rest = &self.ahead[self.done..];
            if self.lost == Lost::AtALinesBeginning {
                if begins_like_a_row(rest) {
                    self.lost = Lost::No;
                    return true;
                }
                if rest.len() < ROW_BEGINS.len() && !self.ended {
                    return false;
                }
            }
            let Some(newline) = rest.iter().position(|&b| b == b'\n') else {
                self.leave(rest.len());
                self.lost = Lost::InsideALine;
                return false;
            };
            self.leave(newline + 1);
            self.lost = Lost::AtALinesBeginning;
        }
    }
}

/// A quote that is missing may have joined rows. They are not guessed at: a text may hold what looks like a row.
fn left_out(why: &str, from: u64, to: u64) -> String {
    if from == to {
        why.to_owned()
    } else {
        format!("{why}; the record begins on line {from}, and nothing up to line {to} was read")
    }
}

/// `0` stands for a digit, `?` for an operation.
const ROW_BEGINS: &[u8] = b"?,0000-00-00 00:00:00.000000,";

fn begins_like_a_row(bytes: &[u8]) -> bool {
    bytes.len() >= ROW_BEGINS.len()
        && bytes.iter().zip(ROW_BEGINS).all(|(byte, pattern)| match pattern {
            b'?' => matches!(byte, b'I' | b'U' | b'D'),
            b'0' => byte.is_ascii_digit(),
            _ => byte == pattern,
        })
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.split(|&b| b == b'\n').count() as u64 - 1
}

enum Scan {
    /// A record, its line break included in `length`.
    Record { fields: Vec<Field>, length: usize },
    /// Its end is known, but it holds bytes that are no text.
    BadText { fault: Fault, length: usize },
    /// Its quotes are wrong from byte `at` on, and so its end is unknown.
    Damaged { fault: Fault, at: usize },
    /// Its end is not there yet.
    Unfinished,
}

/// Reads the record that begins at `bytes[0]`.
fn scan(bytes: &[u8], from: Place) -> Scan {
    let mut fields = Vec::new();
    let mut bad_text = None;
    let mut at = 0;
    let mut place = from;
    loop {
        let (raw, quoted) = match bytes.get(at) {
            Some(b'"') => match quoted_length(&bytes[at + 1..]) {
                Some(length) => (&bytes[at + 1..at + 1 + length], true),
                None => return Scan::Unfinished,
            },
            _ => match bytes[at..].iter().position(|&b| matches!(b, b',' | b'\n' | b'"')) {
                Some(length) => (&bytes[at..at + length], false),
                None => return Scan::Unfinished,
            },
        };
        let begins = at;
        at += if quoted { raw.len() + 2 } else { raw.len() };
        let stops = match &bytes[at..] {
            [b',', ..] => Stop::Field,
            [b'\n', ..] => Stop::Record(1),
            [b'\r', b'\n', ..] => Stop::Record(2),
            // A quote may be the first of two, and a carriage return the first half of a line break.
            [] | [b'\r'] => return Scan::Unfinished,
            _ => {
                let why = if quoted {
                    "after the closing quote there must be a comma or the end of the line"
                } else {
                    "a field with a quote in it must be in quotes, and each of its quotes doubled"
                };
                return Scan::Damaged {
                    fault: Fault { place: moved(place, &bytes[begins..at]), why: why.to_owned() },
                    at,
                };
            }
        };
        // The carriage return of a line break is no part of the field before it.
        let raw = if matches!((&stops, quoted), (Stop::Record(_), false)) {
            raw.strip_suffix(b"\r").unwrap_or(raw)
        } else {
            raw
        };
        match std::str::from_utf8(raw) {
            Ok(text) => {
                let text = if quoted { text.replace("\"\"", "\"") } else { text.to_owned() };
                fields.push(Field { place, text, quoted });
            }
            Err(error) => {
                let opening = usize::from(quoted);
                let place = moved(place, &bytes[begins..begins + opening + error.valid_up_to()]);
                bad_text.get_or_insert(Fault { place, why: "must be UTF-8 text".to_owned() });
            }
        }
        match stops {
            Stop::Field => {
                at += 1;
                place = moved(place, &bytes[begins..at]);
            }
            Stop::Record(line_break) => {
                let length = at + line_break;
                return match bad_text {
                    None => Scan::Record { fields, length },
                    Some(fault) => Scan::BadText { fault, length },
                };
            }
        }
    }
}

enum Stop {
    Field,
    /// The length of the line break.
    Record(usize),
}

/// The length of a quoted field's inside; none where its closing quote is not there yet.
fn quoted_length(inside: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += inside[at..].iter().position(|&b| b == b'"')?;
        if inside.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// The place behind `bytes`, which begin at `place`.
fn moved(place: Place, bytes: &[u8]) -> Place {
    let last_line = bytes.rsplit(|&b| b == b'\n').next().unwrap_or_default();
    let characters = last_line.iter().filter(|&&b| b & 0xc0 != 0x80).count() as u64;
    match lines(bytes) {
        0 => Place { line: place.line, column: place.column + characters },
        below => Place { line: place.line + below, column: 1 + characters },
    }
}

#[cfg(test)]
mod tests;
