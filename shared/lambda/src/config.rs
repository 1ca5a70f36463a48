//! Configuration from environment variables. Every error names the variable; nothing has a hidden default.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A variable that is missing or cannot be used: the function refuses to start.
#[derive(PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not there.
    #[error("environment variable {0} is missing")]
    Missing(&'static str),
    /// It is there and useless.
    #[error("environment variable {name} is wrong: {rule}")]
    Wrong {
        /// Which.
        name: &'static str,
        /// What it must be.
        rule: String,
    },
}

// What `main` returns is printed in this form, and a person reads it in the function's log.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where variables come from: the process, or a test's own list.
pub struct Variables<F: Fn(&str) -> Option<String>>(F);

/// The variables of this process.
pub fn process() -> Variables<impl Fn(&str) -> Option<String>> {
    Variables(|name| std::env::var(name).ok())
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Variables from a function of their name.
    pub fn from(source: F) -> Self {
        Self(source)
    }

    /// A text that is not empty.
    ///
    /// # Errors
    /// [`ConfigError::Missing`], also where it is empty.
    pub fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        (self.0)(name).filter(|v| !v.is_empty()).ok_or(ConfigError::Missing(name))
    }

    /// A value that parses.
    ///
    /// # Errors
    /// [`ConfigError`] with the name.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &'static str) -> Result<T, ConfigError> {
        let text = self.text(name)?;
        text.parse().map_err(|e: T::Err| ConfigError::Wrong { name, rule: e.to_string() })
    }

    /// A value that a check accepts.
    ///
    /// # Errors
    /// [`ConfigError`] with the name and the check's own words.
    pub fn checked<T, E: std::fmt::Display>(
        &self,
        name: &'static str,
        check: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        check(self.text(name)?).map_err(|e| ConfigError::Wrong { name, rule: e.to_string() })
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// [`ConfigError`] with the name and the bounds.
    pub fn number(&self, name: &'static str, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, ConfigError> {
        let value: u64 = self.parsed(name)?;
        if bounds.contains(&value) {
            Ok(value)
        } else {
            let rule = format!("must be {} to {}", bounds.start(), bounds.end());
            Err(ConfigError::Wrong { name, rule })
        }
    }

    /// A span in whole seconds within bounds.
    ///
    /// # Errors
    /// As [`Variables::number`].
    pub fn seconds(&self, name: &'static str, bounds: std::ops::RangeInclusive<u64>) -> Result<Duration, ConfigError> {
        self.number(name, bounds).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables<impl Fn(&str) -> Option<String>> {
        Variables::from(|name| match name {
            "EMPTY" => Some(String::new()),
            "SEVEN" => Some("7".to_owned()),
            "WORD" => Some("seven".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn an_error_names_the_variable_and_the_rule() {
        let v = variables();
        assert_eq!(v.text("ABSENT"), Err(ConfigError::Missing("ABSENT")));
        assert_eq!(v.text("EMPTY"), Err(ConfigError::Missing("EMPTY")));
        assert!(v.number("WORD", 1..=9).unwrap_err().to_string().contains("WORD"));
        assert_eq!(
            v.number("SEVEN", 8..=9).unwrap_err().to_string(),
            "environment variable SEVEN is wrong: must be 8 to 9"
        );
        assert_eq!(v.seconds("SEVEN", 1..=9), Ok(Duration::from_secs(7)));
    }
}
