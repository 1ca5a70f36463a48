//! What the manifest says.

use super::failed;
use domain::search::Draft;
use domain::search::snapshots::Manifest;
use domain::services::ServiceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The generations of the index that there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generations {
    /// The one that answers.
    pub live: Option<Generation>,
    /// One that is being filled.
    pub draft: Option<Generation>,
    /// The number of the last one that was begun.
    pub last: u64,
}

/// One index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// No other ever has the same.
    pub number: u64,
    /// Its `meta.json`.
    pub meta: String,
    /// Its files by their names on disk, and under which name each is kept in the store.
    pub files: BTreeMap<String, String>,
}

impl Generation {
    /// By which name whoever fills it knows it.
    pub fn name(&self) -> Draft {
        Draft(self.number.to_string())
    }
}

impl Generations {
    /// What a manifest says; nothing, where there is none.
    pub fn of(manifest: Option<&Manifest>) -> Result<Self, ServiceError> {
        manifest.map_or_else(
            || Ok(Self::default()),
            |manifest| serde_json::from_str(&manifest.text).map_err(|e| failed(format!("no manifest: {e}"))),
        )
    }

    /// Both, the one that answers first.
    pub fn all(&self) -> impl Iterator<Item = &Generation> {
        self.live.iter().chain(&self.draft)
    }
}
