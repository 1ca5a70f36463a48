//! Faults to order: which calls misbehave, and how.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// How an affected call misbehaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// It does not.
    None,
    /// 503 before the call reaches the provider's logic: nothing is done, and nothing saved for its idempotency key.
    Unavailable,
    /// Done and answered `delayMs` late, also when the caller has given up by then. Meanwhile its idempotency key is in use.
    Slow,
    /// Nothing is done and nothing answered; the connection closes after `delayMs`.
    Hang,
    /// Done, but not answered; the connection closes after `delayMs`.
    ActThenHang,
    /// Done, and the connection closes at once without an answer.
    LostReply,
    /// 429 with Retry-After (`delayMs`, in seconds rounded up). Nothing is done.
    RateLimited,
    /// 200 with a body that is no answer. Nothing is done.
    Garbage,
    /// The issuer declines; the fraud check rejects; the loyalty programme takes nobody.
    Decline,
}

const MODES: [(&str, Mode); 9] = [
    ("none", Mode::None),
    ("unavailable", Mode::Unavailable),
    ("slow", Mode::Slow),
    ("hang", Mode::Hang),
    ("act-then-hang", Mode::ActThenHang),
    ("lost-reply", Mode::LostReply),
    ("rate-limited", Mode::RateLimited),
    ("garbage", Mode::Garbage),
    ("decline", Mode::Decline),
];

impl Mode {
    /// `delayMs` where the order does not say.
    fn default_delay(self) -> Duration {
        match self {
            Self::Slow => Duration::from_secs(2),
            Self::RateLimited => Duration::from_secs(1),
            _ => Duration::from_mins(10),
        }
    }
}

/// What a call to a provider does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operation {
    /// `POST /v1/payment_intents`
    Create,
    /// `GET` of a payment intent or of a refund
    Read,
    /// `POST /v1/payment_intents/{id}/confirm`
    Confirm,
    /// `POST /v1/payment_intents/{id}/cancel`
    Cancel,
    /// `POST /v1/refunds`
    Refund,
    /// `POST /v1/checks`
    Check,
    /// `POST /v1/members` of the loyalty programme
    Enrol,
    /// `PUT /3.0/lists/{list}/members/{hash}` of the newsletter
    Subscribe,
}

const OPERATIONS: [(&str, Operation); 8] = [
    ("create", Operation::Create),
    ("read", Operation::Read),
    ("confirm", Operation::Confirm),
    ("cancel", Operation::Cancel),
    ("refund", Operation::Refund),
    ("check", Operation::Check),
    ("enrol", Operation::Enrol),
    ("subscribe", Operation::Subscribe),
];

impl Operation {
    /// The operation's name in orders and journals.
    pub fn name(self) -> &'static str {
        OPERATIONS.into_iter().find(|(_, operation)| *operation == self).map_or("", |(name, _)| name)
    }

    /// Where a mode applies, if the order does not say: a lost answer only matters where something was done that the
    /// caller must find out, and only a confirmation, a check or an enrolment
    /// can be declined.
    fn concerns(self, mode: Mode) -> bool {
        match mode {
            Mode::ActThenHang | Mode::LostReply => !matches!(self, Self::Create | Self::Read),
            Mode::Decline => matches!(self, Self::Confirm | Self::Check | Self::Enrol),
            _ => true,
        }
    }
}

/// An order: `{"mode", "ratio"?, "delayMs"?, "count"?, "operations"?, "seed"?}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    mode: Mode,
    /// The share of calls that are affected, 0 to 1.
    ratio: f64,
    delay: Duration,
    /// How many more calls are affected; `None` means no end.
    left: Option<u64>,
    /// Which operations are affected; `None` leaves it to the mode.
    operations: Option<Vec<Operation>>,
    /// Which calls a ratio picks depends on nothing else, so that a run can be repeated.
    seed: u64,
}

impl Default for Fault {
    fn default() -> Self {
        Self { mode: Mode::None, ratio: 1.0, delay: Duration::ZERO, left: None, operations: None, seed: 1 }
    }
}

impl Fault {
    /// Reads an order; the problem names the field that is wrong.
    pub fn parse(order: &Value) -> Result<Self, Problem> {
        const KNOWN: [&str; 6] = ["mode", "ratio", "delayMs", "count", "operations", "seed"];
        let order = order.as_object().ok_or_else(|| Problem::with("body", "must be a JSON object"))?;
        if let Some(unknown) = order.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(Problem::with(unknown, format!("is unknown; known are {}", KNOWN.join(", "))));
        }
        let mode = match order.get("mode") {
            Some(name) => pick("mode", name, &MODES)?,
            None => return Err(Problem::with("mode", format!("is missing; one of {}", names(&MODES)))),
        };
        let ratio = match order.get("ratio") {
            None => 1.0,
            Some(ratio) => ratio
                .as_f64()
                .filter(|ratio| (0.0..=1.0).contains(ratio))
                .ok_or_else(|| Problem::with("ratio", "must be a number from 0 to 1"))?,
        };
        let delay = whole_number(order, "delayMs")?.map_or(mode.default_delay(), Duration::from_millis);
        let left = whole_number(order, "count")?;
        let seed = whole_number(order, "seed")?.unwrap_or(1);
        let operations = match order.get("operations") {
            None => None,
            Some(Value::Array(chosen)) => {
                Some(chosen.iter().map(|name| pick("operations", name, &OPERATIONS)).collect::<Result<_, _>>()?)
            }
            Some(_) => return Err(Problem::with("operations", format!("must be a list of {}", names(&OPERATIONS)))),
        };
        Ok(Self { mode, ratio, delay, left, operations, seed })
    }

    fn to_json(&self) -> Value {
        json!({
            "mode": MODES.iter().find(|(_, mode)| *mode == self.mode).map(|(name, _)| name),
            "ratio": self.ratio,
            "delayMs": u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX),
            "count": self.left,
            "operations": self.operations.as_ref().map(|chosen| chosen.iter().map(|one| one.name()).collect::<Vec<_>>()),
            "seed": self.seed,
        })
    }

    fn concerns(&self, operation: Operation) -> bool {
        match &self.operations {
            Some(chosen) => chosen.contains(&operation),
            None => operation.concerns(self.mode),
        }
    }
}

