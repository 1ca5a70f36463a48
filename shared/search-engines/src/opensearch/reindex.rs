//! Which indices there are, and which of them answers.

use super::bulk::Written;
use super::connection::Reply;
use super::definition;
use super::{OpenSearch, failed};
use domain::search::{Draft, IndexChange, Indexing, Outcome, ReindexError, Reindexing};
use domain::services::ServiceError;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How often a batch is begun again because an index went away under it.
const ATTEMPTS: usize = 3;

#[derive(Deserialize)]
struct Aliases {
    aliases: BTreeMap<String, Value>,
}

/// The indices of one name.
struct Indices {
    name: String,
    /// Their aliases, by the number in their names.
    all: BTreeMap<u64, Aliases>,
}

impl Indices {
    fn live(&self) -> Option<u64> {
        self.all.iter().find(|(_, Aliases { aliases })| aliases.contains_key(&self.name)).map(|(number, _)| *number)
    }

    fn last(&self) -> u64 {
        self.all.keys().next_back().copied().unwrap_or(0)
    }

    fn index(&self, number: u64) -> String {
        format!("{}-{number}", self.name)
    }

    fn writes(&self, number: u64) -> String {
        format!("{}-{number}-writes", self.name)
    }

    /// Whether an index wants changes: a former one does not.
    fn wants(&self, number: u64) -> bool {
        self.all.get(&number).is_some_and(|index| index.aliases.contains_key(&self.writes(number)))
    }

    /// The aliases by which the indices want changes, that of the one which answers first.
    fn wanted(&self) -> Vec<String> {
        let mut numbers: Vec<u64> = self.all.keys().copied().filter(|number| self.wants(*number)).collect();
        numbers.sort_unstable_by_key(|number| Some(*number) != self.live());
        numbers.into_iter().map(|number| self.writes(number)).collect()
    }
}

impl OpenSearch {
    async fn indices(&self) -> Result<Indices, ServiceError> {
        let path = format!("{}-*/_alias", self.name);
        let found: BTreeMap<String, Aliases> = self.connection.get(&path, &[]).await?.read()?;
        let number = |index: &str| index.strip_prefix(&self.name)?.strip_prefix('-')?.parse().ok();
        let all = found.into_iter().filter_map(|(index, aliases)| Some((number(&index)?, aliases))).collect();
        Ok(Indices { name: self.name.clone(), all })
    }

    async fn create(&self, index: &str, aliases: &[&str]) -> Result<Reply, ServiceError> {
        self.connection.write(Method::Put, index, definition::index(aliases).to_string()).await
    }

    async fn delete(&self, indices: &Indices, numbers: impl Iterator<Item = u64>) -> Result<(), ServiceError> {
        for number in numbers {
            let reply = self.connection.write(Method::Delete, &indices.index(number), String::new()).await?;
            if reply.status != 404 {
                reply.read::<Value>()?;
            }
        }
        Ok(())
    }

    /// The first index, where there is none at all.
    async fn begin_at_all(&self, indices: &Indices) -> Result<(), ServiceError> {
        let number = indices.last() + 1;
        let made = self.create(&indices.index(number), &[&self.name, &indices.writes(number)]).await?;
        if made.is("resource_already_exists_exception") { Ok(()) } else { made.read::<Value>().map(drop) }
    }

    /// Lets everything that was written be found, at once instead of within a second.
    ///
    /// # Errors
    /// The cluster gave no answer.
    pub async fn refresh(&self) -> Result<(), ServiceError> {
        let path = format!("{}-*/_refresh", self.name);
        self.connection.write(Method::Post, &path, String::new()).await?.read::<Value>().map(drop)
    }
}

impl Indexing for OpenSearch {
    async fn apply(&self, changes: &[IndexChange]) -> Result<Vec<Outcome>, ServiceError> {
        'again: for _ in 0..ATTEMPTS {
            let indices = self.indices().await?;
            if indices.live().is_none() {
                self.begin_at_all(&indices).await?;
                continue;
            }
            let mut outcomes: Vec<Outcome> = Vec::new();
            for alias in indices.wanted() {
                match self.bulk(&alias, changes).await? {
                    Written::Gone => continue 'again,
                    Written::Done(first) if outcomes.is_empty() => outcomes = first,
                    Written::Done(others) => {
                        outcomes = outcomes.into_iter().zip(others).map(|(one, other)| one.and(other)).collect();
                    }
                }
            }
            return Ok(outcomes);
        }
        Err(failed("indices come and go faster than they can be written"))
    }
}

impl Reindexing for OpenSearch {
    async fn begin(&self) -> Result<Draft, ServiceError> {
        let indices = self.indices().await?;
        let live = indices.live();
        self.delete(&indices, indices.all.keys().copied().filter(|number| Some(*number) != live)).await?;
        // A number is never used twice: a draft goes only where a greater one comes.
        let number = indices.last() + 1;
        let draft = indices.index(number);
        self.create(&draft, &[&indices.writes(number)]).await?.read::<Value>()?;
        Ok(Draft(draft))
    }

    async fn fill(&self, draft: &Draft, changes: &[IndexChange]) -> Result<Vec<Outcome>, ReindexError> {
        match self.bulk(&format!("{}-writes", draft.0), changes).await? {
            Written::Done(outcomes) => Ok(outcomes),
            Written::Gone => Err(ReindexError::Gone(draft.clone())),
        }
    }

    async fn swap(&self, draft: &Draft) -> Result<(), ReindexError> {
        let indices = self.indices().await?;
        let Some(number) = indices.all.keys().copied().find(|number| indices.index(*number) == draft.0) else {
            return Err(ReindexError::Gone(draft.clone()));
        };
        let live = indices.live();
        if live == Some(number) {
            return Ok(());
        }
        self.refresh().await?;
        let mut actions = vec![json!({"add": {"index": draft.0, "alias": self.name}})];
        if let Some(former) = live {
            for alias in [self.name.clone(), indices.writes(former)] {
                actions.push(json!({"remove": {"index": indices.index(former), "alias": alias, "must_exist": true}}));
            }
        }
        let swapped = self.connection.write(Method::Post, "_aliases", json!({"actions": actions}).to_string()).await?;
        Ok(swapped.read::<Value>().map(drop)?)
    }

    async fn drop_former(&self) -> Result<(), ServiceError> {
        let indices = self.indices().await?;
        let former = |number: &u64| !indices.wants(*number) && indices.live() != Some(*number);
        self.delete(&indices, indices.all.keys().copied().filter(former)).await
    }
}
