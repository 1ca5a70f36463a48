//! Hears of customers who became premium, and of what the others say.

use crate::CONFLICTS;
use domain::events::{Activated, Event, Happened};
use domain::relations::{
    Addresses, Newsletter, NewsletterQueue, NewsletterRequest, Reaction, RelationsRows, begin, hear,
};
use domain::store::Commit;
use domain::time::Clock;
use lambda::events::HearError;

/// The reason of a newsletter that nobody can be sent: the customer has no verified address.
const NO_ADDRESS: &str = "no-address";

/// The service behind the Lambda `customer-relations-events`.
pub struct CustomerRelations<S, A, Q, C> {
    /// The rows.
    pub rows: S,
    /// Where customers get letters.
    pub addresses: A,
    /// Where requests for the newsletter go.
    pub newsletter: Q,
    /// The time.
    pub clock: C,
}

impl<S: RelationsRows, A: Addresses, Q: NewsletterQueue, C: Clock> CustomerRelations<S, A, Q, C> {
    /// Hears one event.
    ///
    /// # Errors
    /// [`HearError`]: the event comes again.
    pub async fn hear(&self, event: &Event) -> Result<(), HearError> {
        let matter = event.happened.matter();
        for _ in 0..CONFLICTS {
            let stored = self.rows.relations(matter).await?;
            let revision = stored.as_ref().map(|stored| stored.revision);
            let row = stored.map(|stored| stored.value);
            let reaction = match (&event.happened, &row) {
                (Happened::SubscriptionActivated(activated), None) => {
                    begin(None, activated, self.ask_newsletter(activated).await?)
                }
                (Happened::SubscriptionActivated(activated), Some(row)) => {
                    begin(Some(row), activated, row.newsletter.clone())
                }
                // An answer comes after the question, whose row was written first.
                (_, None) => Reaction::Pass,
                (happened, Some(row)) => hear(row, happened),
            };
            let now = self.clock.now();
            match reaction {
                Reaction::Pass => return Ok(()),
                Reaction::Tell(again) => return Ok(self.rows.tell(&[again.at(now)]).await?),
                Reaction::Write(row, told) => {
                    let told: Vec<Event> = told.map(|told| told.at(now)).into_iter().collect();
                    if self.rows.put(*row, revision, &told).await? == Commit::Done {
                        tracing::info!(intent.id = %matter.intent(), event = event.happened.name(), "heard");
                        return Ok(());
                    }
                }
            }
        }
        Err(HearError::Contended)
    }

    /// Hands the newsletter's request to its queue, where it is wanted and there is somewhere to send it to.
    async fn ask_newsletter(&self, activated: &Activated) -> Result<Newsletter, HearError> {
        if !activated.newsletter {
            return Ok(Newsletter::NotWanted);
        }
        match self.addresses.address(&activated.matter.customer).await? {
            None => Ok(Newsletter::Failed { reason: NO_ADDRESS.to_owned() }),
            Some(address) => {
                self.newsletter.request(&NewsletterRequest::of(&activated.matter, address)).await?;
                Ok(Newsletter::Queued)
            }
        }
    }
}
