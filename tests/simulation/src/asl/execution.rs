//! One run of a state machine, from effect to effect.

use super::TaskError;
use super::machine::{Assign, Jitter, Machine, Retrier, State, Task};
use super::template::Template;
use crate::jsonata::Scope;
use crate::moment;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Step Functions ends an execution that has more events in its history.
const MAX_EVENTS: usize = 25_000;

/// What an execution does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// It calls a task, and stands still until [`Execution::answer`].
    Task(TaskCall),
    /// It sleeps: call [`Execution::next`] again when so much time has passed.
    Wait(Duration),
    /// It has ended.
    Succeeded {
        /// Its output.
        output: Value,
    },
    /// It has ended in a `Fail` state, or on an error that nothing caught.
    Failed(TaskError),
}

/// A task as it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskCall {
    /// The state that calls it.
    pub state: String,
    /// The service integration, an ARN.
    pub resource: String,
    /// The evaluated arguments.
    pub arguments: Value,
    /// When Step Functions gives up; the caller then answers with the error `States.Timeout`.
    pub timeout_seconds: Option<u64>,
}

/// An answer that no task was waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the execution does not wait for a task")]
pub struct Unasked;

/// A running execution. Dropping it is aborting it; a clone takes its own way from here on.
#[derive(Debug, Clone)]
pub struct Execution {
    machine: Machine,
    chance: fastrand::Rng,
    context: Value,
    state: String,
    /// When the state was entered.
    entered: i64,
    /// What `$random()` answers in this state.
    drawn: f64,
    input: Value,
    variables: Map<String, Value>,
    /// How often each retrier of the current state has been used.
    retries: BTreeMap<usize, u32>,
    transitions: usize,
    events: usize,
    phase: Phase,
}

#[derive(Debug, Clone)]
enum Phase {
    Entering,
    Asked(TaskCall),
    /// A retry is due after this pause.
    Retrying(Duration),
    /// In a Wait state, with the pause announced.
    Waiting,
    Ended(Next),
}

/// How a state is left.
#[derive(Clone, Copy)]
struct Exit<'a> {
    output: Option<&'a Template>,
    assign: &'a Assign,
    /// `None` ends the execution.
    next: Option<&'a str>,
}

impl Execution {
    /// An execution that begins at `start` (milliseconds since 1970); `chance` draws the jitter of its retries.
    /// Its name is what follows the last colon of `id`.
    pub fn new(machine: &Machine, id: &str, input: Value, start: i64, chance: fastrand::Rng) -> Self {
        let name = id.rsplit(':').next().unwrap_or(id);
        let execution = json!({"Id": id, "Name": name, "StartTime": moment::write(start), "Input": input.clone()});
        Self {
            state: machine.start_at().to_owned(),
            machine: machine.clone(),
            entered: start,
            drawn: 0.0,
            chance,
            context: json!({"Execution": execution}),
            input,
            variables: Map::new(),
            retries: BTreeMap::new(),
            transitions: 0,
            // The start is one.
            events: 1,
            phase: Phase::Entering,
        }
    }

    /// The execution's identifier.
    pub fn id(&self) -> &str {
        self.context.pointer("/Execution/Id").and_then(Value::as_str).unwrap_or_default()
    }

    /// The current, or the last, state.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// How often a state was entered, retries included: what Step Functions charges for.
    pub fn transitions(&self) -> usize {
        self.transitions
    }

    /// How many events its history has, with all those of the current state: each state is entered and left, and each
    /// try of a task is scheduled, started and ended.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Goes on to the next effect. Asked again while a task waits for its answer, or at the end, it says the same.
    pub fn next(&mut self, now: i64) -> Next {
        loop {
            let step = match std::mem::replace(&mut self.phase, Phase::Entering) {
                Phase::Asked(call) => {
                    self.phase = Phase::Asked(call.clone());
                    return Next::Task(call);
                }
                Phase::Ended(end) => {
                    self.phase = Phase::Ended(end.clone());
                    return end;
                }
                Phase::Retrying(pause) => return Next::Wait(pause),
                Phase::Waiting => self.wake(now).map(|()| None),
                Phase::Entering => self.enter(now),
            };
            match step {
                Ok(Some(effect)) => return effect,
                Ok(None) => {}
                Err(error) => self.phase = Phase::Ended(Next::Failed(error)),
            }
        }
    }

