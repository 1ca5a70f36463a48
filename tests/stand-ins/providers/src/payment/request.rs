//! From form parameters to what is to be done. What is refused here never began, and is saved for no idempotency key.

use std::collections::BTreeMap;

use super::error::Error;
use crate::fault::Operation;

/// A request that makes sense by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make an unconfirmed payment intent.
    Create(NewPayment),
    /// Read a payment intent.
    Read {
        /// The payment intent's identifier.
        id: String,
    },
    /// Take the money.
    Confirm {
        /// The payment intent's identifier.
        id: String,
        /// Replaces the payment method, or supplies a missing one.
        payment_method: Option<String>,
    },
    /// Give a payment intent up.
    Cancel {
        /// The payment intent's identifier.
        id: String,
        /// One of Stripe's four reasons.
        reason: Option<String>,
    },
    /// Give money back.
    Refund(NewRefund),
    /// Read a refund.
    ReadRefund {
        /// The refund's identifier.
        id: String,
    },
}

/// Parameters of a create.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPayment {
    /// In the currency's minor unit.
    pub amount: u64,
    /// Three lower-case letters.
    pub currency: String,
    /// `pm_…`
    pub payment_method: Option<String>,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// For people.
    pub description: Option<String>,
}

/// Parameters of a refund.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRefund {
    /// The payment to refund.
    pub payment_intent: String,
    /// A part of it; without it, what is left.
    pub amount: Option<u64>,
    /// One of Stripe's three reasons.
    pub reason: Option<String>,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
}

/// What `expand[]` asks for, each including the one before.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Expand {
    /// The charge's identifier only.
    #[default]
    Nothing,
    /// `latest_charge`: the charge itself.
    Charge,
    /// `latest_charge.refunds`: and its refunds.
    Refunds,
}

/// A request, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is to be done.
    pub command: Command,
    /// How much of what belongs to a payment intent the answer contains.
    pub expand: Expand,
}

impl Request {
    /// Reads the parameters of `operation` on the object `id` (empty where the path has none).
    pub fn parse(operation: Operation, id: String, parameters: Vec<(String, String)>) -> Result<Self, Error> {
        let mut parameters = Parameters(parameters);
        let expand = parameters.take_expand()?;
        let command = match operation {
            Operation::Create => Command::Create(NewPayment::take(&mut parameters)?),
            Operation::Confirm => {
                parameters.ignore(&["error_on_requires_action", "off_session", "return_url"]);
                Command::Confirm { id, payment_method: parameters.take_payment_method()? }
            }
            Operation::Cancel => {
                const REASONS: [&str; 4] = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"];
                Command::Cancel { id, reason: parameters.take_one_of("cancellation_reason", &REASONS)? }
            }
            Operation::Refund => Command::Refund(NewRefund::take(&mut parameters)?),
            _ if id.starts_with("re_") => Command::ReadRefund { id },
            _ => Command::Read { id },
        };
        parameters.finish()?;
        Ok(Self { command, expand })
    }
}

impl NewPayment {
    fn take(parameters: &mut Parameters) -> Result<Self, Error> {
        let amount = parameters.take_amount()?.ok_or_else(|| missing("amount"))?;
        let currency = parameters.take("currency").ok_or_else(|| missing("currency"))?;
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(Error::invalid(format!("Invalid currency: {currency}")).param("currency"));
        }
        if parameters.take("confirm").is_some_and(|confirm| confirm != "false") {
            return Err(Error::invalid("This stand-in confirms by its own call only.").param("confirm"));
        }
        parameters.ignore(&[
            "automatic_payment_methods[allow_redirects]",
            "automatic_payment_methods[enabled]",
            "capture_method",
            "confirmation_method",
            "payment_method_types[]",
            "payment_method_types[0]",
            "statement_descriptor_suffix",
        ]);
        Ok(Self {
            amount,
            currency,
            payment_method: parameters.take_payment_method()?,
            metadata: parameters.take_metadata(),
            description: parameters.take("description"),
        })
    }
}

impl NewRefund {
    fn take(parameters: &mut Parameters) -> Result<Self, Error> {
        const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];
        Ok(Self {
            payment_intent: parameters.take("payment_intent").ok_or_else(|| missing("payment_intent"))?,
            amount: parameters.take_amount()?,
            reason: parameters.take_one_of("reason", &REASONS)?,
            metadata: parameters.take_metadata(),
        })
    }
}

