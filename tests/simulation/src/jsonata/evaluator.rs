//! Trees into values.

use super::parser::{Expr, Operator, Step};
use super::{EvalError, Scope, functions};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;

pub(super) fn evaluate(expr: &Expr, scope: Scope) -> Result<Option<Value>, EvalError> {
    match expr {
        Expr::Literal(value) => Ok(Some(value.clone())),
        Expr::Variable(name) => Ok(scope.variables.get(name).cloned()),
        Expr::Path { from, indexes, steps } => Ok(evaluate(from, scope)?.and_then(|value| walk(value, indexes, steps))),
        Expr::Object(fields) => object(fields, scope).map(Some),
        Expr::Array(items) => array(items, scope).map(Some),
        Expr::Negative(operand) => match evaluate(operand, scope)? {
            None => Ok(None),
            Some(value) => in_range(-as_number(&value, "-")?, "-").map(Some),
        },
        Expr::Infix(operator, left, right) => infix(*operator, left, right, scope),
        Expr::Conditional(condition, then, or_else) => match (truth(evaluate(condition, scope)?.as_ref()), or_else) {
            (true, _) => evaluate(then, scope),
            (false, Some(or_else)) => evaluate(or_else, scope),
            (false, None) => Ok(None),
        },
        Expr::Call(function, arguments) => {
            let values = arguments.iter().map(|argument| evaluate(argument, scope)).collect::<Result<Vec<_>, _>>()?;
            functions::call(*function, values, scope)
        }
    }
}

/// Each step maps over what the step before found, and what it finds is one flat list; a list of one is its item.
/// Only an array that is the whole result of the last step stays the array that it is.
fn walk(from: Value, indexes: &[i64], steps: &[Step]) -> Option<Value> {
    let from = pick(from, indexes)?;
    let Some((last, steps)) = steps.split_last() else { return Some(from) };
    let mut items = flat(vec![from]);
    for step in steps {
        items = flat(found(items, step));
    }
    let mut result = found(items, last);
    if result.len() > 1 {
        result = flat(result);
    }
    if result.len() > 1 { Some(Value::Array(result)) } else { result.pop() }
}

fn found(items: Vec<Value>, step: &Step) -> Vec<Value> {
    items
        .into_iter()
        .filter_map(|item| look_up(item, &step.name).and_then(|value| pick(value, &step.indexes)))
        .collect()
}

fn look_up(item: Value, name: &str) -> Option<Value> {
    match item {
        Value::Object(mut fields) => fields.remove(name),
        Value::Array(items) => {
            let mut found = flat(items.into_iter().filter_map(|item| look_up(item, name)).collect());
            if found.len() > 1 { Some(Value::Array(found)) } else { found.pop() }
        }
        _ => None,
    }
}

fn flat(items: Vec<Value>) -> Vec<Value> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Array(inner) => all.extend(inner),
            single => all.push(single),
        }
    }
    all
}

/// A negative index counts from the end; a value that is no array is its own only item.
fn pick(value: Value, indexes: &[i64]) -> Option<Value> {
    indexes.iter().try_fold(value, |value, index| match value {
        Value::Array(items) => {
            let from_end = usize::try_from(index.unsigned_abs()).ok();
            let place = if *index < 0 { items.len().checked_sub(from_end?) } else { from_end };
            items.into_iter().nth(place?)
        }
        single => matches!(index, 0 | -1).then_some(single),
    })
}

fn object(fields: &[(Expr, Expr)], scope: Scope) -> Result<Value, EvalError> {
    let mut object = Map::new();
    for (name, value) in fields {
        let name = match evaluate(name, scope)? {
            Some(Value::String(name)) => name,
            other => {
                return Err(EvalError::Unsuitable { what: "the name of a field", found: type_name(other.as_ref()) });
            }
        };
        if object.contains_key(&name) {
            return Err(EvalError::DuplicateField(name));
        }
        if let Some(value) = evaluate(value, scope)? {
            object.insert(name, value);
        }
    }
    Ok(Value::Object(object))
}

