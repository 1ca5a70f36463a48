//! What the provider did, for tests to count.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::object::{Payment, Refund};
use crate::fault::Operation;

/// Calls, and movements of money in their order.
#[derive(Debug, Default)]
pub struct Journal {
    calls: BTreeMap<Operation, u64>,
    captures: Vec<Value>,
    refunds: Vec<Value>,
    cancels: Vec<Value>,
}

impl Journal {
    /// A call came in, whatever becomes of it.
    pub fn called(&mut self, operation: Operation) {
        *self.calls.entry(operation).or_default() += 1;
    }

    /// Money was taken.
    pub fn captured(&mut self, payment: &Payment, at: u64) {
        self.captures.push(movement(&payment.id, payment, payment.amount, at));
    }

    /// Money was given back.
    pub fn refunded(&mut self, refund: &Refund, payment: &Payment) {
        let mut entry = movement(&refund.id, payment, refund.amount, refund.created);
        entry["paymentIntent"] = Value::from(payment.id.as_str());
        self.refunds.push(entry);
    }

    /// A payment was given up.
    pub fn canceled(&mut self, payment: &Payment, at: u64) {
        self.cancels.push(movement(&payment.id, payment, payment.amount, at));
    }

    /// As `GET /admin/journal` shows it; `affected` calls met a fault.
    pub fn to_json(&self, affected: u64) -> Value {
        json!({
            "calls": self.calls.values().sum::<u64>(),
            "operations": self.calls.iter().map(|(one, calls)| (one.name(), calls)).collect::<BTreeMap<_, _>>(),
            "affected": affected,
            "captures": self.captures,
            "refunds": self.refunds,
            "cancels": self.cancels,
        })
    }
}

fn movement(id: &str, payment: &Payment, amount: u64, at: u64) -> Value {
    json!({"id": id, "intent": payment.intent(), "amount": amount, "currency": payment.currency, "at": at})
}
