//! Money in integer minor units: no float ever holds an amount.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of one currency, in its minor unit (cents for EUR).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// Minor units, never negative (cents for EUR, yen for JPY).
    pub amount: u64,
    /// ISO 4217 code in lower case, as payment providers write it.
    pub currency: Currency,
}

/// An ISO 4217 currency code, three lower-case letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Currency(String);

/// A currency code that is not three letters.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a currency is three letters (ISO 4217), such as eur")]
pub struct InvalidCurrency;

impl Currency {
    /// Accepts three ASCII letters in any case.
    ///
    /// # Errors
    /// [`InvalidCurrency`] for anything else.
    pub fn new(code: &str) -> Result<Self, InvalidCurrency> {
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_alphabetic()) {
            Ok(Self(code.to_ascii_lowercase()))
        } else {
            Err(InvalidCurrency)
        }
    }

    /// The code in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;
    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}
