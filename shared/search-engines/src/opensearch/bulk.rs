//! Changes in bulk. The article's version is the document's: the cluster refuses what is not newer. An article that is
//! gone stays in the index as a note that nobody finds: the cluster would forget the version of a deleted document after
//! a minute, and take a late change for a new one.

use super::{OpenSearch, failed};
use domain::search::{IndexChange, Outcome};
use domain::services::ServiceError;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::json;
use std::collections::{HashMap, VecDeque};

/// A request is sent when it has so many bytes; small domains refuse more than 10 MiB.
const LONGEST_REQUEST: usize = 4 << 20;

/// What became of the changes in one index.
pub enum Written {
    /// An outcome for each, in their order.
    Done(Vec<Outcome>),
    /// The index wants no changes any more.
    Gone,
}

#[derive(Deserialize)]
struct Reply {
    items: Vec<HashMap<String, Item>>,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    #[serde(default)]
    error: Cause,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    r#type: String,
    reason: String,
}

impl OpenSearch {
    /// Writes changes by an index's own alias.
    pub(super) async fn bulk(&self, alias: &str, changes: &[IndexChange]) -> Result<Written, ServiceError> {
        let mut outcomes: Vec<Option<Outcome>> = changes.iter().map(refused).collect();
        let mut waiting: VecDeque<usize> = (0..changes.len()).filter(|place| outcomes[*place].is_none()).collect();
        while !waiting.is_empty() {
            let (mut body, mut sent) = (String::new(), Vec::new());
            while body.len() < LONGEST_REQUEST
                && let Some(place) = waiting.pop_front()
            {
                body.push_str(&lines(alias, &changes[place])?);
                sent.push(place);
            }
            let Reply { items } = self.connection.write(Method::Post, "_bulk", body).await?.read()?;
            if items.len() != sent.len() {
                return Err(failed(format!("{} changes were answered by {}", sent.len(), items.len())));
            }
            for (place, item) in sent.into_iter().zip(items.into_iter().flat_map(HashMap::into_values)) {
                let Some(outcome) = item.outcome() else { return Ok(Written::Gone) };
                outcomes[place] = Some(outcome);
            }
        }
        Ok(Written::Done(outcomes.into_iter().flatten().collect()))
    }
}

fn refused(change: &IndexChange) -> Option<Outcome> {
    change.check().err().map(|invalid| Outcome::Rejected { why: invalid.to_string() })
}

fn lines(alias: &str, change: &IndexChange) -> Result<String, ServiceError> {
    let (id, version) = (change.id(), change.version());
    let action = json!({"index": {
        "_index": alias,
        "_id": id,
        "version": version,
        "version_type": "external",
        "require_alias": true,
    }});
    let document = match change {
        IndexChange::Put(document) => serde_json::to_string(document).map_err(failed)?,
        IndexChange::Remove { .. } => json!({"id": id, "version": version, "gone": true}).to_string(),
    };
    Ok(format!("{action}\n{document}\n"))
}

impl Item {
    /// What became of a change; nothing, if the index is gone.
    fn outcome(self) -> Option<Outcome> {
        let Cause { r#type: kind, reason } = self.error;
        let why = format!("{kind}: {reason}");
        match self.status {
            200..=299 => Some(Outcome::Applied),
            409 => Some(Outcome::Stale),
            404 if kind == "index_not_found_exception" => None,
            429 | 500.. => Some(Outcome::Later { why }),
            _ => Some(Outcome::Rejected { why }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, kind: &str) -> Option<Outcome> {
        let error = Cause { r#type: kind.to_owned(), reason: "why".to_owned() };
        Item { status, error }.outcome()
    }

    #[test]
    fn each_change_is_judged_by_its_own_answer() {
        assert_eq!((outcome(201, ""), outcome(200, "")), (Some(Outcome::Applied), Some(Outcome::Applied)));
        assert_eq!(outcome(409, "version_conflict_engine_exception"), Some(Outcome::Stale));
        assert_eq!(outcome(404, "index_not_found_exception"), None);
        for (status, kind) in [(429, "rejected_execution_exception"), (503, "unavailable_shards_exception")] {
            assert_eq!(outcome(status, kind), Some(Outcome::Later { why: format!("{kind}: why") }));
        }
        for (status, kind) in [(400, "mapper_parsing_exception"), (413, "too_long"), (404, "other")] {
            assert_eq!(outcome(status, kind), Some(Outcome::Rejected { why: format!("{kind}: why") }));
        }
    }
}
