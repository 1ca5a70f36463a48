//! Logs for the reader at 3 a.m. and metrics in the embedded metric format.

use serde_json::{Map, Value, json};

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
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// How many.
    Count,
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
    /// Writes one value as a line that CloudWatch Logs turns into a metric
    /// (CloudWatch user guide, "Embedded metric format specification").
    pub fn put(&self, now: domain::time::Timestamp, name: &str, value: f64, unit: Unit, dimensions: &[(&str, &str)]) {
        println!("{}", self.line(now, name, value, unit, dimensions));
    }

    fn line(
        &self,
        now: domain::time::Timestamp,
        name: &str,
        value: f64,
        unit: Unit,
        dimensions: &[(&str, &str)],
    ) -> Value {
        let unit = match unit {
            Unit::Count => "Count",
        };
        let names: Vec<&str> = std::iter::once("Stage").chain(dimensions.iter().map(|d| d.0)).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.0,
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": [names],
                    "Metrics": [{"Name": name, "Unit": unit}],
                }],
            }),
        );
        line.insert("Stage".to_owned(), json!(self.stage));
        for (dimension, value) in dimensions {
            line.insert((*dimension).to_owned(), json!(value));
        }
        line.insert(name.to_owned(), json!(value));
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_carries_its_unit_and_dimensions() {
        let metrics = Metrics { namespace: "new-science".to_owned(), stage: "local".to_owned() };
        let now = domain::time::Timestamp(7);
        let line = metrics.line(now, "AttemptFailed", 1.0, Unit::Count, &[("Dependency", "payment")]);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0], json!(["Stage", "Dependency"]));
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Count");
        assert_eq!(line["AttemptFailed"], 1.0);
        assert_eq!(line["Dependency"], "payment");
    }
}
