//! The functions of the subset. All but `$parse`, which is Step Functions' own, are `JSONata`'s.

use super::evaluator::{as_number, in_range, number, truth, type_name};
use super::{EvalError, Scope};
use crate::moment;
use serde_json::Value;
use std::ops::RangeInclusive;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Boolean,
    Contains,
    Count,
    Exists,
    Floor,
    FromMillis,
    Length,
    Millis,
    Not,
    Number,
    Parse,
    Random,
    String,
    Substring,
    ToMillis,
    Type,
}

impl Function {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::Boolean,
            "contains" => Self::Contains,
            "count" => Self::Count,
            "exists" => Self::Exists,
            "floor" => Self::Floor,
            "fromMillis" => Self::FromMillis,
            "length" => Self::Length,
            "millis" => Self::Millis,
            "not" => Self::Not,
            "number" => Self::Number,
            "parse" => Self::Parse,
            "random" => Self::Random,
            "string" => Self::String,
            "substring" => Self::Substring,
            "toMillis" => Self::ToMillis,
            "type" => Self::Type,
            _ => return None,
        })
    }

    /// How many arguments it takes; `JSONata`'s way to leave out the first one needs a context, which there is not.
    pub fn arguments(self) -> RangeInclusive<usize> {
        match self {
            Self::Millis | Self::Random => 0..=0,
            Self::Contains => 2..=2,
            Self::Substring => 2..=3,
            _ => 1..=1,
        }
    }
}

pub(super) fn call(
    function: Function,
    arguments: Vec<Option<Value>>,
    scope: Scope,
) -> Result<Option<Value>, EvalError> {
    let mut arguments = arguments.into_iter();
    let first = arguments.next().flatten();
    match (function, first) {
        (Function::Millis, _) => Ok(Some(scope.now.into())),
        (Function::Random, _) => Ok(Some(number(scope.chance))),
        (Function::Exists, value) => Ok(Some(value.is_some().into())),
        (Function::Count, value) => Ok(Some(count(value.as_ref()).into())),
        (_, None) => Ok(None),
        (Function::Not, Some(value)) => Ok(Some((!truth(Some(&value))).into())),
        (Function::Boolean, Some(value)) => Ok(Some(truth(Some(&value)).into())),
        (Function::Type, Some(value)) => Ok(Some(type_name(Some(&value)).into())),
        (Function::String, Some(value)) => Ok(Some(text(Some(&value)).into())),
        (Function::Number, Some(value)) => to_number(&value).map(Some),
        (Function::Floor, Some(value)) => in_range(as_number(&value, "$floor")?.floor(), "$floor").map(Some),
        (Function::FromMillis, Some(value)) => from_millis(&value).map(Some),
        (Function::ToMillis, Some(value)) => {
            let moment = moment::read(as_text(&value, "$toMillis")?);
            moment.map(|millis| Some(millis.into())).ok_or(EvalError::Unreadable { function: "$toMillis" })
        }
        (Function::Parse, Some(value)) => {
            let parsed = serde_json::from_str(as_text(&value, "$parse")?);
            parsed.map(Some).map_err(|_| EvalError::Unreadable { function: "$parse" })
        }
        (Function::Length, Some(value)) => Ok(Some(as_text(&value, "$length")?.chars().count().into())),
        (Function::Contains, Some(value)) => {
            let Some(part) = arguments.next().flatten() else { return Ok(None) };
            Ok(Some(as_text(&value, "$contains")?.contains(as_text(&part, "$contains")?).into()))
        }
        (Function::Substring, Some(value)) => {
            let text = as_text(&value, "$substring")?;
            let Some(start) = arguments.next().flatten() else { return Ok(None) };
            let length = arguments.next().flatten();
            substring(text, &start, length.as_ref()).map(|text| Some(text.into()))
        }
    }
}

fn as_text<'a>(value: &'a Value, what: &'static str) -> Result<&'a str, EvalError> {
    value.as_str().ok_or(EvalError::Unsuitable { what, found: type_name(Some(value)) })
}

fn count(value: Option<&Value>) -> usize {
    match value {
        None => 0,
        Some(Value::Array(items)) => items.len(),
        Some(_) => 1,
    }
}

/// A text as itself, everything else as compact JSON, undefined as nothing.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => rounded(value).to_string(),
    }
}

/// `JSONata` writes numbers with 15 significant digits at most.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(exact) if exact.is_f64() => {
            let short = exact.as_f64().and_then(|exact| format!("{exact:.14e}").parse().ok());
            short.map_or_else(|| value.clone(), number)
        }
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), rounded(value))).collect(),
        other => other.clone(),
    }
}

fn to_number(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Number(_) => Ok(value.clone()),
        Value::Bool(value) => Ok(u8::from(*value).into()),
        // JSON's notation and no other: Rust alone would also read `inf`, `+1` and `.5`.
        Value::String(text) => match serde_json::from_str::<f64>(text) {
            Ok(parsed) if !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace) => {
                in_range(parsed, "$number")
            }
            _ => Err(EvalError::Unreadable { function: "$number" }),
        },
        other => Err(EvalError::Unsuitable { what: "$number", found: type_name(Some(other)) }),
    }
}

fn from_millis(value: &Value) -> Result<Value, EvalError> {
    let written = whole(as_number(value, "$fromMillis")?).and_then(moment::write);
    written.map(Value::from).ok_or(EvalError::OutOfRange("$fromMillis"))
}

/// Counts letters, not bytes; a negative start counts from the end.
fn substring(text: &str, start: &Value, length: Option<&Value>) -> Result<String, EvalError> {
    let out_of_range = EvalError::OutOfRange("$substring");
    let total = text.chars().count();
    let start = whole(as_number(start, "$substring")?).ok_or_else(|| out_of_range.clone())?;
    let distance = usize::try_from(start.unsigned_abs()).map_err(|_| out_of_range.clone())?;
    let from = if start < 0 { total.saturating_sub(distance) } else { distance };
    let take = match length {
        None => total,
        Some(length) => {
            let length = whole(as_number(length, "$substring")?).ok_or_else(|| out_of_range.clone())?;
            usize::try_from(length.max(0)).map_err(|_| out_of_range)?
        }
    };
    Ok(text.chars().skip(from).take(take).collect())
}

/// Through text, as a cast would hide what does not fit.
fn whole(number: f64) -> Option<i64> {
    number.trunc().to_string().parse().ok()
}
