//! The subset of [JSONata](https://docs.jsonata.org) that the state machines use: literals, object and array
//! constructors, paths of names and of literal indexes, variables, comparisons, `in`, `and`, `or`, `&`, arithmetic,
//! `? :`, parentheses, and the functions `$boolean $contains $count $exists $floor $fromMillis $length $millis $not
//! $number $parse $random $string $substring $toMillis $type`. The parser refuses the rest by name.
//!
//! A missing path is *undefined* (`None` here), which is not `null`: it is left out of objects and arrays, equals
//! nothing, differs from nothing, and makes arithmetic undefined.
//!
//! Known to differ from `JSONata` 2.0.6, the version of Step Functions: `$string` writes an object's fields sorted, a
//! division by zero is an error even where its result would not be seen, and so is `$substring` of what is no text;
//! `$random()` answers the same each time within one expression, and `$toMillis` reads RFC 3339 alone.

mod evaluator;
mod functions;
mod lexer;
mod parser;

use serde_json::{Map, Value};
use std::sync::Arc;

/// What an expression can see.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The variables by name, without the `$`.
    pub variables: &'a Map<String, Value>,
    /// What `$millis()` answers.
    pub now: i64,
    /// What `$random()` answers, from 0 up to 1: the same each time that one expression asks.
    pub chance: f64,
}

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Expression {
    root: Arc<parser::Expr>,
    variables: Arc<[String]>,
}

impl Expression {
    /// Reads an expression, without the `{%` and `%}` around it.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let (root, variables) = parser::parse(text)?;
        Ok(Self { root: Arc::new(root), variables: variables.into() })
    }

    /// The value; `None` is `JSONata`'s *undefined*.
    pub fn evaluate(&self, scope: Scope) -> Result<Option<Value>, EvalError> {
        evaluator::evaluate(&self.root, scope)
    }

    /// The variables that the expression reads, without the `$`.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }
}

/// Why a text is no expression of the subset. Positions count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// Perhaps valid `JSONata`, but outside the subset.
    #[error("{construct} at {at} is outside the subset of JSONata that the simulation runs")]
    Unsupported {
        /// What was met.
        construct: String,
        /// Where.
        at: usize,
    },
    /// Not `JSONata`.
    #[error("expected {expected} at {at}, found {found}")]
    Unexpected {
        /// What would have been right.
        expected: &'static str,
        /// What stood there.
        found: String,
        /// Where.
        at: usize,
    },
    /// More brackets and operators than anybody could read, and than a stack holds.
    #[error("more than {} operators and brackets", parser::MAX_OPERATORS)]
    TooComplex,
}

/// Why an expression has no value. Step Functions reports each as `States.QueryEvaluationError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An operator or a function met a type that it does not take.
    #[error("{what} does not take {found}")]
    Unsuitable {
        /// The operator or function.
        what: &'static str,
        /// The type that it met.
        found: &'static str,
    },
    /// A text does not say what the function needs.
    #[error("{function} cannot read this text")]
    Unreadable {
        /// The function.
        function: &'static str,
    },
    /// Two fields of one object have the same name.
    #[error("the field `{0}` stands twice in one object")]
    DuplicateField(String),
    /// Neither JSON nor a calendar can hold the result.
    #[error("the result of {0} is out of range")]
    OutOfRange(&'static str),
}

#[cfg(test)]
mod tests;
