//! Why a request is not answered as it was meant, in HTTP's words.

use axum::response::{IntoResponse, Response};
use domain::articles::transitions::Refused;
use domain::cursor::BadCursor;
use domain::intent::Invalid;
use domain::store::StoreError;
use lambda::problem::Problem;
use lambda_http::http::StatusCode;

/// The longest detail, in characters; what is said of a field may repeat its name, which may be long.
const LONGEST_DETAIL: usize = 300;
/// The longest name of a field in a detail, so that what is wrong with it still follows.
const LONGEST_FIELD: usize = 60;

/// What a handler ends with where it does not answer.
#[derive(Debug)]
pub enum Refusal {
    /// The request is wrong: what, and what it must be.
    Bad(String),
    /// The rules of articles refuse it.
    Rule(Refused),
    /// There is no such article, for this caller.
    Unknown,
    /// It is withdrawn.
    Gone,
    /// The body is for premium subscribers.
    PaymentRequired,
    /// `If-Match` is absent.
    PreconditionRequired,
    /// Somebody wrote since.
    PreconditionFailed,
    /// There is an article of this name.
    NameTaken,
    /// The body is too large to be looked at.
    TooLarge,
    /// Something that we depend on gives no answer.
    Unavailable(StoreError),
    /// Somebody else writes this article all the time.
    Busy,
}

impl Refusal {
    /// The request is wrong in this field.
    pub fn of_field(field: String, why: impl std::fmt::Display) -> Self {
        Self::Bad(format!("{}: {why}", shortened(field, LONGEST_FIELD)))
    }
}

impl From<Invalid> for Refusal {
    fn from(error: Invalid) -> Self {
        Self::Bad(error.to_string())
    }
}

impl From<Refused> for Refusal {
    fn from(error: Refused) -> Self {
        Self::Rule(error)
    }
}

impl From<BadCursor> for Refusal {
    fn from(error: BadCursor) -> Self {
        Self::Bad(error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Bad(detail) => Self::new(StatusCode::BAD_REQUEST, shortened(detail, LONGEST_DETAIL)),
            Refusal::Rule(rule) => match rule {
                Refused::Invalid(invalid) => Self::new(StatusCode::BAD_REQUEST, invalid.to_string()),
                Refused::Unknown => Refusal::Unknown.into(),
                Refused::NoWriter | Refused::NotTheirs | Refused::EditorsField(_) => {
                    Self::new(StatusCode::FORBIDDEN, rule.to_string())
                }
                Refused::Withdrawn => Self::new(StatusCode::GONE, rule.to_string()),
                Refused::WasPublished => Self::new(StatusCode::CONFLICT, rule.to_string()),
            },
            Refusal::Unknown => Self::new(StatusCode::NOT_FOUND, "There is no such article."),
            Refusal::Gone => Self::new(StatusCode::GONE, "The article was withdrawn."),
            Refusal::PaymentRequired => {
                let detail = "The article is for premium subscribers. Subscribe with POST /subscriptions.";
                Self::new(StatusCode::PAYMENT_REQUIRED, detail)
            }
            Refusal::PreconditionRequired => {
                let detail = "If-Match: send the ETag of the version that you have seen.";
                Self::new(StatusCode::PRECONDITION_REQUIRED, detail)
            }
            Refusal::PreconditionFailed => {
                let detail = "Somebody changed the article since. Read it again, then decide.";
                Self::new(StatusCode::PRECONDITION_FAILED, detail)
            }
            Refusal::NameTaken => {
                let detail = "id: there is an article of this name; change it with PUT /articles/{id}.";
                Self::new(StatusCode::CONFLICT, detail)
            }
            Refusal::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The request is larger than 2 MB."),
            Refusal::Unavailable(error) => {
                tracing::error!(error = %error, "the request was not answered");
                Self::unavailable()
            }
            Refusal::Busy => Self::unavailable(),
        }
    }
}

fn shortened(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push('…');
    }
    text
}
