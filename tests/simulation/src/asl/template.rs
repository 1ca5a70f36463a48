//! JSON in which every string `{% … %}` is an expression.

use super::TaskError;
use crate::jsonata::{Expression, Scope};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub(super) enum Template {
    Literal(Value),
    /// The expression and its text.
    Expression(Expression, String),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
}

impl TryFrom<Value> for Template {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text.contains("{%") || text.contains("%}") => expression(text),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| Ok((name, Self::try_from(value)?)));
                fields.collect::<Result<_, _>>().map(Self::Object)
            }
            Value::Array(items) => items.into_iter().map(Self::try_from).collect::<Result<_, _>>().map(Self::Array),
            literal => Ok(Self::Literal(literal)),
        }
    }
}

/// Step Functions takes a string for an expression only where it begins and ends as one; the rest would be a literal
/// by accident.
fn expression(text: String) -> Result<Template, String> {
    let Some(inner) = text.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")) else {
        return Err(format!("`{text}` holds an expression but is none: it must begin with `{{%` and end with `%}}`"));
    };
    match Expression::parse(inner) {
        Ok(parsed) => Ok(Template::Expression(parsed, text)),
        Err(error) => Err(format!("`{text}`: {error}")),
    }
}

impl Template {
    pub fn evaluate(&self, scope: Scope) -> Result<Value, TaskError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression, text) => {
                let failed = |why: String| TaskError::new("States.QueryEvaluationError", format!("`{text}`: {why}"));
                let value = expression.evaluate(scope).map_err(|error| failed(error.to_string()))?;
                // Inside an expression undefined is left out; JSON around it cannot represent it.
                value.ok_or_else(|| failed("the value is undefined".to_owned()))
            }
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(scope)?)));
                fields.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            Self::Array(items) => items.iter().map(|item| item.evaluate(scope)).collect(),
        }
    }

    /// Every variable that an expression in here reads.
    pub fn variables(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Expression(expression, _) => expression.variables().iter().map(String::as_str).collect(),
            Self::Object(fields) => fields.iter().flat_map(|(_, value)| value.variables()).collect(),
            Self::Array(items) => items.iter().flat_map(Self::variables).collect(),
        }
    }
}