    /// Gives the waiting task its result, or its error.
    pub fn answer(&mut self, now: i64, answer: Result<Value, TaskError>) -> Result<(), Unasked> {
        let machine = self.machine.clone();
        let (Phase::Asked(_), Some(State::Task(task))) = (&self.phase, machine.state(&self.state)) else {
            return Err(Unasked);
        };
        let left = answer.and_then(|result| {
            let exit = Exit { output: task.output.as_ref(), assign: &task.assign, next: task.next.as_deref() };
            self.leave(now, exit, result.clone(), Some(("result", result)))
        });
        if let Err(error) = left {
            self.fail(now, task, error);
        }
        Ok(())
    }

    fn enter(&mut self, now: i64) -> Result<Option<Next>, TaskError> {
        let machine = self.machine.clone();
        self.transitions += 1;
        self.events += if matches!(machine.state(&self.state), Some(State::Task(_))) { 3 } else { 0 };
        // A retry enters by here too, and stays in the state that it retries.
        if self.retries.is_empty() {
            self.entered = now;
            self.events += 2;
        }
        if self.events > MAX_EVENTS {
            return Err(TaskError::new("States.Runtime", format!("more than {MAX_EVENTS} events")));
        }
        self.drawn = self.chance.f64();
        let input = self.input.clone();
        match machine.state(&self.state) {
            Some(State::Pass { output, assign, next, .. }) => {
                self.leave(now, Exit { output: output.as_ref(), assign, next: next.as_deref() }, input, None)?;
            }
            Some(State::Task(task)) => match self.evaluate(now, &task.arguments, None) {
                Ok(arguments) => {
                    self.phase = Phase::Asked(TaskCall {
                        state: self.state.clone(),
                        resource: task.resource.clone(),
                        arguments,
                        timeout_seconds: task.timeout_seconds,
                    });
                }
                Err(error) => self.fail(now, task, error),
            },
            Some(State::Choice { choices, default, assign }) => {
                for rule in choices {
                    if self.holds(now, &rule.condition)? {
                        let exit = Exit { output: rule.output.as_ref(), assign: &rule.assign, next: Some(&rule.next) };
                        return self.leave(now, exit, input, None).map(|()| None);
                    }
                }
                let Some(default) = default else {
                    return Err(TaskError::new("States.NoChoiceMatched", "no rule matched and there is no Default"));
                };
                self.leave(now, Exit { output: None, assign, next: Some(default) }, input, None)?;
            }
            Some(State::Wait { seconds, timestamp, .. }) => {
                let pause = self.pause(now, seconds.as_ref(), timestamp.as_ref())?;
                self.phase = Phase::Waiting;
                return Ok(Some(Next::Wait(pause)));
            }
            Some(State::Succeed { output }) => {
                self.leave(now, Exit { output: output.as_ref(), assign: &Assign::new(), next: None }, input, None)?;
            }
            Some(State::Fail { error, cause }) => {
                return Err(TaskError {
                    error: self.text(now, error.as_ref())?,
                    cause: self.text(now, cause.as_ref())?,
                });
            }
            None => return Err(TaskError::new("States.Runtime", format!("there is no state {}", self.state))),
        }
        Ok(None)
    }

    fn wake(&mut self, now: i64) -> Result<(), TaskError> {
        let machine = self.machine.clone();
        let Some(State::Wait { output, assign, next, .. }) = machine.state(&self.state) else { return Ok(()) };
        let input = self.input.clone();
        self.leave(now, Exit { output: output.as_ref(), assign, next: next.as_deref() }, input, None)
    }

    /// Output and all assignments see the variables as they were; only when each has a value does anything change.
    fn leave(&mut self, now: i64, exit: Exit, default: Value, extra: Option<(&str, Value)>) -> Result<(), TaskError> {
        let scope = self.scope(extra);
        let scope = Scope { variables: &scope, now, chance: self.drawn };
        let output = exit.output.map_or(Ok(default), |template| template.evaluate(scope))?;
        let assigned = exit.assign.iter().map(|(name, template)| Ok((name.clone(), template.evaluate(scope)?)));
        let assigned = assigned.collect::<Result<Vec<_>, TaskError>>()?;
        self.variables.extend(assigned);
        self.retries.clear();
        self.phase = match exit.next {
            None => Phase::Ended(Next::Succeeded { output }),
            Some(next) => {
                next.clone_into(&mut self.state);
                self.input = output;
                Phase::Entering
            }
        };
        Ok(())
    }

