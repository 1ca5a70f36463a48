//! Which side answers a request: the same one for a visitor, however often they come.

use super::{Mode, Percent, Steering};
use crate::time::Chance;
use sha2::{Digest, Sha256};

/// The cookie that keeps a visitor in their bucket.
pub const COOKIE: &str = "ns_bucket";

/// One of a hundred parts of the visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

impl Bucket {
    /// What the cookies of a request say, the values of its `Cookie` headers; none where they do not name one.
    pub fn of_cookies<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let pairs = headers.into_iter().flat_map(|header| header.split(';'));
        let values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == COOKIE);
        values.filter_map(|(_, value)| value.parse().ok()).find(|bucket| *bucket < 100).map(Self)
    }

    /// That of a visitor who has no cookie yet: by where they come from, so that the next request finds the same one.
    pub fn of_address(address: &str) -> Self {
        let hash = Sha256::digest(address.as_bytes());
        let number = hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Self(u8::try_from(number % 100).unwrap_or_default())
    }

    /// 0 to 99.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether it is among the first of a hundred.
    fn is_among(self, percent: Percent) -> bool {
        self.0 < percent.get()
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The monolith.
    Monolith,
    /// The new service.
    Modern,
}

impl Side {
    /// The word in metrics, and in the header `x-served-by`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monolith => "monolith",
            Self::Modern => "modern",
        }
    }
}

/// Whether a method only reads. All others have one writer.
pub fn reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

impl Steering {
    /// The side that answers this method for this visitor.
    pub fn side(&self, method: &str, bucket: Bucket) -> Side {
        match self.mode {
            Mode::Modern => Side::Modern,
            Mode::Canary if reads(method) && bucket.is_among(self.percent) => Side::Modern,
            Mode::Monolith | Mode::Shadow | Mode::Canary => Side::Monolith,
        }
    }

    /// Whether the answer to this request is one of those that are compared.
    pub fn is_compared(&self, method: &str, chance: &impl Chance) -> bool {
        self.mode == Mode::Shadow && reads(method) && chance.draw() * 100.0 < f64::from(self.percent.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    struct Draw(f64);

    impl Chance for Draw {
        fn draw(&self) -> f64 {
            self.0
        }
    }

    fn steering(mode: Mode, percent: u64) -> Steering {
        Steering { mode, percent: Percent::try_from(percent).unwrap() }
    }

    #[test]
    fn a_cookie_decides_and_what_is_none_does_not() {
        let found = |headers: &[&str]| Bucket::of_cookies(headers.iter().copied()).map(Bucket::get);
        assert_eq!(found(&["ns_bucket=42"]), Some(42));
        assert_eq!(found(&["theme=dark; ns_bucket=0; x=1"]), Some(0));
        assert_eq!(found(&["theme=dark", "ns_bucket=99"]), Some(99));
        assert_eq!(found(&["ns_bucket=900; ns_bucket=7"]), Some(7));
        for other in ["", "ns_bucket", "ns_bucket=", "ns_bucket=100", "ns_bucket=-1", "ns_bucket=1.5", "xns_bucket=3"] {
            assert_eq!(found(&[other]), None, "{other}");
        }
    }

    #[test]
    fn all_that_writes_has_one_writer_until_the_route_is_modern() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", ""] {
            for mode in [Mode::Monolith, Mode::Shadow, Mode::Canary] {
                assert_eq!(steering(mode, 100).side(method, Bucket(0)), Side::Monolith, "{method} {mode:?}");
                assert!(!steering(mode, 100).is_compared(method, &Draw(0.0)));
            }
            assert_eq!(steering(Mode::Modern, 100).side(method, Bucket(99)), Side::Modern, "{method}");
        }
    }

    #[test]
    fn shadow_is_answered_by_the_monolith_and_compares_its_share() {
        let half = steering(Mode::Shadow, 50);
        assert_eq!(half.side("GET", Bucket(0)), Side::Monolith);
        assert!(half.is_compared("GET", &Draw(0.499)) && half.is_compared("HEAD", &Draw(0.0)));
        assert!(!half.is_compared("GET", &Draw(0.5)));
        assert!(!steering(Mode::Shadow, 0).is_compared("GET", &Draw(0.0)));
        assert!(steering(Mode::Shadow, 100).is_compared("GET", &Draw(0.999_999)));
        for mode in [Mode::Monolith, Mode::Canary, Mode::Modern] {
            assert!(!steering(mode, 100).is_compared("GET", &Draw(0.0)), "{mode:?}");
        }
    }

    #[test]
    fn nobody_and_everybody_are_what_they_say() {
        for bucket in 0..100 {
            assert_eq!(steering(Mode::Canary, 0).side("GET", Bucket(bucket)), Side::Monolith);
            assert_eq!(steering(Mode::Canary, 100).side("HEAD", Bucket(bucket)), Side::Modern);
        }
    }

    /// Twenty thousand addresses, each a visitor without a cookie: a canary's share is a binomial's, within five standard
    /// deviations (one run in a million would be outside, were the addresses drawn anew).
    #[test]
    fn a_canarys_share_of_addresses_is_within_the_binomial_bound() {
        let visitors = 20_000_u32;
        for percent in [1, 10, 50, 90] {
            let canary = steering(Mode::Canary, percent);
            let modern = (0..visitors)
                .map(|n| Bucket::of_address(&Ipv4Addr::from_bits(0x0a00_0000 + n).to_string()))
                .filter(|bucket| canary.side("GET", *bucket) == Side::Modern)
                .count();
            let share = f64::from(u32::try_from(percent).unwrap()) / 100.0;
            let mean = f64::from(visitors) * share;
            let deviation = (mean * (1.0 - share)).sqrt();
            let modern = f64::from(u32::try_from(modern).unwrap());
            assert!((modern - mean).abs() <= 5.0 * deviation, "{percent} %: {modern} of {visitors}");
        }
    }

    proptest! {
        #[test]
        fn raising_the_percentage_takes_nobody_back(address in ".{0,60}", low in 0u64..=100, high in 0u64..=100) {
            let (low, high) = (low.min(high), low.max(high));
            let bucket = Bucket::of_address(&address);
            if steering(Mode::Canary, low).side("GET", bucket) == Side::Modern {
                prop_assert_eq!(steering(Mode::Canary, high).side("GET", bucket), Side::Modern);
            }
        }

        #[test]
        fn a_visitor_stays_where_they_are(address in ".{0,60}", percent in 0u64..=100) {
            let bucket = Bucket::of_address(&address);
            prop_assert!(bucket.get() < 100);
            let cookie = format!("a=b; {COOKIE}={}", bucket.get());
            prop_assert_eq!(Bucket::of_cookies([cookie.as_str()]), Some(bucket));
            let canary = steering(Mode::Canary, percent);
            prop_assert_eq!(canary.side("GET", bucket), canary.side("GET", Bucket::of_address(&address)));
        }

        #[test]
        fn whatever_a_cookie_says_is_a_bucket_or_nothing(header in ".{0,80}") {
            if let Some(bucket) = Bucket::of_cookies([header.as_str()]) {
                prop_assert!(bucket.get() < 100);
            }
        }
    }
}
