//! What steering counts.

use domain::routes::RouteName;
use domain::routes::compare::Difference;
use domain::routes::side::Side;
use domain::time::Timestamp;
use lambda::telemetry::{Metrics, Unit, Value};
use std::time::Duration;

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A reader got an answer.
    Answered {
        /// From whom.
        side: Side,
        /// How long that side took.
        took: Duration,
    },
    /// The new service was asked for a reader and gave no usable answer.
    ModernFailed,
    /// A request waits to be compared.
    ShadowSent {
        /// What that added to the reader's waiting.
        took: Duration,
    },
    /// It should have been, and could not be sent.
    ShadowLost,
    /// A request was compared.
    Compared {
        /// In what the answers differ.
        difference: Option<Difference>,
    },
}

/// Who counts.
pub trait Observer {
    /// Something happened on a route.
    fn notice(&self, at: Timestamp, route: RouteName, notice: Notice);
}

/// One line of the embedded metric format a notice.
///
/// | metric | dimensions beside the stage | unit |
/// | --- | --- | --- |
/// | `RouteRequests` | `Route`, `Side`: `monolith` or `modern` | Count |
/// | `RouteLatency`: what that side took | `Route`, `Side` | Milliseconds |
/// | `ModernFailures`: the new service failed a reader | `Route` | Count |
/// | `ShadowSent` | `Route` | Count |
/// | `ShadowSendTime`: what it added to a reader's waiting | `Route` | Milliseconds |
/// | `ShadowLost`: a request that could not be sent | `Route` | Count |
/// | `ShadowCompared` | `Route`, `Result`: `match`, `failed`, `status`, `articles`, `order`, `fields` or `body` | Count |
#[derive(Debug, Clone)]
pub struct EmfObserver(pub Metrics);

impl Observer for EmfObserver {
    fn notice(&self, at: Timestamp, route: RouteName, notice: Notice) {
        let dimensions = match notice {
            Notice::Answered { side, .. } => [("Route", route.as_str()), ("Side", side.as_str())],
            Notice::Compared { difference } => {
                [("Route", route.as_str()), ("Result", difference.map_or("match", Difference::as_str))]
            }
            Notice::ModernFailed | Notice::ShadowSent { .. } | Notice::ShadowLost => {
                [("Route", route.as_str()), ("", "")]
            }
        };
        self.0.put_all(at, &values(notice, &dimensions));
    }
}

fn values<'a>(notice: Notice, dimensions: &'a [(&'a str, &'a str); 2]) -> Vec<Value<'a>> {
    let route = &dimensions[..1];
    let one = |name| Value { name, value: 1.0, unit: Unit::Count, dimensions: route };
    let millis = |name, span: Duration| Value {
        name,
        value: span.as_secs_f64() * 1000.0,
        unit: Unit::Milliseconds,
        dimensions: route,
    };
    match notice {
        Notice::Answered { took, .. } => {
            vec![Value { dimensions, ..one("RouteRequests") }, Value { dimensions, ..millis("RouteLatency", took) }]
        }
        Notice::ModernFailed => vec![one("ModernFailures")],
        Notice::ShadowSent { took } => vec![one("ShadowSent"), millis("ShadowSendTime", took)],
        Notice::ShadowLost => vec![one("ShadowLost")],
        Notice::Compared { .. } => vec![Value { dimensions, ..one("ShadowCompared") }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(notice: Notice) -> Vec<(String, f64, Unit, usize)> {
        let dimensions = [("Route", "search"), ("Side", "modern")];
        let values = values(notice, &dimensions);
        values.iter().map(|value| (value.name.to_owned(), value.value, value.unit, value.dimensions.len())).collect()
    }

    fn expect(notice: Notice, expected: &[(&str, f64, Unit, usize)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, value, unit, n)| ((*name).to_owned(), *value, *unit, *n)).collect();
        assert_eq!(counted(notice), expected, "{notice:?}");
    }

    #[test]
    fn every_notice_is_counted_with_its_unit_and_dimensions() {
        let took = Duration::from_millis(7);
        let (count, millis) = (Unit::Count, Unit::Milliseconds);
        expect(
            Notice::Answered { side: Side::Modern, took },
            &[("RouteRequests", 1.0, count, 2), ("RouteLatency", 7.0, millis, 2)],
        );
        expect(Notice::ModernFailed, &[("ModernFailures", 1.0, count, 1)]);
        expect(Notice::ShadowSent { took }, &[("ShadowSent", 1.0, count, 1), ("ShadowSendTime", 7.0, millis, 1)]);
        expect(Notice::ShadowLost, &[("ShadowLost", 1.0, count, 1)]);
        expect(Notice::Compared { difference: None }, &[("ShadowCompared", 1.0, count, 2)]);
    }
}