fn names<T>(known: &[(&str, T)]) -> String {
    known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn pick<T: Copy>(field: &str, name: &Value, known: &[(&str, T)]) -> Result<T, Problem> {
    name.as_str()
        .and_then(|name| known.iter().find(|(known, _)| *known == name))
        .map(|(_, value)| *value)
        .ok_or_else(|| Problem::with(field, format!("{name} is unknown; one of {}", names(known))))
}

fn whole_number(order: &Map<String, Value>, field: &str) -> Result<Option<u64>, Problem> {
    match order.get(field) {
        None => Ok(None),
        Some(number) => {
            number.as_u64().map(Some).ok_or_else(|| Problem::with(field, "must be a whole number, 0 or more"))
        }
    }
}

/// What is to go wrong with one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Effect {
    /// How it misbehaves; [`Mode::None`] for a call that was spared.
    pub mode: Mode,
    /// How long, where the mode waits.
    pub delay: Duration,
}

/// The switch that holds the current order.
#[derive(Debug)]
pub struct Switch(Mutex<State>);

#[derive(Debug)]
struct State {
    fault: Fault,
    dice: fastrand::Rng,
    affected: u64,
}

impl Default for Switch {
    fn default() -> Self {
        let fault = Fault::default();
        let dice = fastrand::Rng::with_seed(fault.seed);
        Self(Mutex::new(State { fault, dice, affected: 0 }))
    }
}

impl Switch {
    /// Replaces the order; answers what now holds.
    pub fn set(&self, fault: Fault) -> Value {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.dice = fastrand::Rng::with_seed(fault.seed);
        state.fault = fault;
        state.fault.to_json()
    }

    /// No fault, and nothing affected yet.
    pub fn reset(&self) {
        self.set(Fault::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).affected = 0;
    }

    /// How many calls were affected since the last reset.
    pub fn affected(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).affected
    }

    /// Decides about the next call.
    pub fn next(&self, operation: Operation) -> Effect {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = state.fault.delay;
        let spared = Effect { mode: Mode::None, delay };
        if state.fault.mode == Mode::None || !state.fault.concerns(operation) || state.fault.left == Some(0) {
            return spared;
        }
        if state.dice.f64() >= state.fault.ratio {
            return spared;
        }
        state.fault.left = state.fault.left.map(|left| left - 1);
        state.affected += 1;
        Effect { mode: state.fault.mode, delay }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Fault, Mode, Operation, Switch};

    fn switched(order: &Value) -> Switch {
        let switch = Switch::default();
        switch.set(Fault::parse(order).unwrap());
        switch
    }

    fn affected(switch: &Switch, operation: Operation, calls: usize) -> Vec<bool> {
        (0..calls).map(|_| switch.next(operation).mode != Mode::None).collect()
    }

    #[test]
    fn a_count_ends_the_fault() {
        let switch = switched(&json!({"mode": "unavailable", "count": 2}));
        assert_eq!(affected(&switch, Operation::Read, 4), [true, true, false, false]);
        assert_eq!(switch.affected(), 2);
    }

    #[test]
    fn a_ratio_hits_its_share_and_the_same_calls_each_time() {
        let order = json!({"mode": "unavailable", "ratio": 0.3, "seed": 7});
        let hits = affected(&switched(&order), Operation::Confirm, 1000);
        assert_eq!(hits, affected(&switched(&order), Operation::Confirm, 1000));
        let share = hits.iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&share), "{share} of 1000");
        let never = switched(&json!({"mode": "unavailable", "ratio": 0}));
        assert_eq!(affected(&never, Operation::Confirm, 3), [false; 3]);
    }

    #[test]
    fn a_lost_answer_concerns_calls_that_do_something_to_the_money() {
        let switch = switched(&json!({"mode": "lost-reply"}));
        assert_eq!(switch.next(Operation::Create).mode, Mode::None);
        assert_eq!(switch.next(Operation::Read).mode, Mode::None);
        assert_eq!(switch.next(Operation::Confirm).mode, Mode::LostReply);
        let chosen = switched(&json!({"mode": "lost-reply", "operations": ["create"]}));
        assert_eq!(chosen.next(Operation::Create).mode, Mode::LostReply);
        assert_eq!(chosen.next(Operation::Confirm).mode, Mode::None);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (order, field) in [
            (json!([]), "body"),
            (json!({}), "mode"),
            (json!({"mode": "sleepy"}), "mode"),
            (json!({"mode": 3}), "mode"),
            (json!({"mode": "slow", "ratio": 1.5}), "ratio"),
            (json!({"mode": "slow", "ratio": "half"}), "ratio"),
            (json!({"mode": "slow", "delayMs": -1}), "delayMs"),
            (json!({"mode": "slow", "count": 1.5}), "count"),
            (json!({"mode": "slow", "operations": "confirm"}), "operations"),
            (json!({"mode": "slow", "operations": ["pay"]}), "operations"),
            (json!({"mode": "slow", "seed": true}), "seed"),
            (json!({"mode": "slow", "until": 5}), "until"),
        ] {
            assert_eq!(Fault::parse(&order).map_err(|problem| problem.field().to_owned()), Err(field.to_owned()));
        }
    }
}
