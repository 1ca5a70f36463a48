//! The provider's books: payments, charges and refunds, and the rules by which they change.

use std::collections::{HashMap, HashSet};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    error::Error,
    idempotency::Answer,
    journal::Journal,
    object::{Charge, Payment, Refund, Status},
    request::{Command, Expand, NewPayment, NewRefund, Request},
};
use crate::behaviour::Behaviour;

/// What an execution came to.
#[derive(Debug)]
pub struct Outcome {
    /// The answer, saved for the request's idempotency key.
    pub answer: Answer,
    /// The payment method wants this answer to be lost on its way.
    pub lost: bool,
}

/// Everything the provider remembers.
#[derive(Debug, Default)]
pub struct Books {
    /// What was called and done.
    pub journal: Journal,
    payments: HashMap<String, Payment>,
    refunds: HashMap<String, Refund>,
    /// Intents whose first create was answered with a 500 on purpose.
    broken_once: HashSet<String>,
}

impl Books {
    /// Carries a request out. `decline` lets the issuer refuse whatever the payment method; `names` makes identifiers.
    pub fn execute(&mut self, request: &Request, decline: bool, now: u64, names: &mut Names) -> Outcome {
        let mut lost = false;
        let executed = match &request.command {
            Command::Create(payment) => self.create(payment, now, names),
            Command::Read { id } => self.read(id).cloned(),
            Command::Confirm { id, payment_method } => {
                let confirmed = self.confirm(id, payment_method.as_deref(), decline, now, names);
                lost = confirmed.as_ref().is_ok_and(|payment| behaviour(payment) == Behaviour::LostReply);
                confirmed
            }
            Command::Cancel { id, reason } => self.cancel(id, reason.clone(), now),
            Command::Refund(refund) => return Outcome::of(self.refund(refund, now, names).map(|made| made.to_json())),
            Command::ReadRefund { id } => return Outcome::of(self.read_refund(id).map(Refund::to_json)),
        };
        let outcome = Outcome::of(executed.map(|payment| payment.to_json(request.expand)));
        Outcome { lost, ..outcome }
    }

    fn create(&mut self, new: &NewPayment, now: u64, names: &mut Names) -> Result<Payment, Error> {
        if new.payment_method.as_deref().map(Behaviour::of) == Some(Behaviour::Saved500) {
            let intent = new.metadata.get("intent").or(new.payment_method.as_ref()).cloned().unwrap_or_default();
            if self.broken_once.insert(intent) {
                return Err(Error::internal());
            }
        }
        let payment = Payment {
            id: names.next("pi"),
            status: match new.payment_method {
                Some(_) => Status::RequiresConfirmation,
                None => Status::RequiresPaymentMethod,
            },
            amount: new.amount,
            currency: new.currency.clone(),
            payment_method: new.payment_method.clone(),
            metadata: new.metadata.clone(),
            description: new.description.clone(),
            created: now,
            canceled: None,
            charge: None,
            last_error: None,
        };
        self.payments.insert(payment.id.clone(), payment.clone());
        Ok(payment)
    }

    fn read(&self, id: &str) -> Result<&Payment, Error> {
        self.payments.get(id).ok_or_else(|| Error::missing("payment_intent", id, "intent"))
    }

    fn read_refund(&self, id: &str) -> Result<&Refund, Error> {
        self.refunds.get(id).ok_or_else(|| Error::missing("refund", id, "refund"))
    }

    fn confirm(
        &mut self,
        id: &str,
        replacement: Option<&str>,
        decline: bool,
        now: u64,
        names: &mut Names,
    ) -> Result<Payment, Error> {
        let Self { payments, journal, .. } = self;
        let payment = payments.get_mut(id).ok_or_else(|| Error::missing("payment_intent", id, "intent"))?;
        if matches!(payment.status, Status::Succeeded | Status::Canceled) {
            let ended = match payment.status {
                Status::Succeeded => "it has already succeeded after being previously confirmed",
                _ => "it has a status of canceled",
            };
            let message = format!("You cannot confirm this PaymentIntent because {ended}.");
            return Err(Error::unexpected_state(message, payment.to_json(Expand::Nothing)));
        }
        let Some(method) = replacement.map(str::to_owned).or_else(|| payment.payment_method.clone()) else {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
            return Err(Error::unexpected_state(message, payment.to_json(Expand::Nothing)));
        };
        payment.payment_method = Some(method.clone());
        if !decline && Behaviour::of(&method) == Behaviour::ActionRequired {
            payment.status = Status::RequiresAction;
            return Ok(payment.clone());
        }
        let paid = !decline && Behaviour::of(&method) != Behaviour::Declined;
        let charge = Charge { id: names.next("ch"), paid, payment_method: method, refunds: Vec::new(), created: now };
        if !paid {
            let reason = declined_because(&charge);
            payment.status = Status::RequiresPaymentMethod;
            payment.payment_method = None;
            payment.charge = Some(charge);
            payment.last_error = Some(reason.clone());
            return Err(Error::declined(reason, payment.to_json(Expand::Nothing)));
        }
        payment.status = Status::Succeeded;
        payment.charge = Some(charge);
        payment.last_error = None;
        journal.captured(payment, now);
        Ok(payment.clone())
    }

