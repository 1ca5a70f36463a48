//! The gates of third parties: their configuration from the environment, and what they count.

use crate::config::{ConfigError, Variables};
use crate::telemetry::{Metrics, Unit, Value};
use admission::observer::{Event, Notice, Observer};
use domain::breaker::BreakerState;
use domain::gate::admit::Reason;
use domain::gate::config::{Dependency, GateConfig, Knobs};
use std::collections::BTreeMap;

/// `GATES`: the gates that a function asks, a JSON object of each dependency's knobs
/// ([`Knobs`], camelCase), such as
/// `{"fraud": {"ratePerSecond": 20, "burst": 20, "callTimeoutMs": 15000, "storeUnreachable": "allow"}}`.
///
/// # Errors
/// [`ConfigError`] that names the variable, the dependency and the rule.
pub fn from_env(env: &Variables<impl Fn(&str) -> Option<String>>) -> Result<Vec<GateConfig>, ConfigError> {
    env.checked("GATES", |text| parse(&text))
}

fn parse(text: &str) -> Result<Vec<GateConfig>, String> {
    let named: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|e| format!("must be a JSON object, dependency to knobs: {e}"))?;
    if named.is_empty() {
        return Err("must name at least one dependency".to_owned());
    }
    named.into_iter().map(|(name, knobs)| gate(&name, knobs)).collect()
}

fn gate(name: &str, knobs: serde_json::Value) -> Result<GateConfig, String> {
    let dependency = Dependency::try_from(name.to_owned()).map_err(|rule| format!("{name:?}: {rule}"))?;
    let knobs: Knobs = serde_json::from_value(knobs).map_err(|e| format!("the gate of {name}: {e}"))?;
    GateConfig::new(dependency, &knobs).map_err(|e| e.to_string())
}

/// Counts what happens at gates, one line of the embedded metric format a notice.
///
/// | metric | dimensions beside the stage | unit |
/// | --- | --- | --- |
/// | `CallsGranted` | `Dependency` | Count |
/// | `AdmissionWait`: how long a granted call must wait | `Dependency` | Milliseconds |
/// | `CallsRefused` | `Dependency`, `Reason`: `open`, `permits`, `rate`, `hold` or `store` | Count |
/// | `SlotsForfeited`: a caller came late, or the gate changed while it waited | `Dependency` | Count |
/// | `GateStoreErrors`: the table gave no usable answer | `Dependency` | Count |
/// | `CircuitOpened`, `CircuitHalfOpened`, `CircuitClosed` | `Dependency` | Count |
/// | `CircuitState` | `Dependency` | None: 0 closed, 1 disabled, 2 half-open, 3 open or forced open |
///
/// `CircuitState` rises with how little gets through, so that an alarm on its maximum needs one threshold: 3 for "no
/// call gets through", 2 for "not healthy". Each call and each change of state sets it; where nobody calls it has no value.
#[derive(Debug, Clone)]
pub struct EmfObserver(pub Metrics);

impl Observer for EmfObserver {
    fn notice(&self, notice: &Notice<'_>) {
        let reason = match notice.event {
            Event::Refused { reason } => reason.as_str(),
            _ => "",
        };
        let dimensions = [("Dependency", notice.dependency.as_str()), ("Reason", reason)];
        self.0.put_all(notice.at, &values(notice.event, &dimensions));
    }
}

/// What a notice counts. `with_reason` holds the dependency and, last, the reason.
fn values<'a>(event: Event, with_reason: &'a [(&'a str, &'a str); 2]) -> Vec<Value<'a>> {
    let dependency = &with_reason[..1];
    let one = |name| Value { name, value: 1.0, unit: Unit::Count, dimensions: dependency };
    let state = |state| Value { name: "CircuitState", value: level(state), unit: Unit::None, dimensions: dependency };
    match event {
        Event::Granted { wait, state: found } => {
            let wait = Value {
                name: "AdmissionWait",
                value: wait.as_secs_f64() * 1000.0,
                unit: Unit::Milliseconds,
                dimensions: dependency,
            };
            [one("CallsGranted"), wait].into_iter().chain(found.map(state)).collect()
        }
        Event::Refused { reason } => {
            let refused = Value { dimensions: with_reason, ..one("CallsRefused") };
            let found = match reason {
                Reason::Open => Some(BreakerState::Open),
                Reason::Permits => Some(BreakerState::HalfOpen),
                // They say nothing about the circuit.
                Reason::Rate | Reason::Hold | Reason::Store => None,
            };
            std::iter::once(refused).chain(found.map(state)).collect()
        }
        Event::Forfeited => vec![one("SlotsForfeited")],
        Event::StoreFailed { .. } => vec![one("GateStoreErrors")],
        Event::Turned { to } => {
            let turned = match to {
                BreakerState::Closed | BreakerState::Disabled => "CircuitClosed",
                BreakerState::HalfOpen => "CircuitHalfOpened",
                BreakerState::Open | BreakerState::ForcedOpen => "CircuitOpened",
            };
            vec![one(turned), state(to)]
        }
    }
}

