//! What readers of the steering know: every route's mode and percentage, as the parameter holds them.

use super::{RouteName, Steering};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every route is steered to. A route that it does not name is the monolith's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RouteTable(BTreeMap<RouteName, Steering>);

/// The parameter holds something else. Says where, never what: a parameter may hold anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRouteTable {
    /// It cannot be read at all.
    #[error("the routes are no JSON object (line {line}, column {column})")]
    NotAnObject {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// One of its routes cannot be read.
    #[error("the route {route} has no mode (monolith, shadow, canary, modern) and percent (0 to 100)")]
    Route {
        /// Which.
        route: RouteName,
    },
}

impl RouteTable {
    /// Reads a parameter's value. Names of routes that this program does not know are left alone: a newer one does.
    ///
    /// # Errors
    /// [`NoRouteTable`].
    pub fn parse(text: &str) -> Result<Self, NoRouteTable> {
        let mut named: BTreeMap<String, serde_json::Value> = read(text)?;
        let known = RouteName::ALL.into_iter().filter_map(|route| Some((route, named.remove(route.as_str())?)));
        known
            .map(|(route, value)| {
                let steering = Steering::deserialize(value).map_err(|_| NoRouteTable::Route { route })?;
                Ok((route, steering))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What a route is steered to.
    pub fn steering(&self, route: RouteName) -> Steering {
        self.0.get(&route).copied().unwrap_or_default()
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, NoRouteTable> {
    serde_json::from_str(text).map_err(|e| NoRouteTable::NotAnObject { line: e.line(), column: e.column() })
}

impl FromIterator<(RouteName, Steering)> for RouteTable {
    fn from_iter<I: IntoIterator<Item = (RouteName, Steering)>>(routes: I) -> Self {
        Self(routes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, Percent};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_steering() -> impl Strategy<Value = Steering> {
        let modes = prop_oneof![Just(Mode::Monolith), Just(Mode::Shadow), Just(Mode::Canary), Just(Mode::Modern)];
        (modes, 0u64..=100).prop_map(|(mode, percent)| Steering { mode, percent: Percent::try_from(percent).unwrap() })
    }

    #[test]
    fn a_route_that_nobody_steered_is_the_monoliths() {
        for text in ["{}", r#"{"search": {"mode": "modern", "percent": 100}}"#] {
            assert_eq!(RouteTable::parse(text).unwrap().steering(RouteName::Articles), Steering::default(), "{text}");
        }
    }

    #[test]
    fn a_newer_programs_routes_are_left_alone() {
        let text = json!({"comments": {"mode": "later", "percent": "?"}, "search": {"mode": "canary", "percent": 7}});
        let table = RouteTable::parse(&text.to_string()).unwrap();
        assert_eq!(table.steering(RouteName::Search).to_string(), "canary 7 %");
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place_and_without_its_text() {
        for text in ["", "[]", "null", "{\"search\": ", "secret"] {
            let refused = RouteTable::parse(text).unwrap_err();
            assert!(matches!(refused, NoRouteTable::NotAnObject { .. }), "{text}: {refused}");
            assert!(!refused.to_string().contains("secret"));
        }
        for steering in [json!(null), json!({}), json!({"mode": "Modern"}), json!({"mode": "canary", "percent": 101})] {
            let text = json!({"search": steering}).to_string();
            let refused = RouteTable::parse(&text).unwrap_err();
            assert_eq!(refused, NoRouteTable::Route { route: RouteName::Search }, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_table_is_read_as_it_was_written(search in any_steering(), articles in any_steering()) {
            let table = RouteTable::from_iter([(RouteName::Search, search), (RouteName::Articles, articles)]);
            let text = serde_json::to_string(&table).unwrap();
            prop_assert_eq!(RouteTable::parse(&text), Ok(table));
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            drop(RouteTable::parse(&text));
        }
    }
}
