//! Tokens into a tree, by precedence climbing. The strengths of the operators are those of `JSONata`.

use super::SyntaxError;
use super::functions::Function;
use super::lexer::{Token, tokens, unexpected};
use serde_json::{Number, Value};
use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Rem, Sub};

/// Bounds the depth of the tree, and with it the stack of parser and evaluator.
pub(super) const MAX_OPERATORS: usize = 200;

#[derive(Debug)]
pub(super) enum Expr {
    Literal(Value),
    Variable(String),
    /// `from[0].name[0]…`; an index behind a name applies to what each item has under that name.
    Path {
        from: Box<Expr>,
        indexes: Vec<i64>,
        steps: Vec<Step>,
    },
    Object(Vec<(Expr, Expr)>),
    Array(Vec<Expr>),
    Negative(Box<Expr>),
    Infix(Operator, Box<Expr>, Box<Expr>),
    Conditional(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    Call(Function, Vec<Expr>),
}

#[derive(Debug)]
pub(super) struct Step {
    pub name: String,
    pub indexes: Vec<i64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    And,
    Or,
    In,
    Equal,
    Unequal,
    /// `&`
    Join,
    /// Of two numbers or two texts; with its spelling, for errors.
    Compare(&'static str, fn(Ordering) -> bool),
    /// Of two numbers; with its spelling, for errors.
    Compute(&'static str, fn(f64, f64) -> f64),
}

const CONDITIONAL: u8 = 20;
const MINUS: u8 = 70;

impl Operator {
    /// The operator and how strongly it binds.
    fn of(token: &Token) -> Option<(Self, u8)> {
        let (Token::Symbol(_) | Token::Name(_)) = token else { return None };
        Some(match spelling(token) {
            "or" => (Self::Or, 25),
            "and" => (Self::And, 30),
            "=" => (Self::Equal, 40),
            "!=" => (Self::Unequal, 40),
            "<" => (Self::Compare("<", Ordering::is_lt), 40),
            "<=" => (Self::Compare("<=", Ordering::is_le), 40),
            ">" => (Self::Compare(">", Ordering::is_gt), 40),
            ">=" => (Self::Compare(">=", Ordering::is_ge), 40),
            "in" => (Self::In, 40),
            "&" => (Self::Join, 50),
            "+" => (Self::Compute("+", f64::add), 50),
            "-" => (Self::Compute("-", f64::sub), 50),
            "*" => (Self::Compute("*", f64::mul), 60),
            "/" => (Self::Compute("/", f64::div), 60),
            "%" => (Self::Compute("%", f64::rem), 60),
            _ => return None,
        })
    }
}

fn spelling(token: &Token) -> &str {
    match token {
        Token::Number(_) => "a number",
        Token::Text(_) => "a text",
        Token::Name(text) | Token::Quoted(text) | Token::Variable(text) => text,
        Token::Symbol(symbol) => symbol,
        Token::End => "the end",
    }
}

pub(super) fn parse(text: &str) -> Result<(Expr, Vec<String>), SyntaxError> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, operators: 0, variables: Vec::new() };
    let root = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok((root, parser.variables)),
        _ => Err(parser.refuse("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    operators: usize,
    variables: Vec<String>,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |(at, _)| *at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(s) if *s == symbol);
        self.next += usize::from(found);
        found
    }

    fn require(&mut self, symbol: &'static str) -> Result<(), SyntaxError> {
        if self.accept(symbol) { Ok(()) } else { Err(self.refuse(symbol)) }
    }

    fn unsupported(&self, construct: String) -> SyntaxError {
        SyntaxError::Unsupported { construct, at: self.at() }
    }

    /// The next token fits nowhere: either it belongs to the rest of `JSONata`, or it is an error in any dialect.
    fn refuse(&self, expected: &'static str) -> SyntaxError {
        const ELSEWHERE: [&str; 14] = ["..", ":=", "**", "~>", "?:", "??", "@", "#", ";", "|", "^", "*", "%", "/"];
        match self.peek() {
            Token::Symbol(symbol) if ELSEWHERE.contains(symbol) => self.unsupported(format!("`{symbol}`")),
            token => unexpected(expected, spelling(token), self.at()),
        }
    }

    fn count(&mut self) -> Result<(), SyntaxError> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS { Err(SyntaxError::TooComplex) } else { Ok(()) }
    }