    fn cancel(&mut self, id: &str, reason: Option<String>, now: u64) -> Result<Payment, Error> {
        let Self { payments, journal, .. } = self;
        let payment = payments.get_mut(id).ok_or_else(|| Error::missing("payment_intent", id, "intent"))?;
        let ended = match payment.status {
            Status::Succeeded => "succeeded",
            Status::Canceled => "canceled",
            _ => {
                payment.status = Status::Canceled;
                payment.canceled = Some((now, reason));
                journal.canceled(payment, now);
                return Ok(payment.clone());
            }
        };
        let message = format!("You cannot cancel this PaymentIntent because it has a status of {ended}.");
        Err(Error::unexpected_state(message, payment.to_json(Expand::Nothing)))
    }

    fn refund(&mut self, new: &NewRefund, now: u64, names: &mut Names) -> Result<Refund, Error> {
        let Self { payments, refunds, journal, .. } = self;
        let id = &new.payment_intent;
        let payment = payments.get_mut(id).ok_or_else(|| Error::missing("payment_intent", id, "payment_intent"))?;
        let fails = behaviour(payment) == Behaviour::RefundFails;
        let Some(charge) = payment.charge.as_mut().filter(|charge| charge.paid) else {
            let message = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
            return Err(Error::invalid(message).param("payment_intent"));
        };
        if fails {
            let message = format!("Charge {} has been charged back; it cannot be refunded.", charge.id);
            return Err(Error::invalid(message).code("charge_disputed"));
        }
        let left = payment.amount - charge.amount_refunded();
        if left == 0 {
            let message = format!("Charge {} has already been refunded.", charge.id);
            return Err(Error::invalid(message).code("charge_already_refunded"));
        }
        let amount = new.amount.unwrap_or(left);
        if amount > left {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(Error::invalid(message).param("amount"));
        }
        let refund = Refund {
            id: names.next("re"),
            payment_intent: id.clone(),
            charge: charge.id.clone(),
            amount,
            currency: payment.currency.clone(),
            reason: new.reason.clone(),
            metadata: new.metadata.clone(),
            created: now,
        };
        charge.refunds.push(refund.clone());
        journal.refunded(&refund, payment);
        refunds.insert(refund.id.clone(), refund.clone());
        Ok(refund)
    }
}

impl Outcome {
    fn of(executed: Result<Value, Error>) -> Self {
        let answer = match executed {
            Ok(body) => Answer { status: StatusCode::OK, body },
            Err(error) => Answer { status: error.status, body: error.body() },
        };
        Self { answer, lost: false }
    }
}

fn behaviour(payment: &Payment) -> Behaviour {
    payment.payment_method.as_deref().map_or(Behaviour::Succeeds, Behaviour::of)
}

fn declined_because(charge: &Charge) -> Value {
    json!({
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "generic_decline",
        "message": "Your card was declined.",
        "charge": charge.id,
    })
}

/// Makes identifiers that no other run of the stand-in makes: the platform's tables outlive it.
#[derive(Debug)]
pub struct Names {
    run: String,
    last: u64,
}

impl Names {
    /// Names for a run that began at `now`, in milliseconds.
    pub fn since(now: u64) -> Self {
        Self { run: format!("{now:x}{:04x}", fastrand::u16(..)), last: 0 }
    }

