//! The event bus.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use domain::routes::store::{RouteChange, RouteNews};
use domain::services::ServiceError;
use serde_json::{Value, json};

const SERVICE: &str = "EventBridge";

/// One bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// The bus of this name.
    pub fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), name: name.into() }
    }
}

impl RouteNews for EventBus {
    async fn tell(&self, change: &RouteChange) -> Result<(), ServiceError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source("new-science.strangler")
            .detail_type(change.record.value.event_name())
            .detail(detail(change).to_string())
            .build();
        let answer = self.client.put_events().entries(entry).send().await.map_err(|e| service_error(SERVICE, &e))?;
        // An entry that was refused is no error of the call.
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            Some(code) => Err(ServiceError { service: SERVICE, reason: format!("the event was refused: {code}") }),
            None => Ok(()),
        }
    }
}

fn detail(change: &RouteChange) -> Value {
    let (route, value) = (change.route, &change.record.value);
    json!({
        "eventId": format!("route#{route}#{}", change.record.revision),
        "occurredAt": value.since,
        "correlationId": format!("route#{route}"),
        "version": 1,
        "data": {
            "route": route,
            "from": value.from,
            "to": value.steering,
            "by": value.by,
            "why": value.why,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::routes::{ALARM, AuditLine, Mode, Percent, RouteName, RouteRecord, Steering};
    use domain::store::Versioned;
    use domain::time::Timestamp;

    #[test]
    fn the_same_revision_is_the_same_event() {
        let canary = Steering { mode: Mode::Canary, percent: Percent::ALL };
        let before = AuditLine { at: Timestamp(1), by: "ada".to_owned(), to: canary, why: "try".to_owned() };
        let back =
            AuditLine { at: Timestamp(2), by: ALARM.to_owned(), to: Steering::default(), why: "\"5 of 5\"".to_owned() };
        let value = RouteRecord::steered(Some(&RouteRecord::steered(None, before)), back);
        let change = RouteChange { route: RouteName::Search, record: Versioned { value, revision: 7 } };
        assert_eq!(
            detail(&change),
            json!({
                "eventId": "route#search#7", "occurredAt": 2, "correlationId": "route#search", "version": 1,
                "data": {
                    "route": "search", "from": {"mode": "canary", "percent": 100},
                    "to": {"mode": "monolith", "percent": 0}, "by": "alarm", "why": "\"5 of 5\"",
                },
            })
        );
    }
}
