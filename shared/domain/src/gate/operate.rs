//! What a person may do to a gate.

use super::Gate;
use super::bucket::Micros;
use super::change::{Because, Change};
use super::config::GateConfig;
use crate::breaker::BreakerState;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A person's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// No call at all, until another order.
    ForceOpen,
    /// Calls flow, and are judged from zero.
    ForceClose,
    /// Calls flow at the bucket's rate, whatever becomes of them, until another order.
    Disable,
}

impl Order {
    /// The state that it leads to.
    pub fn state(self) -> BreakerState {
        match self {
            Self::ForceOpen => BreakerState::ForcedOpen,
            Self::ForceClose => BreakerState::Closed,
            Self::Disable => BreakerState::Disabled,
        }
    }

    /// The word in answers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForceOpen => "force-open",
            Self::ForceClose => "force-close",
            Self::Disable => "disable",
        }
    }
}

impl GateConfig {
    /// The write for an order, given the item that was read. Reservations are void; a hold of the provider stays.
    pub fn force(&self, order: Order, gate: &Gate, because: Because) -> Change {
        let limit = self.voided(gate, because.at);
        Change::Force {
            generation: gate.generation,
            state: order.state(),
            not_before: gate.not_before,
            limit,
            cuts_tat: gate.tat > limit,
            because,
        }
    }

    fn voided(&self, gate: &Gate, now: Timestamp) -> Micros {
        Micros::from(now.max(gate.not_before)).plus(self.bucket.burst())
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{NOW, config};
    use super::*;
    use std::time::Duration;

    fn because(why: &str) -> Because {
        Because { by: "ada".to_owned(), why: why.to_owned(), at: NOW }
    }

    #[test]
    fn every_order_has_its_word_and_state() {
        let words = [Order::ForceOpen, Order::ForceClose, Order::Disable].map(|o| (o.as_str(), o.state().as_str()));
        assert_eq!(words, [("force-open", "forced_open"), ("force-close", "closed"), ("disable", "disabled")]);
    }

    #[test]
    fn an_order_voids_reservations_and_counts_from_zero() {
        let config = config();
        let full = Gate {
            tat: Micros::from(NOW.plus(Duration::from_hours(1))),
            sequence: 7,
            opens: 3,
            failures: [(0, 4)].into(),
            slow: [(0, 1)].into(),
            permits: [super::super::PermitId("a".to_owned())].into(),
            ..Gate::new(NOW)
        };
        let forced = config.force(Order::ForceOpen, &full, because("maintenance")).apply(&full).unwrap();
        assert_eq!((forced.state, forced.generation), (BreakerState::ForcedOpen, full.generation + 1));
        assert_eq!((forced.by.as_str(), forced.why.as_str(), forced.since), ("ada", "maintenance", NOW));
        assert_eq!(forced.tat, Micros::from(NOW).plus(config.bucket.burst()));
        assert_eq!((forced.sequence, forced.opens), (0, 0));
        assert!(forced.failures.is_empty() && forced.slow.is_empty() && forced.permits.is_empty());
    }

    #[test]
    fn an_order_fits_the_item_whatever_is_reserved() {
        let config = config();
        let limit = Micros::from(NOW).plus(config.bucket.burst());
        for tat in [limit.plus(-1), limit, limit.plus(1)] {
            let gate = Gate { tat, ..Gate::new(NOW) };
            let after = config.force(Order::ForceClose, &gate, because("x")).apply(&gate).unwrap();
            assert_eq!(after.tat, tat.min(limit));
        }
    }

    #[test]
    fn an_order_does_not_erase_a_hold() {
        let config = config();
        let end = NOW.plus(Duration::from_mins(10));
        let held = Gate { not_before: end, tat: config.bucket.held_until(end), ..Gate::new(NOW) };
        let closed = config.force(Order::ForceClose, &held, because("try it")).apply(&held).unwrap();
        assert_eq!((closed.not_before, closed.tat), (end, held.tat));
    }

    #[test]
    fn an_order_on_an_item_that_has_changed_is_refused() {
        let config = config();
        let read = Gate::new(NOW);
        let order = config.force(Order::Disable, &read, because("x"));
        assert!(order.apply(&read).is_some());
        assert!(order.apply(&Gate { generation: read.generation + 1, ..read.clone() }).is_none());
        assert!(order.apply(&Gate { not_before: NOW, ..read.clone() }).is_none(), "somebody pushed back meanwhile");
        let reserved = Gate { tat: Micros::from(NOW.plus(Duration::from_hours(1))), ..read };
        assert!(order.apply(&reserved).is_none(), "somebody reserved meanwhile, beyond the limit");
    }
}
