//! The variables of this service's functions.

use connectors::HttpConfig;
use domain::routes::RouteName;
use lambda::config::{ConfigError, Variables};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// As long as API Gateway waits for a function, less what the function needs itself.
const LONGEST: Duration = Duration::from_secs(28);

/// `SEARCH_FUNCTION`, `ARTICLES_FUNCTION`: the names of the functions that answer the routes.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn functions(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<BTreeMap<RouteName, String>, ConfigError> {
    let variable = |route| match route {
        RouteName::Search => "SEARCH_FUNCTION",
        RouteName::Articles => "ARTICLES_FUNCTION",
    };
    RouteName::ALL.into_iter().map(|route| Ok((route, env.text(variable(route))?))).collect()
}

/// `MODERN_TIMEOUT_MS` (1 to 28,000): how long one call of a new service may take.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn modern_timeout(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Duration, ConfigError> {
    env.number("MODERN_TIMEOUT_MS", 1..=28_000).map(Duration::from_millis)
}

/// `MONOLITH_URL` (https://…, or http://… on this machine), `MONOLITH_TIMEOUT_MS` (1 to 28,000): a canary may wait for
/// both sides, one after the other, so the two time-outs together are no longer than that.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn monolith(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<HttpConfig, ConfigError> {
    let timeout = Duration::from_millis(env.number("MONOLITH_TIMEOUT_MS", 1..=28_000)?);
    if timeout + modern_timeout(env)? > LONGEST {
        let rule = format!("with MODERN_TIMEOUT_MS it must be at most {} ms", LONGEST.as_millis());
        return Err(ConfigError::Wrong { name: "MONOLITH_TIMEOUT_MS", rule });
    }
    env.checked("MONOLITH_URL", |url| HttpConfig::new(&url, timeout))
}

/// `IGNORED_FIELDS`: names of fields that may differ between the sides, separated by commas.
///
/// # Errors
/// [`ConfigError`] that names the variable.
pub fn ignored_fields(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<BTreeSet<String>, ConfigError> {
    let text = env.text("IGNORED_FIELDS")?;
    Ok(text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(modern: &'static str, monolith: &'static str) -> Variables<impl Fn(&str) -> Option<String>> {
        Variables::from(move |name| {
            let value = match name {
                "MODERN_TIMEOUT_MS" => modern,
                "MONOLITH_TIMEOUT_MS" => monolith,
                "MONOLITH_URL" => "https://www.example.com",
                "IGNORED_FIELDS" => "next, facets,",
                "SEARCH_FUNCTION" => "search-api",
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[test]
    fn both_sides_together_are_in_time_for_the_reader() {
        assert!(monolith(&env("3000", "25000")).is_ok());
        let said = monolith(&env("3001", "25000")).unwrap_err().to_string();
        assert!(said.contains("MONOLITH_TIMEOUT_MS") && said.contains("28000"), "{said}");
    }

    #[test]
    fn every_route_needs_its_function() {
        assert_eq!(functions(&env("1", "1")).unwrap_err(), ConfigError::Missing("ARTICLES_FUNCTION"));
    }

    #[test]
    fn ignored_fields_are_a_list() {
        let fields = ignored_fields(&env("1", "1")).unwrap();
        assert_eq!(fields.into_iter().collect::<Vec<_>>(), ["facets", "next"]);
    }
}
