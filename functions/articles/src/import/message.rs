//! What a message of the queue `article-import` asks for.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// S3 says that these files are there.
    Files(Vec<String>),
    /// The rest of a file.
    GoOn(String),
    /// A file from its beginning: a letter about it came back from the dead-letter queue.
    Again(String),
    /// S3 tries whether the queue is there.
    Nothing,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Notification {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
    Test {
        #[serde(rename = "Event")]
        event: String,
    },
    File {
        file: String,
        line: Option<u64>,
    },
}

/// The part of a notification that matters (S3 user guide, "Event message structure").
#[derive(Deserialize)]
struct Record {
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

impl Message {
    /// Reads a message's text.
    ///
    /// # Errors
    /// A sentence, where it is none of ours.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match serde_json::from_str(text).map_err(|_| "neither a notification of S3 nor the name of a file")? {
            Wire::Notification { records } => {
                let keys = records.into_iter().map(|record| decoded(&record.s3.object.key));
                keys.collect::<Option<_>>().map(Self::Files).ok_or("the key of an object is no text")
            }
            Wire::Test { event } if event == "s3:TestEvent" => Ok(Self::Nothing),
            Wire::Test { .. } => Err("an event of S3 that nobody asked for"),
            Wire::File { file, line: None } => Ok(Self::GoOn(file)),
            Wire::File { file, line: Some(_) } => Ok(Self::Again(file)),
        }
    }
}

/// A key as it is: in a notification it is encoded like a form's value.
fn decoded(key: &str) -> Option<String> {
    percent_decode_str(&key.replace('+', " ")).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_its_files_decoded() {
        let text = r#"{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"},
            "object": {"key": "new+science/article/LOAD%C3%BC.csv", "size": 5, "eTag": "e"}}}]}"#;
        assert_eq!(Message::parse(text), Ok(Message::Files(vec!["new science/article/LOADü.csv".to_owned()])));
    }

    #[test]
    fn a_letter_that_comes_back_asks_for_its_file_again() {
        let text = r#"{"file": "f.csv", "line": 7, "column": 1, "why": "must be I, U or D"}"#;
        assert_eq!(Message::parse(text), Ok(Message::Again("f.csv".to_owned())));
        assert_eq!(Message::parse(r#"{"file": "f.csv"}"#), Ok(Message::GoOn("f.csv".to_owned())));
    }

    #[test]
    fn anything_else_is_refused_and_the_test_event_is_no_news() {
        assert_eq!(Message::parse(r#"{"Service": "Amazon S3", "Event": "s3:TestEvent"}"#), Ok(Message::Nothing));
        for text in ["", "{}", "[]", r#"{"Event": "other"}"#, r#"{"Records": [{}]}"#, r#"{"file": 7}"#] {
            assert!(Message::parse(text).is_err(), "{text}");
        }
    }
}
