//! Where the page finds the platform.

use std::{env, io};

use serde_json::{Value, json};

/// The site's configuration. Each value comes from its flag, else from its variable, else from its default.
///
/// | flag | variable | what |
/// | --- | --- | --- |
/// | `--port` | `SITE_PORT` | where to listen on loopback; 0, the default, takes a free port |
/// | `--api` | `SITE_API` | base URL of the API, with its stage |
/// | `--cognito-endpoint` | `SITE_COGNITO_ENDPOINT` | the user pool's service, `https://cognito-idp.<region>.amazonaws.com` on AWS |
/// | `--client-id` | `SITE_CLIENT_ID` | the page's app client of the user pool |
/// | `--region` | `SITE_REGION` | the user pool's region, default `eu-central-1` |
/// | `--price-minor` | `SITE_PRICE_MINOR` | the price in minor units, shown if it is given |
/// | `--currency` | `SITE_CURRENCY` | its currency, default `eur` |
/// | `--term-days` | `SITE_TERM_DAYS` | how long a payment lasts, in days, shown if it is given |
/// | `--test-methods` | `SITE_TEST_METHODS` | `yes` (the default) offers the providers' test payment methods |
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where to listen; 0 takes a free port.
    pub port: u16,
    /// Base URL of the API.
    pub api: String,
    /// The user pool's service.
    pub cognito_endpoint: String,
    /// The page's app client.
    pub client_id: String,
    /// The user pool's region.
    pub region: String,
    /// The price in minor units.
    pub price_minor: Option<u32>,
    /// The price's currency.
    pub currency: String,
    /// How long a payment lasts, in days.
    pub term_days: Option<u32>,
    /// Whether to offer test payment methods.
    pub test_methods: bool,
}

const KNOWN: [&str; 9] =
    ["port", "api", "cognito-endpoint", "client-id", "region", "price-minor", "currency", "term-days", "test-methods"];

/// What the payment and fraud stand-ins treat differently; see their crate.
const TEST_METHODS: [(&str, &str); 7] = [
    ("pm_cardVisa4242", "A card that works"),
    ("pm_declinedCard", "A card that its issuer declines"),
    ("pm_actionRequired", "A card whose issuer wants to see you"),
    ("pm_fraudster1", "A card that fails the fraud check"),
    ("pm_lostReply1", "The provider’s answer gets lost"),
    ("pm_saved500x", "The provider fails at the first try"),
    ("pm_refundFails", "A card that cannot be refunded"),
];

impl Config {
    /// Reads this process's flags and variables; the error names what is missing or wrong.
    pub fn from_process() -> io::Result<Self> {
        Self::read(env::args().skip(1), |variable| env::var(variable).ok()).map_err(io::Error::other)
    }

    /// Reads flags and variables.
    pub fn read(
        mut arguments: impl Iterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut flags = Vec::new();
        while let Some(flag) = arguments.next() {
            let name = flag.strip_prefix("--").filter(|name| KNOWN.contains(name));
            let name = name.ok_or_else(|| format!("{flag} is unknown; known are --{}", KNOWN.join(", --")))?;
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            flags.push((name.to_owned(), value));
        }
        let given = |name: &str| {
            let flag = flags.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            let from_variable = || variable(&format!("SITE_{}", name.to_uppercase().replace('-', "_")));
            flag.or_else(from_variable).filter(|value| !value.is_empty())
        };
        let required = |name: &str| given(name).ok_or_else(|| format!("--{name} is missing"));
        let url = |name: &str| required(name).and_then(|url| checked_url(name, &url));
        let test_methods = match given("test-methods").as_deref() {
            None | Some("yes") => true,
            Some("no") => false,
            Some(_) => return Err("--test-methods must be yes or no".to_owned()),
        };
        Ok(Self {
            port: number("port", given("port"))?.unwrap_or_default(),
            api: url("api")?,
            cognito_endpoint: url("cognito-endpoint")?,
            client_id: required("client-id")?,
            region: given("region").unwrap_or_else(|| "eu-central-1".to_owned()),
            price_minor: number("price-minor", given("price-minor"))?,
            currency: given("currency").unwrap_or_else(|| "eur".to_owned()),
            term_days: number("term-days", given("term-days"))?,
            test_methods,
        })
    }

    /// What the page is told. Nothing in it is secret.
    pub fn for_page(&self) -> Value {
        let offered = if self.test_methods { &TEST_METHODS[..] } else { &[] };
        let price = self.price_minor.map(|minor| json!({"minor": minor, "currency": self.currency}));
        json!({
            "api": self.api,
            "cognito": {"endpoint": self.cognito_endpoint, "clientId": self.client_id, "region": self.region},
            "price": price,
            "termDays": self.term_days,
            "testPaymentMethods":
                offered.iter().map(|(id, label)| json!({"id": id, "label": label})).collect::<Vec<_>>(),
        })
    }
}

fn number<T: std::str::FromStr>(name: &str, value: Option<String>) -> Result<Option<T>, String> {
    value.map(|value| value.parse().map_err(|_| format!("--{name} must be a whole number, not {value}"))).transpose()
}

/// The URL without a slash at its end. It goes into a header, so that it may hold nothing but URL characters.
fn checked_url(name: &str, url: &str) -> Result<String, String> {
    let plain = url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/%@[]".contains(&byte));
    let has_host = ["http://", "https://"]
        .iter()
        .filter_map(|scheme| url.strip_prefix(scheme))
        .any(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if plain && has_host {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(format!("--{name} must be an http or https URL without a query, not {url}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    fn read(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, String> {
        Config::read(flags.iter().map(ToString::to_string), |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const URLS: [&str; 6] =
        ["--api", "http://127.0.0.1:4566/x/", "--cognito-endpoint", "http://127.0.0.1:4566", "--client-id", "c1"];

    #[test]
    fn a_flag_comes_before_a_variable_before_a_default() {
        let config = read(&URLS, &[("SITE_API", "http://other"), ("SITE_REGION", "eu-west-1")]).unwrap();
        assert_eq!(config.api, "http://127.0.0.1:4566/x");
        assert_eq!((config.region.as_str(), config.currency.as_str(), config.port), ("eu-west-1", "eur", 0));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (more, named) in [
            (["--port", "70000"], "--port"),
            (["--price-minor", "12.00"], "--price-minor"),
            (["--test-methods", "maybe"], "--test-methods"),
            (["--api", "ftp://x"], "--api"),
            (["--api", "http://x; script-src *"], "--api"),
            (["--colour", "red"], "--colour"),
        ] {
            let refused = read(&[&URLS[..], &more].concat(), &[]).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
        assert!(read(&URLS[..4], &[]).unwrap_err().contains("--client-id"));
    }

    #[test]
    fn without_test_methods_the_page_offers_none() {
        let config = read(&[&URLS[..], &["--test-methods", "no"]].concat(), &[]).unwrap();
        assert_eq!(config.for_page()["testPaymentMethods"], serde_json::json!([]));
    }
}
