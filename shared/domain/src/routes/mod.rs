//! Routes that leave the monolith, one after another: who answers each of them, and who said so.

pub mod compare;
pub mod side;
pub mod store;
pub mod table;

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Lines of the audit that are kept.
pub const AUDIT_LINES: usize = 50;
/// Who steers a route back when its alarm rings; a person is an ARN.
pub const ALARM: &str = "alarm";

/// A route that is steered. To add one, add a name here and its paths to the façade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteName {
    /// `/search` and what is below it.
    Search,
    /// `/articles` and what is below it.
    Articles,
}

impl RouteName {
    /// Every route.
    pub const ALL: [Self; 2] = [Self::Search, Self::Articles];

    /// The word in paths, keys, metrics and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Articles => "articles",
        }
    }

    /// The route of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.as_str() == word)
    }

    /// The route that a path belongs to, by its first segment.
    pub fn of_path(path: &str) -> Option<Self> {
        path.trim_start_matches('/').split('/').next().and_then(Self::named)
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who answers a route. Whatever the mode, all that is no GET or HEAD goes to the monolith until it is `modern`: one
/// writer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The monolith.
    #[default]
    Monolith,
    /// The monolith; a percentage of its answers is compared with those of the new service.
    Shadow,
    /// The new service for a percentage of visitors, the monolith for the others.
    Canary,
    /// The new service.
    Modern,
}

impl Mode {
    /// The word in requests, records and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monolith => "monolith",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Modern => "modern",
        }
    }

    /// Whether a percentage belongs to it.
    pub fn has_percent(self) -> bool {
        matches!(self, Self::Shadow | Self::Canary)
    }
}

/// 0 to 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u8")]
pub struct Percent(u8);

/// It is not between 0 and 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("percent: must be a whole number from 0 to 100")]
pub struct NotAPercentage;

impl Percent {
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(100);

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Percent {
    type Error = NotAPercentage;
    fn try_from(value: u64) -> Result<Self, NotAPercentage> {
        u8::try_from(value).ok().filter(|percent| *percent <= 100).map(Self).ok_or(NotAPercentage)
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

/// What a route is steered to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Steering {
    /// Who answers.
    pub mode: Mode,
    /// Canary: the visitors whom the new service answers. Shadow: the requests that are compared. Nothing in `monolith`,
    /// everything in `modern`.
    #[serde(default)]
    pub percent: Percent,
}

/// A percentage is missing, or is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSteered {
    /// A share of what?
    #[error("percent: the mode {0} needs one, from 0 to 100")]
    NeedsPercent(&'static str),
    /// All or nothing.
    #[error("percent: the mode {0} takes none")]
    TakesNoPercent(&'static str),
}

impl Steering {
    /// Mode and percentage, where they fit together.
    ///
    /// # Errors
    /// [`NotSteered`].
    pub fn new(mode: Mode, percent: Option<Percent>) -> Result<Self, NotSteered> {
        let percent = match (mode, percent) {
            (Mode::Shadow | Mode::Canary, Some(percent)) => percent,
            (Mode::Shadow | Mode::Canary, None) => return Err(NotSteered::NeedsPercent(mode.as_str())),
            (Mode::Monolith | Mode::Modern, Some(_)) => return Err(NotSteered::TakesNoPercent(mode.as_str())),
            (Mode::Monolith, None) => Percent::NONE,
            (Mode::Modern, None) => Percent::ALL,
        };
        Ok(Self { mode, percent })
    }
}

impl fmt::Display for Steering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mode.as_str())?;
        if self.mode.has_percent() { write!(f, " {} %", self.percent.get()) } else { Ok(()) }
    }
}

/// Who said so, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// The caller's ARN, or [`ALARM`].
    pub by: String,
    /// To what.
    #[serde(flatten)]
    pub to: Steering,
    /// In their words, or the alarm's.
    pub why: String,
}

/// One row of `routes`. Where there is none, the monolith has answered since ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRecord {
    /// What it is steered to.
    #[serde(flatten)]
    pub steering: Steering,
    /// What it was steered to before.
    pub from: Steering,
    /// Since when.
    pub since: Timestamp,
    /// Who steered it: a caller's ARN, or [`ALARM`].
    pub by: String,
    /// Why.
    pub why: String,
    /// What was done to it, the latest first.
    #[serde(default)]
    pub audit: Vec<AuditLine>,
}

impl RouteRecord {
    /// The record after an order, given the one that was read.
    pub fn steered(before: Option<&Self>, line: AuditLine) -> Self {
        let from = before.map_or_else(Steering::default, |record| record.steering);
        let kept = before.map(|record| record.audit.as_slice()).unwrap_or_default();
        let audit = std::iter::once(&line).chain(kept).take(AUDIT_LINES).cloned().collect();
        Self { steering: line.to, from, since: line.at, by: line.by, why: line.why, audit }
    }

