//! Cursors: where a page of a list ended, handed to whoever asked and taken back. Opaque, signed, and bound to the
//! question that they came from, so that nobody reads on elsewhere, nor from a place that we never named.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::Output;
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256, Sha512};

/// The format. A change of what a cursor holds raises it: old cursors are refused then, and their readers begin anew.
const VERSION: u8 = 1;
const TAG_BYTES: usize = 32;
/// The longest text that is looked at.
const LONGEST: usize = 1024;

/// A text that is no cursor of ours, or one for another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cursor: must be `next` of an earlier answer to the same question")]
pub struct BadCursor;

/// Seals and opens cursors with one secret key. It has no `Debug`, as it holds the key.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer with a key of any length, best 32 random bytes or more.
    pub fn new(key: &[u8]) -> Self {
        // SHA-512 makes a key of HMAC-SHA-256's block length, for which the constructor cannot fail.
        Self(Hmac::new(&Sha512::digest(key)))
    }

    /// A cursor that holds `value`; `purpose` names the route and the normalised question. A value that JSON cannot
    /// hold, or too large for a cursor, makes one that does not open.
    pub fn seal(&self, purpose: &str, value: &impl Serialize) -> String {
        let mut sealed = vec![VERSION];
        sealed.extend(serde_json::to_vec(value).unwrap_or_default());
        let tag = self.mac(purpose, &sealed).finalize().into_bytes();
        sealed.extend(tag);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// What a cursor holds that was sealed with this key for this purpose.
    ///
    /// # Errors
    /// [`BadCursor`] for every other text; it does not say what is wrong with it.
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, text: &str) -> Result<T, BadCursor> {
        if text.len() > LONGEST {
            return Err(BadCursor);
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let (signed, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(BadCursor)?;
        self.mac(purpose, signed).verify(&Output::<Sha256>::from(*tag)).map_err(|_| BadCursor)?;
        match signed.split_first() {
            Some((&VERSION, value)) => serde_json::from_slice(value).map_err(|_| BadCursor),
            _ => Err(BadCursor),
        }
    }

    fn mac(&self, purpose: &str, signed: &[u8]) -> Hmac<Sha256> {
        // The purpose goes in as a digest, so that no end of a purpose can pass for the beginning of a value.
        self.0.clone().chain_update(Sha256::digest(purpose)).chain_update(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    struct Place {
        at: i64,
        id: String,
    }

    fn place() -> impl Strategy<Value = Place> {
        (any::<i64>(), ".{0,40}").prop_map(|(at, id)| Place { at, id })
    }

    fn open(signer: &Signer, purpose: &str, text: &str) -> Result<Place, BadCursor> {
        signer.open(purpose, text)
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_for_its_purpose_and_fits_a_url(key: [u8; 32], purpose: String, place in place()) {
            let text = Signer::new(&key).seal(&purpose, &place);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{}", text);
            prop_assert_eq!(open(&Signer::new(&key), &purpose, &text), Ok(place));
        }

        #[test]
        fn a_forged_cursor_does_not_open(place in place(), position: prop::sample::Index, other in "[A-Za-z0-9_-]") {
            let signer = Signer::new(b"a key");
            let mut text = signer.seal("list", &place);
            let position = position.index(text.len());
            prop_assume!(text[position..=position] != other);
            text.replace_range(position..=position, &other);
            prop_assert_eq!(open(&signer, "list", &text), Err(BadCursor));
        }

        #[test]
        fn a_truncated_cursor_does_not_open(place in place(), end: prop::sample::Index) {
            let signer = Signer::new(b"a key");
            let text = signer.seal("list", &place);
            prop_assert_eq!(open(&signer, "list", &text[..end.index(text.len())]), Err(BadCursor));
        }

        #[test]
        fn a_cursor_of_another_purpose_does_not_open(place in place(), one: String, other: String) {
            prop_assume!(one != other);
            let signer = Signer::new(b"a key");
            prop_assert_eq!(open(&signer, &other, &signer.seal(&one, &place)), Err(BadCursor));
        }

        #[test]
        fn a_cursor_of_another_key_does_not_open(place in place(), one: Vec<u8>, other: Vec<u8>) {
            prop_assume!(one != other);
            let text = Signer::new(&one).seal("list", &place);
            prop_assert_eq!(open(&Signer::new(&other), "list", &text), Err(BadCursor));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            prop_assert_eq!(open(&Signer::new(b"a key"), "list", &text), Err(BadCursor));
        }
    }

    #[test]
    fn a_cursor_of_another_format_does_not_open_although_it_is_ours() {
        let signer = Signer::new(b"a key");
        let with_version = |version| {
            let mut sealed = vec![version];
            sealed.extend(br#"{"at":1,"id":"a"}"#);
            let tag = signer.mac("list", &sealed).finalize().into_bytes();
            sealed.extend(tag);
            open(&signer, "list", &URL_SAFE_NO_PAD.encode(sealed))
        };
        assert!(with_version(VERSION).is_ok());
        assert_eq!(with_version(VERSION - 1), Err(BadCursor));
        assert_eq!(with_version(VERSION + 1), Err(BadCursor));
        let nothing = signer.mac("list", &[]).finalize().into_bytes();
        assert_eq!(open(&signer, "list", &URL_SAFE_NO_PAD.encode(nothing)), Err(BadCursor));
    }

    #[test]
    fn a_cursor_that_holds_something_else_does_not_open() {
        let signer = Signer::new(b"a key");
        assert_eq!(open(&signer, "list", &signer.seal("list", &[1, 2])), Err(BadCursor));
    }

    #[test]
    fn a_value_too_large_for_a_cursor_makes_one_that_does_not_open() {
        let signer = Signer::new(b"a key");
        let sealed = |length| signer.seal("list", &Place { at: 0, id: "x".repeat(length) });
        assert!(open(&signer, "list", &sealed(700)).is_ok());
        assert_eq!(open(&signer, "list", &sealed(1000)), Err(BadCursor));
    }

    #[test]
    fn the_format_stays_what_it_was() {
        // A reader's open page holds such a text across a deployment.
        let text = Signer::new(b"a key").seal("list", &Place { at: 5, id: "a".to_owned() });
        assert_eq!(open(&Signer::new(b"a key"), "list", &text), Ok(Place { at: 5, id: "a".to_owned() }));
        assert_eq!(text, "AXsiYXQiOjUsImlkIjoiYSJ9kth8NiHedwbgKaZxye4IwDVu5q8KycqmJ6R-OKbS--M");
    }
}
