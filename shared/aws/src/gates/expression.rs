//! A change as DynamoDB's expressions. Every attribute goes by a placeholder, as many of these words are reserved.

use super::reading::FORMAT;
use crate::item::{number, text};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::breaker::BreakerState;
use domain::gate::PermitId;
use domain::gate::bucket::Take;
use domain::gate::change::{Because, Change, Mark, Trial};
use std::collections::HashMap;

/// One conditional update of one item.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<String>,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
    /// The change of state is told by shard 0.
    tells: bool,
}

impl Expression {
    /// The update of a change that is no `Install`.
    pub(super) fn of(change: &Change, shard: u16) -> Self {
        let mut update = Self {
            set: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            conditions: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
            tells: shard == 0,
        };
        // An item of another format is left alone, even where this write would fit it.
        update.must("format", "=", number(FORMAT));
        if let Some(generation) = change.generation() {
            update.must("gen", "=", number(generation));
        }
        update.translate(change);
        if change.turns_to().is_none() || shard != 0 {
            // `changed` stays for one image only: the stream of the table tells each change of state once.
            update.remove(&["changed"]);
        }
        update
    }

    /// The update expression.
    pub(super) fn update(&self) -> String {
        let clause = |word: &str, parts: &[String]| {
            if parts.is_empty() { String::new() } else { format!("{word} {} ", parts.join(", ")) }
        };
        [clause("SET", &self.set), clause("ADD", &self.add), clause("REMOVE", &self.remove)].concat()
    }

    /// The condition expression.
    pub(super) fn condition(&self) -> String {
        self.conditions.join(" AND ")
    }

    fn translate(&mut self, change: &Change) {
        match change {
            Change::Reserve { state, take, .. } => {
                self.must("state", "=", text(state.as_str()));
                self.take(take);
                if *state == BreakerState::Closed {
                    self.add("seq", number(1));
                }
            }
            Change::BeginTrials(trial) => {
                self.must("state", "=", text(BreakerState::Open.as_str()));
                self.must("until", "<=", number(trial.now.0));
                self.begin_trials(trial);
            }
            Change::RestartTrials(trial) => {
                self.must("state", "=", text(BreakerState::HalfOpen.as_str()));
                self.must("until", "<=", number(trial.now.0));
                self.must_count("permits", ">=", trial.permits);
                self.begin_trials(trial);
            }
            Change::JoinTrials(trial) => {
                self.must("state", "=", text(BreakerState::HalfOpen.as_str()));
                self.must_be_absent_or_count("permits", "<", trial.permits);
                self.fits(trial);
                self.add("permits", set(&trial.id));
            }
            Change::CountSuccess { id, below, .. } => {
                self.must("state", "=", text(BreakerState::HalfOpen.as_str()));
                self.must_be_absent_or_count("successes", "<", *below);
                self.add("successes", set(id));
            }
            Change::Close { id, others, because, .. } => {
                self.must("state", "=", text(BreakerState::HalfOpen.as_str()));
                if *others > 0 {
                    self.must_count("successes", ">=", *others);
                }
                let (successes, id) = (self.name("successes"), self.value("id", text(&id.0)));
                self.conditions.push(format!("(NOT contains({successes}, {id}))"));
                self.turn(BreakerState::Closed, because);
                self.clear();
            }
            Change::Count { mark, bucket, .. } => {
                let counter = self.counter(*mark, *bucket);
                let (zero, one) = (self.value("zero", number(0)), self.value("one", number(1)));
                self.set.push(format!("{counter} = if_not_exists({counter}, {zero}) + {one}"));
            }
            Change::Forget { buckets, .. } => {
                for bucket in buckets {
                    for mark in [Mark::Failure, Mark::Slow] {
                        let counter = self.counter(mark, *bucket);
                        self.remove.push(counter);
                    }
                }
            }
            Change::Open { from, until, opens, because, .. } => {
                self.must("state", "=", text(from.as_str()));
                self.turn(BreakerState::Open, because);
                self.set("until", number(until.0));
                self.set("opens", number(opens));
            }
            Change::Hold { until, tat, moves_tat } => {
                self.must("notBefore", "<", number(until.0));
                self.must("tat", if *moves_tat { "<" } else { ">=" }, number(tat.0));
                self.set("notBefore", number(until.0));
                if *moves_tat {
                    self.set("tat", number(tat.0));
                }
            }
            Change::Force { state, not_before, limit, cuts_tat, because, .. } => {
                self.must("notBefore", "=", number(not_before.0));
                self.must("tat", if *cuts_tat { ">" } else { "<=" }, number(limit.0));
                self.turn(*state, because);
                self.clear();
                if *cuts_tat {
                    self.set("tat", number(limit.0));
                }
            }
            Change::Follow { state, until, opens, because, .. } => {
                self.turn(*state, because);
                if *state == BreakerState::Closed {
                    self.clear();
                } else {
                    self.set("until", number(until.0));
                    if let Some(opens) = opens {
                        self.set("opens", number(opens));
                    }
                }
            }
            // A whole item is put, not updated.
            Change::Install { .. } => {}
        }
    }