fn level(state: BreakerState) -> f64 {
    match state {
        BreakerState::Closed => 0.0,
        BreakerState::Disabled => 1.0,
        BreakerState::HalfOpen => 2.0,
        BreakerState::Open | BreakerState::ForcedOpen => 3.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::gate::config::StorePolicy;
    use domain::time::Timestamp;
    use serde_json::json;
    use std::time::Duration;

    fn read(gates: &str) -> Result<Vec<GateConfig>, ConfigError> {
        let gates = gates.to_owned();
        from_env(&Variables::from(move |name| (name == "GATES").then(|| gates.clone())))
    }

    #[test]
    fn each_dependency_has_its_own_knobs() {
        let fraud = json!({"ratePerSecond": 20, "burst": 20, "callTimeoutMs": 15000, "storeUnreachable": "allow"});
        let payment = json!({"ratePerSecond": 50, "burst": 10, "callTimeoutMs": 9000, "storeUnreachable": "refuse"});
        let gates = read(&json!({"fraud": fraud, "payment": payment}).to_string()).unwrap();
        let names: Vec<&str> = gates.iter().map(|gate| gate.dependency.as_str()).collect();
        assert_eq!(names, ["fraud", "payment"]);
        assert_eq!((gates[0].store_unreachable, gates[1].store_unreachable), (StorePolicy::Allow, StorePolicy::Refuse));
        assert_eq!(gates[1].call_timeout, Duration::from_secs(9));
    }

    #[test]
    fn a_wrong_configuration_names_the_variable_the_dependency_and_the_rule() {
        let sound = json!({"ratePerSecond": 20, "burst": 20, "callTimeoutMs": 15000, "storeUnreachable": "allow"});
        let fraud = |change: (&str, serde_json::Value)| {
            let mut knobs = sound.clone();
            knobs[change.0] = change.1;
            json!({"fraud": knobs}).to_string()
        };
        let wrong = [
            (fraud(("burst", json!(0))), "fraud", "burst must be at least 1"),
            (fraud(("failureRate", json!(50))), "fraud", "unknown field `failureRate`"),
            (fraud(("storeUnreachable", json!("shrug"))), "fraud", "shrug"),
            (json!({"fraud": {"burst": 1}}).to_string(), "fraud", "missing field `ratePerSecond`"),
            (json!({"Fraud!": sound}).to_string(), "Fraud!", "lower case"),
            ("{}".to_owned(), "", "at least one dependency"),
            ("[]".to_owned(), "", "must be a JSON object"),
            ("{\"fraud\": ".to_owned(), "", "must be a JSON object"),
        ];
        for (gates, dependency, rule) in wrong {
            let said = read(&gates).unwrap_err().to_string();
            assert!(said.starts_with("environment variable GATES is wrong"), "{said}");
            assert!(said.contains(dependency) && said.contains(rule), "{gates}: {said}");
        }
        assert_eq!(read("").unwrap_err(), ConfigError::Missing("GATES"));
    }

    fn lines(event: Event) -> serde_json::Value {
        let reason = if let Event::Refused { reason } = event { reason.as_str() } else { "" };
        let metrics = Metrics { namespace: "new-science".to_owned(), stage: "local".to_owned() };
        metrics.line(Timestamp(7), &values(event, &[("Dependency", "fraud"), ("Reason", reason)]))
    }

    fn counted(line: &serde_json::Value) -> Vec<(String, serde_json::Value)> {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        let names = directives.iter().map(|directive| directive["Metrics"][0]["Name"].as_str().unwrap().to_owned());
        names.map(|name| (name.clone(), line[&name].clone())).collect()
    }

    fn expect(event: Event, expected: &[(&str, f64)]) {
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        assert_eq!(counted(&lines(event)), expected, "{event:?}");
    }

    #[test]
    fn every_notice_is_counted_in_one_line() {
        let wait = Duration::from_millis(1500);
        expect(
            Event::Granted { wait, state: Some(BreakerState::HalfOpen) },
            &[("CallsGranted", 1.0), ("AdmissionWait", 1500.0), ("CircuitState", 2.0)],
        );
        expect(Event::Forfeited, &[("SlotsForfeited", 1.0)]);
        expect(Event::StoreFailed { policy: StorePolicy::Allow }, &[("GateStoreErrors", 1.0)]);
        for (reason, state) in [
            (Reason::Open, Some(3.0)),
            (Reason::Permits, Some(2.0)),
            (Reason::Rate, None),
            (Reason::Hold, None),
            (Reason::Store, None),
        ] {
            let expected: Vec<_> =
                std::iter::once(("CallsRefused", 1.0)).chain(state.map(|s| ("CircuitState", s))).collect();
            expect(Event::Refused { reason }, &expected);
        }
    }

    #[test]
    fn a_circuits_level_rises_with_how_little_gets_through() {
        for (to, name, level) in [
            (BreakerState::Closed, "CircuitClosed", 0.0),
            (BreakerState::Disabled, "CircuitClosed", 1.0),
            (BreakerState::HalfOpen, "CircuitHalfOpened", 2.0),
            (BreakerState::Open, "CircuitOpened", 3.0),
            (BreakerState::ForcedOpen, "CircuitOpened", 3.0),
        ] {
            expect(Event::Turned { to }, &[(name, 1.0), ("CircuitState", level)]);
        }
    }

    #[test]
    fn only_refusals_have_the_reason_as_a_dimension() {
        let line = lines(Event::Refused { reason: Reason::Open });
        let directives = &line["_aws"]["CloudWatchMetrics"];
        assert_eq!(directives[0]["Dimensions"], json!([["Stage", "Dependency", "Reason"]]));
        assert_eq!(directives[1]["Dimensions"], json!([["Stage", "Dependency"]]));
        assert_eq!((&line["Dependency"], &line["Reason"]), (&json!("fraud"), &json!("open")));
        assert_eq!(lines(Event::Forfeited).get("Reason"), None);
    }
}
