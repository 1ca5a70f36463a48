//! Payments in a choreography: what became of each charge, for those who do not speak to the provider.

use super::Reaction;
use crate::charges::{ChargeRow, ChargeState, Settled};
use crate::events::{Collected, Happened, Matter, Refused, Settlement};

/// The reason of a refund whose cause is not known any more.
const REFUSED: &str = "content-refused";

/// What payments does about an event. `row`: its own, if there is one.
pub fn hear(row: Option<&ChargeRow>, happened: &Happened) -> Reaction<ChargeRow> {
    let matter = happened.matter();
    match happened {
        Happened::TierUpgradeRequested(order) => match row {
            None => Reaction::Write(
                with(None, matter, ChargeState::Requested, None),
                Happened::CustomerPaymentRequested(order.clone()),
            ),
            Some(row) => Reaction::Tell(match row.state {
                ChargeState::Requested | ChargeState::Created => Happened::CustomerPaymentRequested(order.clone()),
                _ => state_of(row, matter),
            }),
        },
        Happened::PaymentCollected(_) => match row {
            Some(row) if row.state == ChargeState::Requested => Reaction::Write(
                with(Some(row), matter, ChargeState::Captured, None),
                Happened::PaymentCompleted(Collected { matter: matter.clone() }),
            ),
            Some(row) if matches!(row.state, ChargeState::Captured | ChargeState::Refunding) => {
                Reaction::Tell(state_of(row, matter))
            }
            _ => Reaction::Pass,
        },
        Happened::FraudCheckFailed(failed) | Happened::PaymentFailed(failed) => match row {
            Some(row) if row.state == ChargeState::Requested => {
                let row = with(Some(row), matter, ChargeState::Canceled, Some(&failed.reason));
                let told = state_of(&row, matter);
                Reaction::Write(row, told)
            }
            Some(row) if row.state == ChargeState::Refunding || row.settled().is_some() => {
                Reaction::Tell(state_of(row, matter))
            }
            _ => Reaction::Pass,
        },
        Happened::ContentUnblockFailed(refused) => match row.map(|row| row.state) {
            // Also where there is no row: a tombstone, so that a late request finds the place taken.
            None | Some(ChargeState::Requested | ChargeState::Captured) => {
                let row = with(row, matter, ChargeState::Refunding, Some(&refused.reason));
                let told = state_of(&row, matter);
                Reaction::Write(row, told)
            }
            _ => row.map_or(Reaction::Pass, |row| Reaction::Tell(state_of(row, matter))),
        },
        Happened::PaymentRefunded(settlement) => match row {
            Some(row) if row.state == ChargeState::Refunding => {
                let state = match settlement.kind {
                    Settled::Refunded => ChargeState::Refunded,
                    Settled::Canceled => ChargeState::Canceled,
                };
                let row = with(Some(row), matter, state, None);
                let told = state_of(&row, matter);
                Reaction::Write(row, told)
            }
            Some(row) if row.settled().is_some() => Reaction::Tell(state_of(row, matter)),
            _ => Reaction::Pass,
        },
        _ => Reaction::Pass,
    }
}

fn with(row: Option<&ChargeRow>, matter: &Matter, state: ChargeState, reason: Option<&str>) -> ChargeRow {
    let before = row.and_then(|row| row.reason.clone());
    ChargeRow {
        charge: matter.charge.clone(),
        state,
        payment_id: None,
        money: matter.price.clone(),
        reason: before.or_else(|| reason.map(str::to_owned)),
    }
}

/// The event that a row's state stands for, once its charge is more than requested.
fn state_of(row: &ChargeRow, matter: &Matter) -> Happened {
    let matter = matter.clone();
    match row.settled() {
        Some(kind) => Happened::PaymentRejected(Settlement { matter, kind, reason: row.reason.clone() }),
        None if row.state == ChargeState::Captured => Happened::PaymentCompleted(Collected { matter }),
        None => {
            let reason = row.reason.clone().unwrap_or_else(|| REFUSED.to_owned());
            Happened::PaymentRefundRequested(Refused { matter, reason })
        }
    }
}