    fn expression(&mut self, strength: u8) -> Result<Expr, SyntaxError> {
        let mut left = self.operand()?;
        loop {
            if let Some((operator, binding)) = Operator::of(self.peek()).filter(|(_, binding)| *binding > strength) {
                self.count()?;
                self.take();
                left = Expr::Infix(operator, left.into(), self.expression(binding)?.into());
            } else if CONDITIONAL > strength && self.accept("?") {
                self.count()?;
                let then = self.expression(0)?.into();
                let or_else = if self.accept(":") { Some(self.expression(0)?.into()) } else { None };
                left = Expr::Conditional(left.into(), then, or_else);
            } else {
                return Ok(left);
            }
        }
    }

    fn operand(&mut self) -> Result<Expr, SyntaxError> {
        let begin = self.next;
        let value = match self.take() {
            Token::Number(number) => return Ok(Expr::Literal(super::evaluator::number(number))),
            Token::Text(text) => return Ok(Expr::Literal(text.into())),
            Token::Name(name) => match name.as_str() {
                "true" => return Ok(Expr::Literal(true.into())),
                "false" => return Ok(Expr::Literal(false.into())),
                "null" => return Ok(Expr::Literal(Value::Null)),
                _ => return Err(self.without_variable(begin, &name)),
            },
            Token::Quoted(name) => return Err(self.without_variable(begin, &name)),
            Token::Symbol("-") => {
                self.count()?;
                return Ok(Expr::Negative(self.expression(MINUS)?.into()));
            }
            Token::Variable(name) => self.variable(begin, name)?,
            Token::Symbol("(") => {
                self.count()?;
                let inner = self.expression(0)?;
                self.require(")")?;
                inner
            }
            Token::Symbol("[") => {
                self.count()?;
                Expr::Array(self.list("]", |parser| parser.expression(0))?)
            }
            Token::Symbol("{") => {
                self.count()?;
                Expr::Object(self.list("}", |parser| {
                    let name = parser.expression(0)?;
                    parser.require(":")?;
                    Ok((name, parser.expression(0)?))
                })?)
            }
            _ => {
                self.next = begin;
                return Err(self.refuse("an expression"));
            }
        };
        self.path(value)
    }

    /// There is no context item in Step Functions for a bare name to be found in.
    fn without_variable(&mut self, begin: usize, name: &str) -> SyntaxError {
        self.next = begin;
        self.unsupported(format!("the name `{name}` that follows no variable"))
    }

    fn variable(&mut self, begin: usize, name: String) -> Result<Expr, SyntaxError> {
        if !self.accept("(") {
            if name.is_empty() || *self.peek() == Token::Variable(String::new()) {
                self.next = begin;
                return Err(self.unsupported("the context `$`".to_owned()));
            }
            self.variables.push(name.clone());
            return Ok(Expr::Variable(name));
        }
        self.count()?;
        let Some(function) = Function::named(&name) else {
            self.next = begin;
            return Err(self.unsupported(format!("the function `${name}`")));
        };
        let arguments = self.list(")", |parser| parser.expression(0))?;
        if function.arguments().contains(&arguments.len()) {
            Ok(Expr::Call(function, arguments))
        } else {
            self.next = begin;
            Err(self.unsupported(format!("`${name}` with {} arguments", arguments.len())))
        }
    }

    fn list<T>(
        &mut self,
        close: &'static str,
        item: impl Fn(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        let mut items = Vec::new();
        if self.accept(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if !self.accept(",") {
                self.require(close)?;
                return Ok(items);
            }
        }
    }

    fn path(&mut self, from: Expr) -> Result<Expr, SyntaxError> {
        let indexes = self.indexes()?;
        let mut steps = Vec::new();
        while self.accept(".") {
            let (Token::Name(name) | Token::Quoted(name)) = self.peek().clone() else {
                let construct = format!("the step `{}`", spelling(self.peek()));
                return Err(self.unsupported(construct));
            };
            self.next += 1;
            steps.push(Step { name, indexes: self.indexes()? });
        }
        if matches!(self.peek(), Token::Symbol("{" | "(")) {
            let construct = format!("`{}` behind a value", spelling(self.peek()));
            return Err(self.unsupported(construct));
        }
        if indexes.is_empty() && steps.is_empty() {
            return Ok(from);
        }
        Ok(Expr::Path { from: from.into(), indexes, steps })
    }

    fn indexes(&mut self) -> Result<Vec<i64>, SyntaxError> {
        let mut indexes = Vec::new();
        while self.accept("[") {
            let sign = if self.accept("-") { -1 } else { 1 };
            let index = match self.peek() {
                Token::Number(number) => super::evaluator::number(*number).as_number().and_then(Number::as_i64),
                _ => None,
            };
            let Some(index) = index else {
                return Err(self.unsupported("an index that is no whole number".to_owned()));
            };
            self.next += 1;
            self.require("]")?;
            indexes.push(sign * index);
        }
        Ok(indexes)
    }
}
