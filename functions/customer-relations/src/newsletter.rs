//! What the newsletter's provider never took: from the dead-letter queue of its requests. Each becomes an event, once.

use domain::events::{Event, Failed, Happened};
use domain::idempotency::{Record, Records};
use domain::intent::what_is_wrong;
use domain::relations::NewsletterRequest;
use domain::store::Commit;
use domain::time::Clock;
use lambda::events::HearError;

/// The reason, as a Pipe does not say more: it tried, for as long as the queue let it.
const NOT_TAKEN: &str = "not-taken";

/// The service behind the Lambda `newsletter-failed`.
pub struct NewsletterFailures<S, C> {
    /// What was told already.
    pub records: S,
    /// The time.
    pub clock: C,
}

impl<S: Records, C: Clock> NewsletterFailures<S, C> {
    /// Tells of one request that was never taken. What is no request stays where it is: the queue's alarm has rung, and a
    /// person looks at it.
    ///
    /// # Errors
    /// [`HearError`]: the message comes again.
    pub async fn handle(&self, text: &str) -> Result<(), HearError> {
        let request: NewsletterRequest = serde_json::from_str(text).map_err(|error| {
            HearError::NotYet(format!("not a request for the newsletter: {}", what_is_wrong(&error)))
        })?;
        let now = self.clock.now();
        let matter = request.matter;
        let event: Event = Happened::NewsletterFailed(Failed { matter, reason: NOT_TAKEN.to_owned() }).at(now);
        let told = Record::completed(NOT_TAKEN.to_owned(), now);
        // A conflict: it was told already. Telling once more is how a repeat is answered.
        if self.records.put(&event.id(), told, None, std::slice::from_ref(&event)).await? == Commit::Conflict {
            self.records.tell(&[event]).await?;
        }
        Ok(())
    }
}
