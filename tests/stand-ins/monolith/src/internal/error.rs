//! What can go wrong with an article, under the codes that the rest of the program, and its operators, know.

use crate::store::StoreError;

/// Why the internal article interface did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ArtError {
    /// There is no article of that name.
    #[error("ART-010: there is no such article")]
    Unknown,
    /// The name of a new article is another one's.
    #[error("ART-020: the key is taken")]
    KeyTaken,
    /// Somebody else was faster.
    #[error("ART-030: the article was changed meanwhile")]
    Changed,
    /// A field is not what it must be.
    #[error("ART-040: {field} {rule}")]
    Field {
        /// Its name in the interface; in one case, from the service, a name of the service's.
        field: String,
        /// What it must be: the end of the sentence that the name begins.
        rule: String,
    },
    /// It was withdrawn: that is for good.
    #[error("ART-050: the article was withdrawn")]
    Withdrawn,
    /// What one side has, the other has no words for.
    #[error("ART-060: {field} cannot be said: {text}")]
    Unsayable {
        /// Its name on the side that has it.
        field: &'static str,
        /// What it is there.
        text: String,
    },
    /// The store does not answer as it should at the moment. Whether a change was made is not known.
    #[error("ART-090: the store of articles is away")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ArtError {
    /// A field and the end of the sentence that its name begins.
    pub fn field(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Field { field: field.into(), rule: rule.into() }
    }

    /// The code in the error's text.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "ART-010",
            Self::KeyTaken => "ART-020",
            Self::Changed => "ART-030",
            Self::Field { .. } => "ART-040",
            Self::Withdrawn => "ART-050",
            Self::Unsayable { .. } => "ART-060",
            Self::Away(_) => "ART-090",
        }
    }
}

impl From<StoreError> for ArtError {
    fn from(error: StoreError) -> Self {
        Self::Away(Box::new(error))
    }
}