    /// The next identifier with `prefix`.
    pub fn next(&mut self, prefix: &str) -> String {
        self.last += 1;
        format!("{prefix}_{}{:06}", self.run, self.last)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use super::{Books, Names, Outcome};
    use crate::{fault::Operation, payment::request::Request};

    struct Provider(Books, Names);

    impl Provider {
        fn new() -> Self {
            Self(Books::default(), Names::since(0))
        }

        fn run(&mut self, operation: Operation, id: &str, parameters: &[(&str, &str)]) -> Outcome {
            let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let request = Request::parse(operation, id.to_owned(), parameters).unwrap();
            self.0.execute(&request, false, 1000, &mut self.1)
        }

        fn created(&mut self, payment_method: &str) -> String {
            let parameters = [("amount", "1200"), ("currency", "eur"), ("payment_method", payment_method)];
            let outcome = self.run(Operation::Create, "", &parameters);
            outcome.answer.body["id"].as_str().unwrap().to_owned()
        }

        fn captures(&self) -> usize {
            self.0.journal.to_json(0)["captures"].as_array().unwrap().len()
        }
    }

    #[test]
    fn a_payment_is_captured_once() {
        let mut provider = Provider::new();
        let id = provider.created("pm_cardVisa4242");
        let confirmed = provider.run(Operation::Confirm, &id, &[]);
        assert_eq!(confirmed.answer.body["status"], "succeeded");
        let again = provider.run(Operation::Confirm, &id, &[]).answer;
        assert_eq!(again.status, StatusCode::BAD_REQUEST);
        assert_eq!(again.body["error"]["code"], "payment_intent_unexpected_state");
        assert_eq!(again.body["error"]["payment_intent"]["status"], "succeeded");
        assert_eq!(provider.captures(), 1);
    }

    #[test]
    fn a_canceled_payment_is_never_captured_and_a_captured_one_never_canceled() {
        let mut provider = Provider::new();
        let (given_up, taken) = (provider.created("pm_cardVisa4242"), provider.created("pm_cardVisa4242"));
        assert_eq!(provider.run(Operation::Cancel, &given_up, &[]).answer.body["status"], "canceled");
        assert_eq!(provider.run(Operation::Confirm, &given_up, &[]).answer.status, StatusCode::BAD_REQUEST);
        provider.run(Operation::Confirm, &taken, &[]);
        let refused = provider.run(Operation::Cancel, &taken, &[]).answer;
        assert_eq!(refused.body["error"]["code"], "payment_intent_unexpected_state");
        assert_eq!(provider.captures(), 1);
    }

    #[test]
    fn a_decline_leaves_a_payment_that_wants_another_payment_method() {
        let mut provider = Provider::new();
        let id = provider.created("pm_declinedByIssuer");
        let declined = provider.run(Operation::Confirm, &id, &[]).answer;
        assert_eq!(declined.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(declined.body["error"]["type"], "card_error");
        let read = provider.run(Operation::Read, &id, &[("expand[]", "latest_charge")]).answer.body;
        assert_eq!((&read["status"], &read["payment_method"]), (&json!("requires_payment_method"), &Value::Null));
        assert_eq!(read["last_payment_error"]["code"], "card_declined");
        assert_eq!(read["latest_charge"]["paid"], false);
        let retried = provider.run(Operation::Confirm, &id, &[("payment_method", "pm_cardVisa4242")]).answer;
        assert_eq!(retried.body["status"], "succeeded");
    }

    #[test]
    fn refunds_add_up_to_the_charge_and_no_more() {
        let mut provider = Provider::new();
        let id = provider.created("pm_cardVisa4242");
        let too_early = provider.run(Operation::Refund, "", &[("payment_intent", &id)]).answer;
        assert_eq!(too_early.status, StatusCode::BAD_REQUEST);
        provider.run(Operation::Confirm, &id, &[]);
        let part = provider.run(Operation::Refund, "", &[("payment_intent", &id), ("amount", "200")]).answer;
        let refund = part.body["id"].as_str().unwrap().to_owned();
        assert_eq!(provider.run(Operation::Read, &refund, &[]).answer.body["amount"], 200);
        let too_much = provider.run(Operation::Refund, "", &[("payment_intent", &id), ("amount", "1001")]).answer;
        assert_eq!(too_much.body["error"]["param"], "amount");
        let rest = provider.run(Operation::Refund, "", &[("payment_intent", &id)]).answer;
        assert_eq!(rest.body["amount"], 1000);
        let again = provider.run(Operation::Refund, "", &[("payment_intent", &id)]).answer;
        assert_eq!(again.body["error"]["code"], "charge_already_refunded");
        let charge =
            provider.run(Operation::Read, &id, &[("expand[]", "latest_charge.refunds")]).answer.body["latest_charge"]
                .clone();
        assert_eq!((&charge["refunded"], &charge["amount_refunded"]), (&json!(true), &json!(1200)));
        assert_eq!(charge["refunds"]["data"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn a_payment_method_chooses_what_goes_wrong() {
        let mut provider = Provider::new();
        let id = provider.created("pm_actionRequired");
        let waiting = provider.run(Operation::Confirm, &id, &[]).answer.body;
        assert_eq!(waiting["status"], "requires_action");
        assert!(waiting["next_action"].is_object());
        let id = provider.created("pm_lostReply");
        assert!(provider.run(Operation::Confirm, &id, &[]).lost);
        let id = provider.created("pm_refundFails");
        provider.run(Operation::Confirm, &id, &[]);
        let refused = provider.run(Operation::Refund, "", &[("payment_intent", &id)]).answer;
        assert_eq!(
            (refused.status, refused.body["error"]["code"].as_str()),
            (StatusCode::BAD_REQUEST, Some("charge_disputed"))
        );
        let create =
            [("amount", "1"), ("currency", "eur"), ("payment_method", "pm_saved500"), ("metadata[intent]", "i1")];
        assert_eq!(provider.run(Operation::Create, "", &create).answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(provider.run(Operation::Create, "", &create).answer.status, StatusCode::OK);
    }

    #[test]
    fn nothing_is_found_that_was_not_made() {
        let mut provider = Provider::new();
        for (operation, id) in [
            (Operation::Read, "pi_x"),
            (Operation::Read, "re_x"),
            (Operation::Confirm, "pi_x"),
            (Operation::Cancel, "pi_x"),
        ] {
            let answer = provider.run(operation, id, &[]).answer;
            assert_eq!(
                (answer.status, answer.body["error"]["code"].as_str()),
                (StatusCode::NOT_FOUND, Some("resource_missing"))
            );
        }
    }
}