    fn take(&mut self, take: &Take) {
        let tat = self.name("tat");
        match take {
            Take::Append { by, from, to } => {
                let by = self.value("by_tokens", number(by));
                let (from, to) = (self.value("from", number(from.0)), self.value("to", number(to.0)));
                self.set.push(format!("{tat} = {tat} + {by}"));
                self.conditions.push(format!("({tat} BETWEEN {from} AND {to})"));
            }
            Take::Restart { to, before } => {
                self.set("tat", number(to.0));
                let before = self.value("before", number(before.0));
                self.conditions.push(format!("{tat} < {before}"));
            }
        }
    }

    fn begin_trials(&mut self, trial: &Trial) {
        self.fits(trial);
        self.turn(BreakerState::HalfOpen, &trial.because());
        self.remove.retain(|name| name != "#permits");
        self.set("permits", set(&trial.id));
    }

    fn fits(&mut self, trial: &Trial) {
        self.must("notBefore", "<=", number(trial.now.0));
        let (tat, was) = (self.name("tat"), self.value("tat_was", number(trial.tat_was.0)));
        self.conditions.push(format!("{tat} = {was}"));
        self.set("tat", number(trial.tat.0));
        self.set("until", number(trial.until.0));
    }

    /// A new state, and with it a new generation without permits and successes.
    fn turn(&mut self, state: BreakerState, because: &Because) {
        self.set("state", text(state.as_str()));
        let (generation, one) = (self.name("gen"), self.value("one", number(1)));
        self.set.push(format!("{generation} = {generation} + {one}"));
        self.set("since", number(because.at.0));
        self.set("by", text(&because.by));
        self.set("why", text(&because.why));
        self.remove(&["permits", "successes"]);
        if self.tells {
            self.set("changed", text(event(state)));
        }
    }

    fn clear(&mut self) {
        for attribute in ["seq", "opens", "until"] {
            self.set(attribute, number(0));
        }
        for attribute in ["failures", "slow"] {
            self.set(attribute, AttributeValue::M(HashMap::new()));
        }
    }

    fn counter(&mut self, mark: Mark, bucket: u64) -> String {
        let map = self.name(match mark {
            Mark::Failure => "failures",
            Mark::Slow => "slow",
        });
        let placeholder = format!("#b{bucket}");
        self.names.insert(placeholder.clone(), bucket.to_string());
        format!("{map}.{placeholder}")
    }

    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value(&mut self, name: &str, value: AttributeValue) -> String {
        let placeholder = format!(":{name}");
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(&format!("new_{attribute}"), value));
        self.set.push(format!("{name} = {value}"));
    }

    fn add(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(&format!("add_{attribute}"), value));
        self.add.push(format!("{name} {value}"));
    }

    fn remove(&mut self, attributes: &[&str]) {
        for attribute in attributes {
            let name = self.name(attribute);
            self.remove.push(name);
        }
    }

    fn must(&mut self, attribute: &str, operator: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(&format!("if_{attribute}"), value));
        self.conditions.push(format!("{name} {operator} {value}"));
    }

    fn must_count(&mut self, attribute: &str, operator: &str, count: usize) {
        let (name, value) = (self.name(attribute), self.value(&format!("count_{attribute}"), number(count)));
        self.conditions.push(format!("size({name}) {operator} {value}"));
    }

    /// An empty set is absent, and what is absent has no size.
    fn must_be_absent_or_count(&mut self, attribute: &str, operator: &str, count: usize) {
        let (name, value) = (self.name(attribute), self.value(&format!("count_{attribute}"), number(count)));
        self.conditions.push(format!("(attribute_not_exists({name}) OR size({name}) {operator} {value})"));
    }
}

fn set(id: &PermitId) -> AttributeValue {
    AttributeValue::Ss(vec![id.0.clone()])
}

/// The event that a change to this state is told as.
fn event(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Open | BreakerState::ForcedOpen => "CircuitOpened",
        BreakerState::HalfOpen => "CircuitHalfOpened",
        BreakerState::Closed | BreakerState::Disabled => "CircuitClosed",
    }
}
