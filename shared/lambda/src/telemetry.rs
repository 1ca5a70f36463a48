//! Logs for the reader at 3 a.m. and metrics in the embedded metric format.

use crate::config::{ConfigError, Variables};
use domain::time::Timestamp;
use serde_json::{Map, Value as Json, json};

/// JSON lines on standard output, at `RUST_LOG` or `info`.
pub fn init() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_env_filter(filter)
        .init();
}

/// The unit of a metric, as CloudWatch names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// How long.
    Milliseconds,
    /// A number that stands for something else; the metric says for what.
    None,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

/// One value of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value<'a> {
    /// The metric.
    pub name: &'a str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
    /// Its dimensions beside the stage.
    pub dimensions: &'a [(&'a str, &'a str)],
}

/// One namespace and stage, under which a function counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The CloudWatch namespace.
    pub namespace: String,
    /// The stage, a dimension of every metric.
    pub stage: String,
}

impl Metrics {
    /// `METRICS_NAMESPACE` and `STAGE`.
    ///
    /// # Errors
    /// [`ConfigError`] that names the variable.
    pub fn from_env(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        Ok(Self { namespace: env.text("METRICS_NAMESPACE")?, stage: env.text("STAGE")? })
    }

    /// Writes one value as a line that CloudWatch Logs turns into a metric
    /// (CloudWatch user guide, "Embedded metric format specification").
    pub fn put(&self, now: Timestamp, name: &str, value: f64, unit: Unit, dimensions: &[(&str, &str)]) {
        self.put_all(now, &[Value { name, value, unit, dimensions }]);
    }

    /// Writes several values as one line. No two may be of the same metric, as a line has one value by a name.
    pub fn put_all(&self, now: Timestamp, values: &[Value<'_>]) {
        println!("{}", self.line(now, values));
    }

    pub(crate) fn line(&self, now: Timestamp, values: &[Value<'_>]) -> Json {
        let directive = |value: &Value<'_>| {
            let names: Vec<&str> = std::iter::once("Stage").chain(value.dimensions.iter().map(|d| d.0)).collect();
            json!({
                "Namespace": self.namespace,
                "Dimensions": [names],
                "Metrics": [{"Name": value.name, "Unit": value.unit.as_str()}],
            })
        };
        let directives: Vec<Json> = values.iter().map(directive).collect();
        let mut line = Map::new();
        line.insert("_aws".to_owned(), json!({"Timestamp": now.0, "CloudWatchMetrics": directives}));
        line.insert("Stage".to_owned(), json!(self.stage));
        for value in values {
            for (dimension, value) in value.dimensions {
                line.insert((*dimension).to_owned(), json!(value));
            }
            line.insert(value.name.to_owned(), json!(value.value));
        }
        Json::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics { namespace: "new-science".to_owned(), stage: "local".to_owned() }
    }

    #[test]
    fn a_metric_carries_its_unit_and_dimensions() {
        let dimensions = [("Dependency", "payment")];
        let failed = Value { name: "AttemptFailed", value: 1.0, unit: Unit::Count, dimensions: &dimensions };
        let line = metrics().line(Timestamp(7), &[failed]);
        assert_eq!(line["_aws"]["Timestamp"], 7);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "new-science");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0], json!(["Stage", "Dependency"]));
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Count");
        assert_eq!(line["AttemptFailed"], 1.0);
        assert_eq!((&line["Stage"], &line["Dependency"]), (&json!("local"), &json!("payment")));
    }

    #[test]
    fn values_of_one_line_keep_their_own_units_and_dimensions() {
        let dimensions = [("Dependency", "fraud"), ("Reason", "rate")];
        let refused = Value { name: "Refused", value: 1.0, unit: Unit::Count, dimensions: &dimensions };
        let state = Value { name: "State", value: 3.0, unit: Unit::None, dimensions: &dimensions[..1] };
        let line = metrics().line(Timestamp(7), &[refused, state]);
        let directives = &line["_aws"]["CloudWatchMetrics"];
        assert_eq!(directives[0]["Dimensions"], json!([["Stage", "Dependency", "Reason"]]));
        assert_eq!(directives[1]["Dimensions"], json!([["Stage", "Dependency"]]));
        assert_eq!(directives[1]["Metrics"], json!([{"Name": "State", "Unit": "None"}]));
        assert_eq!((&line["Refused"], &line["State"], &line["Reason"]), (&json!(1.0), &json!(3.0), &json!("rate")));
    }

    #[test]
    fn a_missing_namespace_or_stage_is_named() {
        for (absent, other) in [("METRICS_NAMESPACE", "STAGE"), ("STAGE", "METRICS_NAMESPACE")] {
            let env = Variables::from(|name| (name == other).then(|| "x".to_owned()));
            assert_eq!(Metrics::from_env(&env).unwrap_err(), ConfigError::Missing(absent));
        }
    }
}