    /// The name of the event that tells of it.
    pub fn event_name(&self) -> &'static str {
        if self.by == ALARM { "RouteRolledBack" } else { "RouteSteered" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn line(at: i64, mode: Mode, percent: Option<u64>) -> AuditLine {
        let percent = percent.map(|number| Percent::try_from(number).unwrap());
        let to = Steering::new(mode, percent).unwrap();
        AuditLine { at: Timestamp(at), by: "arn:aws:iam::1:user/ada".to_owned(), to, why: "because".to_owned() }
    }

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for route in RouteName::ALL {
            assert_eq!(RouteName::named(route.as_str()), Some(route));
            assert_eq!(serde_json::to_value(route).unwrap(), json!(route.as_str()));
        }
        for mode in [Mode::Monolith, Mode::Shadow, Mode::Canary, Mode::Modern] {
            assert_eq!(serde_json::to_value(mode).unwrap(), json!(mode.as_str()));
        }
    }

    #[test]
    fn a_path_belongs_to_a_route_by_its_first_segment_alone() {
        for (path, route) in [
            ("/search", Some(RouteName::Search)),
            ("/search/suggest", Some(RouteName::Search)),
            ("/articles/mars/premium", Some(RouteName::Articles)),
            ("/searching", None),
            ("/de/search", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(RouteName::of_path(path), route, "{path}");
        }
    }

    #[test]
    fn a_percentage_belongs_to_shadow_and_canary_alone() {
        let ten = Percent::try_from(10).unwrap();
        for mode in [Mode::Shadow, Mode::Canary] {
            assert_eq!(Steering::new(mode, Some(ten)).map(|s| s.percent), Ok(ten));
            assert_eq!(Steering::new(mode, None), Err(NotSteered::NeedsPercent(mode.as_str())));
        }
        for (mode, percent) in [(Mode::Monolith, Percent::NONE), (Mode::Modern, Percent::ALL)] {
            assert_eq!(Steering::new(mode, None).map(|s| s.percent), Ok(percent));
            assert_eq!(Steering::new(mode, Some(ten)), Err(NotSteered::TakesNoPercent(mode.as_str())));
        }
    }

    #[test]
    fn a_steering_is_shown_with_its_percentage_where_it_has_one() {
        let shown = [line(1, Mode::Modern, None), line(1, Mode::Canary, Some(7))].map(|line| line.to.to_string());
        assert_eq!(shown, ["modern", "canary 7 %"]);
    }

    #[test]
    fn a_record_says_what_is_what_was_and_who_said_so() {
        let first = RouteRecord::steered(None, line(1, Mode::Shadow, Some(5)));
        assert_eq!((first.from, first.since), (Steering::default(), Timestamp(1)));
        let second = RouteRecord::steered(Some(&first), line(2, Mode::Modern, None));
        assert_eq!((second.from, second.steering.mode), (first.steering, Mode::Modern));
        let latest_first: Vec<i64> = second.audit.iter().map(|line| line.at.0).collect();
        assert_eq!(latest_first, [2, 1]);
    }

    #[test]
    fn the_audit_has_an_end() {
        let mut record = RouteRecord::steered(None, line(0, Mode::Modern, None));
        for at in 1..100 {
            record = RouteRecord::steered(Some(&record), line(at, Mode::Modern, None));
        }
        assert_eq!((record.audit.len(), record.audit[0].at), (AUDIT_LINES, Timestamp(99)));
    }

    #[test]
    fn the_alarms_word_is_another_event_than_a_persons() {
        let person = RouteRecord::steered(None, line(1, Mode::Modern, None));
        assert_eq!(person.event_name(), "RouteSteered");
        let alarm = AuditLine { by: ALARM.to_owned(), ..line(2, Mode::Monolith, None) };
        assert_eq!(RouteRecord::steered(Some(&person), alarm).event_name(), "RouteRolledBack");
    }

    #[test]
    fn a_record_is_one_flat_object() {
        let record = RouteRecord::steered(None, line(7, Mode::Canary, Some(10)));
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(
            written,
            json!({
                "mode": "canary", "percent": 10, "from": {"mode": "monolith", "percent": 0}, "since": 7,
                "by": "arn:aws:iam::1:user/ada", "why": "because",
                "audit": [{"at": 7, "by": "arn:aws:iam::1:user/ada", "mode": "canary", "percent": 10, "why": "because"}],
            })
        );
        assert_eq!(serde_json::from_value::<RouteRecord>(written).unwrap(), record);
    }

    proptest! {
        #[test]
        fn what_is_no_percentage_is_refused(number in any::<u64>()) {
            prop_assert_eq!(Percent::try_from(number).is_ok(), number <= 100);
            prop_assert_eq!(serde_json::from_value::<Percent>(json!(number)).is_ok(), number <= 100);
        }
    }
}
