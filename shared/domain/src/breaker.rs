//! The states of every breaker of ours, the pipeline's and the gates'.

use serde::{Deserialize, Serialize};

/// What a breaker is, or shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls, or intents, flow.
    Closed,
    /// None flow, until it is time to try.
    Open,
    /// A few are tried.
    HalfOpen,
    /// A person stopped it, or somebody stopped its switch behind our back: it stays so until a person says otherwise.
    ForcedOpen,
    /// They flow, and no failure changes that.
    Disabled,
}

impl BreakerState {
    /// Whether everything flows.
    pub fn lets_flow(self) -> bool {
        matches!(self, Self::Closed | Self::Disabled)
    }

    /// The word in tables, events and projections.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        }
    }
    /// The state that a word in a table means.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Closed, Self::Open, Self::HalfOpen, Self::ForcedOpen, Self::Disabled]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}