/// An array in an array is spread out unless it is written as one, with its own brackets.
fn array(items: &[Expr], scope: Scope) -> Result<Value, EvalError> {
    let mut array = Vec::new();
    for item in items {
        match evaluate(item, scope)? {
            Some(Value::Array(inner)) if !matches!(item, Expr::Array(_)) => array.extend(inner),
            Some(value) => array.push(value),
            None => {}
        }
    }
    Ok(Value::Array(array))
}

fn infix(operator: Operator, left: &Expr, right: &Expr, scope: Scope) -> Result<Option<Value>, EvalError> {
    let left = evaluate(left, scope)?;
    match (operator, truth(left.as_ref())) {
        (Operator::And, false) => return Ok(Some(false.into())),
        (Operator::Or, true) => return Ok(Some(true.into())),
        _ => {}
    }
    let right = evaluate(right, scope)?;
    let (left, right) = (left.as_ref(), right.as_ref());
    Ok(match operator {
        Operator::And | Operator::Or => Some(truth(right).into()),
        Operator::Join => Some((functions::text(left) + &functions::text(right)).into()),
        // Undefined neither equals anything nor differs from it.
        Operator::Equal => Some(left.zip(right).is_some_and(|(left, right)| equal(left, right)).into()),
        Operator::Unequal => Some(left.zip(right).is_some_and(|(left, right)| !equal(left, right)).into()),
        Operator::In => Some(left.zip(right).is_some_and(|(left, right)| is_in(left, right)).into()),
        Operator::Compare(what, holds) => compare(what, left, right)?.map(|order| holds(order).into()),
        Operator::Compute(what, compute) => {
            let left = left.map(|value| as_number(value, what)).transpose()?;
            let right = right.map(|value| as_number(value, what)).transpose()?;
            left.zip(right).map(|(left, right)| in_range(compute(left, right), what)).transpose()?
        }
    })
}

fn is_in(item: &Value, list: &Value) -> bool {
    match list {
        Value::Array(items) => items.iter().any(|other| equal(item, other)),
        single => equal(item, single),
    }
}

fn compare(what: &'static str, left: Option<&Value>, right: Option<&Value>) -> Result<Option<Ordering>, EvalError> {
    if let Some(other) = [left, right].into_iter().flatten().find(|value| !value.is_number() && !value.is_string()) {
        return Err(EvalError::Unsuitable { what, found: type_name(Some(other)) });
    }
    match (left, right) {
        (Some(Value::String(left)), Some(Value::String(right))) => Ok(Some(left.cmp(right))),
        (Some(left), Some(right)) => Ok(as_number(left, what)?.partial_cmp(&as_number(right, what)?)),
        _ => Ok(None),
    }
}

/// JSON tells `1` from `1.0`, `JSONata` does not.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => left == right,
    }
}

/// What a condition makes of a value: nothing, zero, empty and `null` are false.
pub(super) fn truth(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(value)) => value.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => items.iter().any(|item| truth(Some(item))),
        Some(Value::Object(fields)) => !fields.is_empty(),
    }
}

pub(super) fn as_number(value: &Value, what: &'static str) -> Result<f64, EvalError> {
    value.as_f64().ok_or(EvalError::Unsuitable { what, found: type_name(Some(value)) })
}

pub(super) fn in_range(number: f64, what: &'static str) -> Result<Value, EvalError> {
    if number.is_finite() { Ok(self::number(number)) } else { Err(EvalError::OutOfRange(what)) }
}

/// A finite number as JSON, a whole one without a fraction: `JSONata` has one type of number, JSON's text has two.
pub(super) fn number(number: f64) -> Value {
    let number = if number == 0.0 { 0.0 } else { number };
    serde_json::from_str::<Number>(&number.to_string()).map_or(Value::Null, Value::Number)
}

pub(super) fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}
