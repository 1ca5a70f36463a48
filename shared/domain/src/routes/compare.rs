//! Shadow: how the new service's answer differs from the monolith's.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What an answer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body's bytes; none where they were too many to be kept.
    pub body: Option<Vec<u8>>,
    /// The body's digest, hexadecimal.
    pub digest: String,
}

impl Answer {
    /// An answer whose body is at hand.
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, digest: digest(&body), body: Some(body) }
    }
}

/// SHA-256, hexadecimal.
pub fn digest(body: &[u8]) -> String {
    format!("{:x}", Sha256::digest(body))
}

/// The first thing in which two answers differ, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The new service gave no usable answer.
    Failed,
    /// The status.
    Status,
    /// They name other articles.
    Articles,
    /// The same articles in another order.
    Order,
    /// The same articles in the same order, and something about them.
    Fields,
    /// The bodies, and nobody can say in what: one of them is not JSON, or was too long to be kept.
    Body,
}

impl Difference {
    /// The word in metrics and samples.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Status => "status",
            Self::Articles => "articles",
            Self::Order => "order",
            Self::Fields => "fields",
            Self::Body => "body",
        }
    }
}

/// Compares two answers. Fields with one of the names in `ignored` may differ, at any depth, or be on one side alone;
/// the order of a JSON object's fields never matters.
pub fn compare(monolith: &Answer, modern: &Answer, ignored: &BTreeSet<String>) -> Option<Difference> {
    if monolith.status != modern.status {
        return Some(Difference::Status);
    }
    if monolith.digest == modern.digest {
        return None;
    }
    let (Some(before), Some(after)) = (json(monolith), json(modern)) else { return Some(Difference::Body) };
    let (before, after) = (without(before, ignored), without(after, ignored));
    if before == after {
        return None;
    }
    let (mut named_before, mut named_after) = (articles(&before), articles(&after));
    if named_before == named_after {
        return Some(Difference::Fields);
    }
    named_before.sort_unstable();
    named_after.sort_unstable();
    Some(if named_before == named_after { Difference::Order } else { Difference::Articles })
}

fn json(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(answer.body.as_ref()?).ok()
}

fn without(value: Value, ignored: &BTreeSet<String>) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| !ignored.contains(name));
            Value::Object(kept.map(|(name, value)| (name, without(value, ignored))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| without(item, ignored)).collect()),
        other => other,
    }
}

/// The ids of what the lists in an answer hold, in their order.
fn articles(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => {
            items.iter().flat_map(|item| id(item).map_or_else(|| articles(item), |id| vec![id])).collect()
        }
        Value::Object(fields) => fields.values().flat_map(articles).collect(),
        _ => Vec::new(),
    }
}

fn id(item: &Value) -> Option<&str> {
    item.get("id")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer::new(status, body.to_string().into_bytes())
    }

    fn difference(before: &Value, after: &Value) -> Option<Difference> {
        let ignored = ["next", "highlights"].map(ToOwned::to_owned).into();
        compare(&answer(200, before), &answer(200, after), &ignored)
    }

    fn hits(ids: &[&str]) -> Value {
        let hits: Vec<Value> = ids.iter().map(|id| json!({"id": id, "title": "Mars", "tags": ["a", "b"]})).collect();
        json!({"total": ids.len(), "hits": hits})
    }

    #[test]
    fn the_same_answer_is_the_same_whatever_the_order_of_its_fields() {
        assert_eq!(difference(&hits(&["a", "b"]), &hits(&["a", "b"])), None);
        let (one, other) = (br#"{"a": 1, "b": [2]}"#, br#"{"b":[2],"a":1}"#);
        let (one, other) = (Answer::new(200, one.to_vec()), Answer::new(200, other.to_vec()));
        assert_eq!(compare(&one, &other, &BTreeSet::new()), None);
    }

    #[test]
    fn what_is_ignored_may_differ_at_any_depth_or_be_on_one_side() {
        let (before, mut after) = (hits(&["a"]), hits(&["a"]));
        after["next"] = json!("cursor");
        after["hits"][0]["highlights"] = json!({"title": "<em>Mars</em>"});
        assert_eq!(difference(&before, &after), None);
        after["hits"][0]["tags"] = json!(["b", "a"]);
        assert_eq!(difference(&before, &after), Some(Difference::Fields));
    }

    #[test]
    fn each_difference_has_its_name() {
        assert_eq!(difference(&hits(&["a", "b"]), &hits(&["b", "a"])), Some(Difference::Order));
        assert_eq!(difference(&hits(&["a", "b"]), &hits(&["a", "c"])), Some(Difference::Articles));
        assert_eq!(difference(&hits(&["a"]), &hits(&["a", "a"])), Some(Difference::Articles), "named twice");
        assert_eq!(difference(&json!({"html": "<p>"}), &json!({"html": "<P>"})), Some(Difference::Fields));
        let (found, gone) = (answer(200, &hits(&[])), answer(410, &hits(&[])));
        assert_eq!(compare(&found, &gone, &BTreeSet::new()), Some(Difference::Status));
        let page = Answer::new(200, b"<html>".to_vec());
        assert_eq!(compare(&page, &found, &BTreeSet::new()), Some(Difference::Body));
    }

    #[test]
    fn a_body_that_was_not_kept_is_known_by_its_digest() {
        let whole = answer(200, &hits(&["a"]));
        let digest_alone = Answer { body: None, ..whole.clone() };
        assert_eq!(compare(&digest_alone, &whole, &BTreeSet::new()), None);
        assert_eq!(compare(&digest_alone, &answer(200, &hits(&["b"])), &BTreeSet::new()), Some(Difference::Body));
    }

    proptest! {
        #[test]
        fn what_is_in_a_body_never_stops_the_comparison(one in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
            let (one, other) = (Answer::new(200, one), Answer::new(200, other));
            prop_assert_eq!(compare(&one, &one, &BTreeSet::new()), None);
            let equal = compare(&one, &other, &BTreeSet::new()).is_none();
            prop_assert_eq!(equal, compare(&other, &one, &BTreeSet::new()).is_none());
        }

        #[test]
        fn an_order_is_told_from_other_articles(ids in proptest::collection::btree_set("[a-z]{1,4}", 2..8), turn in 1usize..7) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let mut turned = ids.clone();
            turned.rotate_left(turn % ids.len());
            let expected = if turned == ids { None } else { Some(Difference::Order) };
            prop_assert_eq!(difference(&hits(&ids), &hits(&turned)), expected);
            prop_assert_eq!(difference(&hits(&ids), &hits(&ids[1..])), Some(Difference::Articles));
        }
    }
}