    /// The first retrier that names the error decides; when it is used up, the first catcher does.
    fn fail(&mut self, now: i64, task: &Task, error: TaskError) {
        let retrier = task.retry.iter().enumerate().find(|(_, retrier)| matches(&retrier.error_equals, &error.error));
        if let Some((place, retrier)) = retrier {
            let used = self.retries.entry(place).or_default();
            if *used < retrier.max_attempts {
                *used += 1;
                self.phase = Phase::Retrying(delay(retrier, *used, &mut self.chance));
                return;
            }
        }
        let Some(catcher) = task.catch.iter().find(|catcher| matches(&catcher.error_equals, &error.error)) else {
            self.phase = Phase::Ended(Next::Failed(error));
            return;
        };
        let mut report = json!({"Error": error.error});
        if !error.cause.is_empty() {
            report["Cause"] = error.cause.into();
        }
        let exit = Exit { output: catcher.output.as_ref(), assign: &catcher.assign, next: Some(&catcher.next) };
        if let Err(error) = self.leave(now, exit, report.clone(), Some(("errorOutput", report))) {
            self.phase = Phase::Ended(Next::Failed(error));
        }
    }

    /// The variables, `$states` among them with its input, its context and what this moment adds.
    fn scope(&self, extra: Option<(&str, Value)>) -> Map<String, Value> {
        let mut states = json!({"input": self.input, "context": self.context});
        states["context"]["State"] = json!({
            "Name": self.state,
            "EnteredTime": moment::write(self.entered),
            "RetryCount": self.retries.values().sum::<u32>(),
        });
        if let Some((name, value)) = extra {
            states[name] = value;
        }
        let mut scope = self.variables.clone();
        scope.insert("states".to_owned(), states);
        scope
    }

    fn evaluate(&self, now: i64, template: &Template, extra: Option<(&str, Value)>) -> Result<Value, TaskError> {
        template.evaluate(Scope { variables: &self.scope(extra), now, chance: self.drawn })
    }

    fn holds(&self, now: i64, condition: &Template) -> Result<bool, TaskError> {
        let value = self.evaluate(now, condition, None)?;
        value.as_bool().ok_or_else(|| unsuitable("a Condition is true or false", &value))
    }

    fn text(&self, now: i64, template: Option<&Template>) -> Result<String, TaskError> {
        let Some(template) = template else { return Ok(String::new()) };
        match self.evaluate(now, template, None)? {
            Value::String(text) => Ok(text),
            other => Err(unsuitable("Error and Cause are strings", &other)),
        }
    }

    /// Step Functions knows whole seconds, and waits for a moment only up to its second.
    fn pause(&self, now: i64, seconds: Option<&Template>, timestamp: Option<&Template>) -> Result<Duration, TaskError> {
        if let Some(seconds) = seconds {
            let value = self.evaluate(now, seconds, None)?;
            let seconds = value.as_u64().ok_or_else(|| unsuitable("Seconds is a whole number from 0", &value))?;
            return Ok(Duration::from_secs(seconds));
        }
        let value = timestamp.map_or(Ok(Value::Null), |template| self.evaluate(now, template, None))?;
        let moment = value.as_str().and_then(moment::read);
        let moment = moment.ok_or_else(|| unsuitable("Timestamp is a moment in RFC 3339", &value))?;
        let second = moment.div_euclid(1000) * 1000;
        Ok(Duration::from_millis(u64::try_from(second.saturating_sub(now)).unwrap_or(0)))
    }
}

fn unsuitable(rule: &str, value: &Value) -> TaskError {
    TaskError::new("States.QueryEvaluationError", format!("{rule}, not {value}"))
}

/// `States.ALL` leaves out what Step Functions will not let anybody catch; `States.TaskFailed` also time-outs.
fn matches(names: &[String], error: &str) -> bool {
    let fatal = matches!(error, "States.Runtime" | "States.DataLimitExceeded");
    names.iter().any(|name| match name.as_str() {
        "States.ALL" => !fatal,
        "States.TaskFailed" => !fatal && error != "States.Timeout",
        name => name == error,
    })
}

/// The pause before the n-th retry, n from 1.
fn delay(retrier: &Retrier, n: u32, chance: &mut fastrand::Rng) -> Duration {
    let growth = retrier.backoff_rate.powf(f64::from(n - 1));
    let seconds = f64::from(retrier.interval_seconds) * growth;
    let seconds = retrier.max_delay_seconds.map_or(seconds, |most| seconds.min(f64::from(most)));
    let share = if retrier.jitter_strategy == Jitter::Full { chance.f64() } else { 1.0 };
    Duration::try_from_secs_f64(seconds * share).unwrap_or(Duration::MAX)
}
