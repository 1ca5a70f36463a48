//! A state machine's definition, checked as it is loaded: whatever the simulation would not run as Step Functions does
//! is refused by name.

use super::template::Template;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A state machine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Machine(Arc<Definition>);

/// Why a definition was refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is no JSON, or no definition of the subset.
    #[error("the definition cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// A `${Name}` has no value.
    #[error("`${{{0}}}` has no substitution")]
    Unsubstituted(String),
    /// Only `JSONata` is run.
    #[error("QueryLanguage must be JSONata")]
    NotJsonata,
    /// Something in one state cannot be run.
    #[error("state {state}: {problem}")]
    State {
        /// The state's name.
        state: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    query_language: Option<String>,
    start_at: String,
    timeout_seconds: Option<u64>,
    states: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct Definition {
    start_at: String,
    timeout_seconds: Option<u64>,
    states: BTreeMap<String, State>,
}

pub(super) type Assign = BTreeMap<String, Template>;

#[derive(Debug, Deserialize)]
#[serde(tag = "Type", rename_all_fields = "PascalCase", deny_unknown_fields)]
pub(super) enum State {
    Pass {
        output: Option<Template>,
        #[serde(default)]
        assign: Assign,
        next: Option<String>,
        #[serde(default)]
        end: bool,
    },
    Task(Task),
    Choice {
        choices: Vec<Rule>,
        default: Option<String>,
        /// Only for the way through `Default`; a rule has its own.
        #[serde(default)]
        assign: Assign,
    },
    Wait {
        seconds: Option<Template>,
        timestamp: Option<Template>,
        output: Option<Template>,
        #[serde(default)]
        assign: Assign,
        next: Option<String>,
        #[serde(default)]
        end: bool,
    },
    Succeed {
        output: Option<Template>,
    },
    Fail {
        error: Option<Template>,
        cause: Option<Template>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Task {
    pub resource: String,
    pub arguments: Template,
    pub timeout_seconds: Option<u64>,
    #[serde(default)]
    pub retry: Vec<Retrier>,
    #[serde(default)]
    pub catch: Vec<Catcher>,
    pub output: Option<Template>,
    #[serde(default)]
    pub assign: Assign,
    pub next: Option<String>,
    #[serde(default)]
    pub end: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Rule {
    pub condition: Template,
    pub output: Option<Template>,
    #[serde(default)]
    pub assign: Assign,
    pub next: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Retrier {
    pub error_equals: Vec<String>,
    #[serde(default = "one")]
    pub interval_seconds: u32,
    #[serde(default = "three")]
    pub max_attempts: u32,
    #[serde(default = "two")]
    pub backoff_rate: f64,
    pub max_delay_seconds: Option<u32>,
    #[serde(default)]
    pub jitter_strategy: Jitter,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Jitter {
    #[default]
    None,
    Full,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Catcher {
    pub error_equals: Vec<String>,
    pub output: Option<Template>,
    #[serde(default)]
    pub assign: Assign,
    pub next: String,
}

const fn one() -> u32 {
    1
}

const fn three() -> u32 {
    3
}

const fn two() -> f64 {
    2.0
}

impl Machine {
    /// Reads a definition after replacing each `${Name}` as `DefinitionSubstitutions` does.
    pub fn load(json: &str, substitutions: &[(&str, &str)]) -> Result<Self, LoadError> {
        let mut document: Value = serde_json::from_str(&substitute(json, substitutions)?)?;
        drop_comment(&mut document);
        let document: Document = serde_json::from_value(document)?;
        if document.query_language.as_deref() != Some("JSONata") {
            return Err(LoadError::NotJsonata);
        }
        let mut states = BTreeMap::new();
        for (name, mut value) in document.states {
            drop_comments(&mut value);
            let refused = |problem: String| LoadError::State { state: name.clone(), problem };
            let state: State = serde_json::from_value(value).map_err(|error| refused(error.to_string()))?;
            state.check().map_err(refused)?;
            states.insert(name, state);
        }
        let definition = Definition { start_at: document.start_at, timeout_seconds: document.timeout_seconds, states };
        definition.check()?;
        Ok(Self(Arc::new(definition)))
    }

    /// The names in `${…}` that a definition wants replaced.
    pub fn placeholders(json: &str) -> BTreeSet<&str> {
        json.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
    }

    /// After how long Step Functions ends an execution with `States.Timeout`; that is the caller's to do.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.0.timeout_seconds
    }

    /// Every state's name, for tests that count which were visited.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.0.states.keys().map(String::as_str)
    }

    pub(super) fn start_at(&self) -> &str {
        &self.0.start_at
    }

    pub(super) fn state(&self, name: &str) -> Option<&State> {
        self.0.states.get(name)
    }
}

fn substitute(json: &str, substitutions: &[(&str, &str)]) -> Result<String, LoadError> {
    let mut text = json.to_owned();
    for (name, value) in substitutions {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    match Machine::placeholders(&text).first() {
        Some(name) => Err(LoadError::Unsubstituted((*name).to_owned())),
        None => Ok(text),
    }
}

fn drop_comment(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.remove("Comment");
    }
}

/// A comment may stand in a state and in each of its rules; anywhere deeper it would be data.
fn drop_comments(state: &mut Value) {
    drop_comment(state);
    for list in ["Choices", "Retry", "Catch"] {
        state.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(drop_comment);
    }
}

impl Definition {
    /// What only the whole can tell: that no transition leads nowhere and no expression reads what nobody assigns.
    fn check(&self) -> Result<(), LoadError> {
        let assigned: BTreeSet<&str> = self
            .states
            .values()
            .flat_map(State::assigns)
            .flat_map(|assign| assign.keys().map(String::as_str))
            .collect();
        if !self.states.contains_key(&self.start_at) {
            return Err(LoadError::State {
                state: self.start_at.clone(),
                problem: "StartAt names no state".to_owned(),
            });
        }
        for (name, state) in &self.states {
            let refused = |problem| Err(LoadError::State { state: name.clone(), problem });
            if let Some(target) = state.targets().into_iter().find(|target| !self.states.contains_key(*target)) {
                return refused(format!("there is no state {target} to go to"));
            }
            let read = state.templates().into_iter().flat_map(Template::variables);
            if let Some(variable) = read.into_iter().find(|name| *name != "states" && !assigned.contains(name)) {
                return refused(format!("no state assigns ${variable}"));
            }
        }
        Ok(())
    }
}

impl State {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Pass { next, end, .. } => one_way_out(next.as_ref(), *end)?,
            Self::Wait { next, end, seconds, timestamp, .. } => {
                one_way_out(next.as_ref(), *end)?;
                if seconds.is_some() == timestamp.is_some() {
                    return Err("Wait takes either Seconds or Timestamp".to_owned());
                }
            }
            Self::Task(task) => {
                one_way_out(task.next.as_ref(), task.end)?;
                check_errors(task.retry.iter().map(|retrier| &retrier.error_equals).collect())?;
                check_errors(task.catch.iter().map(|catcher| &catcher.error_equals).collect())?;
                let below_one =
                    |r: &Retrier| r.interval_seconds == 0 || r.max_delay_seconds == Some(0) || r.backoff_rate < 1.0;
                if task.retry.iter().any(below_one) {
                    return Err("IntervalSeconds, MaxDelaySeconds and BackoffRate are at least 1".to_owned());
                }
            }
            Self::Choice { choices, .. } if choices.is_empty() => return Err("Choices is empty".to_owned()),
            Self::Choice { .. } | Self::Succeed { .. } | Self::Fail { .. } => {}
        }
        if self.assigns().iter().any(|assign| assign.contains_key("states")) {
            return Err("$states is reserved".to_owned());
        }
        Ok(())
    }

    fn assigns(&self) -> Vec<&Assign> {
        match self {
            Self::Pass { assign, .. } | Self::Wait { assign, .. } => vec![assign],
            Self::Task(task) => task.catch.iter().map(|catcher| &catcher.assign).chain([&task.assign]).collect(),
            Self::Choice { choices, assign, .. } => choices.iter().map(|rule| &rule.assign).chain([assign]).collect(),
            Self::Succeed { .. } | Self::Fail { .. } => Vec::new(),
        }
    }

    fn templates(&self) -> Vec<&Template> {
        let own: Vec<&Template> = match self {
            Self::Pass { output, .. } | Self::Succeed { output } => output.iter().collect(),
            Self::Wait { seconds, timestamp, output, .. } => {
                [seconds, timestamp, output].into_iter().flatten().collect()
            }
            Self::Fail { error, cause } => error.iter().chain(cause).collect(),
            Self::Choice { choices, .. } => {
                choices.iter().flat_map(|rule| rule.output.iter().chain([&rule.condition])).collect()
            }
            Self::Task(task) => {
                let caught = task.catch.iter().filter_map(|catcher| catcher.output.as_ref());
                caught.chain(&task.output).chain([&task.arguments]).collect()
            }
        };
        own.into_iter().chain(self.assigns().into_iter().flat_map(BTreeMap::values)).collect()
    }

    fn targets(&self) -> Vec<&str> {
        let targets: Vec<&String> = match self {
            Self::Pass { next, .. } | Self::Wait { next, .. } => next.iter().collect(),
            Self::Task(task) => task.catch.iter().map(|catcher| &catcher.next).chain(&task.next).collect(),
            Self::Choice { choices, default, .. } => choices.iter().map(|rule| &rule.next).chain(default).collect(),
            Self::Succeed { .. } | Self::Fail { .. } => Vec::new(),
        };
        targets.into_iter().map(String::as_str).collect()
    }
}

fn one_way_out(next: Option<&String>, end: bool) -> Result<(), String> {
    if next.is_some() == end { Err("a state has either Next or End".to_owned()) } else { Ok(()) }
}

fn check_errors(lists: Vec<&Vec<String>>) -> Result<(), String> {
    let last = lists.len().saturating_sub(1);
    for (place, errors) in lists.into_iter().enumerate() {
        if errors.is_empty() {
            return Err("ErrorEquals is empty".to_owned());
        }
        if let Some(wildcard) = errors.iter().find(|error| error.contains('*')) {
            return Err(format!("`{wildcard}` would match only an error of that very name"));
        }
        if errors.iter().any(|error| error == "States.ALL") && (errors.len() > 1 || place < last) {
            return Err("States.ALL stands alone and last".to_owned());
        }
    }
    Ok(())
}