fn missing(param: &str) -> Error {
    Error::invalid(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn take(&mut self, name: &str) -> Option<String> {
        let position = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(position).1)
    }

    fn ignore(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
    }

    fn take_amount(&mut self) -> Result<Option<u64>, Error> {
        let Some(amount) = self.take("amount") else { return Ok(None) };
        match amount.parse::<u64>() {
            Ok(amount) if (1..=99_999_999).contains(&amount) => Ok(Some(amount)),
            Ok(_) => Err(Error::invalid("The amount must be from 1 to 99999999.").param("amount")),
            Err(_) => Err(Error::invalid(format!("Invalid integer: {amount}"))
                .code("parameter_invalid_integer")
                .param("amount")),
        }
    }

    fn take_payment_method(&mut self) -> Result<Option<String>, Error> {
        match self.take("payment_method") {
            Some(id) if !id.starts_with("pm_") => Err(Error::missing("PaymentMethod", &id, "payment_method")),
            id => Ok(id),
        }
    }

    fn take_one_of(&mut self, name: &str, known: &[&str]) -> Result<Option<String>, Error> {
        match self.take(name) {
            Some(value) if !known.contains(&value.as_str()) => {
                Err(Error::invalid(format!("Invalid {name}: must be one of {}", known.join(", "))).param(name))
            }
            value => Ok(value),
        }
    }

    fn take_metadata(&mut self) -> BTreeMap<String, String> {
        let (metadata, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| metadata_key(name).is_some());
        self.0 = rest;
        metadata
            .into_iter()
            .filter_map(|(name, value)| metadata_key(&name).map(|key| (key.to_owned(), value)))
            .collect()
    }

    fn take_expand(&mut self) -> Result<Expand, Error> {
        let (expansions, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| name.starts_with("expand["));
        self.0 = rest;
        expansions.iter().try_fold(Expand::Nothing, |most, (_, property)| match property.as_str() {
            "latest_charge" => Ok(most.max(Expand::Charge)),
            "latest_charge.refunds" => Ok(Expand::Refunds),
            _ => Err(Error::invalid(format!("This property cannot be expanded ({property}).")).param("expand")),
        })
    }

    fn finish(self) -> Result<(), Error> {
        match self.0.first() {
            Some((unknown, _)) => Err(Error::invalid(format!("Received unknown parameter: {unknown}"))
                .code("parameter_unknown")
                .param(unknown)),
            None => Ok(()),
        }
    }
}

fn metadata_key(name: &str) -> Option<&str> {
    name.strip_prefix("metadata[")?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Command, Expand, Request};
    use crate::fault::Operation;

    fn parse(operation: Operation, parameters: &[(&str, &str)]) -> Result<Request, Value> {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Request::parse(operation, "pi_1".to_owned(), parameters).map_err(|error| error.body()["error"]["param"].clone())
    }

    #[test]
    fn a_create_is_read() {
        let request = parse(
            Operation::Create,
            &[("amount", "1200"), ("currency", "eur"), ("payment_method", "pm_cardVisa"), ("metadata[intent]", "i1")],
        );
        let Ok(Request { command: Command::Create(payment), expand: Expand::Nothing }) = request else {
            panic!("{request:?}")
        };
        assert_eq!((payment.amount, payment.currency.as_str()), (1200, "eur"));
        assert_eq!(payment.metadata["intent"], "i1");
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (operation, parameters, named) in [
            (Operation::Create, vec![("currency", "eur")], "amount"),
            (Operation::Create, vec![("amount", "0"), ("currency", "eur")], "amount"),
            (Operation::Create, vec![("amount", "12.5"), ("currency", "eur")], "amount"),
            (Operation::Create, vec![("amount", "12"), ("currency", "Euro")], "currency"),
            (Operation::Create, vec![("amount", "12"), ("currency", "eur"), ("confirm", "true")], "confirm"),
            (Operation::Create, vec![("amount", "12"), ("currency", "eur"), ("amuont", "1")], "amuont"),
            (Operation::Confirm, vec![("payment_method", "4242")], "payment_method"),
            (Operation::Cancel, vec![("cancellation_reason", "bored")], "cancellation_reason"),
            (Operation::Refund, vec![("amount", "12")], "payment_intent"),
            (Operation::Read, vec![("expand[]", "customer")], "expand"),
        ] {
            assert_eq!(parse(operation, &parameters), Err(Value::from(named)));
        }
    }
}
