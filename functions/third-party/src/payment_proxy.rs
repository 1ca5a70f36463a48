//! Payment-proxy: it alone speaks to the payment provider in a choreography. It stores the provider's id before it
//! confirms, cancels what was declined before it says so, and lets the provider's object decide.

use crate::CONFLICTS;
use domain::charges::{Rows, Settled};
use domain::choreography::Reaction;
use domain::choreography::payment_proxy::{
    GiveBack, ProviderCharge, ProviderState, Take, give_back, moved, take, told,
};
use domain::events::{Event, Failed, Happened, Matter, Order};
use domain::payment_dialogue::{self, GivenBack, Keys};
use domain::payment_provider::{NewPayment, PaymentId, PaymentProvider, PaymentState, ProviderError};
use domain::store::{Commit, Versioned};
use domain::time::Clock;
use lambda::events::HearError;

/// Why a payment failed that the issuer did not decline by its own code.
const DECLINED: &str = "card-declined";
/// The issuer wants the customer to act, which nobody can ask for in the background.
const ACTION_REQUIRED: &str = "action-required";

/// The service behind the Lambda `payment-proxy`.
pub struct PaymentProxy<S, P, C> {
    /// What is known of each charge at the provider.
    pub charges: S,
    /// Who takes the money.
    pub provider: P,
    /// The time.
    pub clock: C,
}

type Row = Option<Versioned<ProviderCharge>>;

impl<S: Rows<ProviderCharge>, P: PaymentProvider, C: Clock> PaymentProxy<S, P, C> {
    /// Hears one event.
    ///
    /// # Errors
    /// [`HearError`]: the event comes again.
    pub async fn hear(&self, event: &Event) -> Result<(), HearError> {
        for _ in 0..CONFLICTS {
            let matter = event.happened.matter();
            let row = self.charges.row(&matter.charge).await?;
            let done = match &event.happened {
                Happened::FraudCheckPassed(order) => self.take(row, order).await?,
                Happened::PaymentRefundRequested(refused) => self.give_back(row, &refused.matter).await?,
                _ => return Ok(()),
            };
            if done == Commit::Done {
                return Ok(());
            }
        }
        Err(HearError::Contended)
    }

    async fn take(&self, row: Row, order: &Order) -> Result<Commit, HearError> {
        let (matter, revision) = (&order.matter, row.as_ref().map(|row| row.revision));
        match take(row.as_ref().map(|row| &row.value), matter) {
            Take::Pass => Ok(Commit::Done),
            Take::Tell(again) => self.react(Reaction::Tell(*again), revision).await,
            Take::Create => {
                let created = self.create(order).await?;
                let Some(id) = created else {
                    let declined = ProviderState::Declined { reason: DECLINED.to_owned() };
                    return self.answer(matter, declined, revision).await;
                };
                let open = moved(matter, ProviderState::Open { payment_id: id });
                // Whoever loses this race leaves an orphan that takes no money. Either way the stored row goes on.
                let stored = self.charges.put(open, None, &[]).await?;
                tracing::info!(charge = %matter.charge, stored = ?stored, "a payment was created");
                Ok(Commit::Conflict)
            }
            Take::Ask(id) => self.collect(matter, &id, revision).await,
        }
    }

    /// A payment that nobody confirmed. `None`: the issuer declines its token.
    async fn create(&self, order: &Order) -> Result<Option<PaymentId>, HearError> {
        let matter = &order.matter;
        let payment = NewPayment {
            money: matter.price.clone(),
            payment_method: order.payment_method.as_str().to_owned(),
            intent: matter.intent().to_string(),
        };
        match self.provider.create(&keys(matter).create(), &payment).await {
            Ok(id) => Ok(Some(id)),
            Err(ProviderError::Declined { .. }) => Ok(None),
            Err(error) => Err(not_yet(matter, &error)),
        }
    }

    async fn collect(&self, matter: &Matter, id: &PaymentId, revision: Option<u64>) -> Result<Commit, HearError> {
        let not_yet = |error| not_yet(matter, &error);
        let confirmed = payment_dialogue::confirm(&self.provider, keys(matter), id).await.map_err(not_yet)?;
        let (reason, state) = match confirmed {
            // It can be confirmed again, by anybody who has an old message: it is cancelled before anybody is told.
            PaymentState::Declined => (DECLINED, self.cancel(matter, id).await?),
            PaymentState::ActionRequired => (ACTION_REQUIRED, self.cancel(matter, id).await?),
            state => (DECLINED, state),
        };
        match state {
            PaymentState::Captured => {
                self.answer(matter, ProviderState::Captured { payment_id: id.clone() }, revision).await
            }
            PaymentState::Canceled => {
                self.answer(matter, ProviderState::Declined { reason: reason.to_owned() }, revision).await
            }
            // Given back by somebody else, or on its way there: recovery will ask to settle it.
            PaymentState::Refunded | PaymentState::RefundPending => Ok(Commit::Done),
            PaymentState::Unconfirmed
            | PaymentState::Processing
            | PaymentState::Declined
            | PaymentState::ActionRequired => {
                Err(HearError::NotYet("the payment's outcome is not known yet".to_owned()))
            }
        }
    }

    async fn cancel(&self, matter: &Matter, id: &PaymentId) -> Result<PaymentState, HearError> {
        let canceled = payment_dialogue::cancel(&self.provider, keys(matter), id).await;
        canceled.map_err(|error| not_yet(matter, &error))
    }

    async fn give_back(&self, row: Row, matter: &Matter) -> Result<Commit, HearError> {
        let revision = row.as_ref().map(|row| row.revision);
        match give_back(row.as_ref().map(|row| &row.value), matter) {
            GiveBack::Answer(reaction) => self.react(reaction, revision).await,
            GiveBack::Begin(row) => {
                let begun = self.charges.put(row, revision, &[]).await?;
                tracing::info!(charge = %matter.charge, begun = ?begun, "the charge must not stand");
                Ok(Commit::Conflict)
            }
            GiveBack::Settle(id) => match self.settle(matter, &id).await? {
                GivenBack::Settled(Settled::Refunded) => self.answer(matter, ProviderState::Refunded, revision).await,
                GivenBack::Settled(Settled::Canceled) => self.answer(matter, ProviderState::Canceled, revision).await,
                GivenBack::Refused { code } => {
                    tracing::error!(charge = %matter.charge, code, "the provider refuses to settle: money may be held");
                    let failed = Happened::PaymentRefundFailed(Failed { matter: matter.clone(), reason: code });
                    self.charges.tell(&[failed.at(self.clock.now())]).await?;
                    Ok(Commit::Done)
                }
                GivenBack::Pending => Err(HearError::NotYet("the payment is not settled yet".to_owned())),
            },
        }
    }

    async fn settle(&self, matter: &Matter, id: &PaymentId) -> Result<GivenBack, HearError> {
        let given = payment_dialogue::give_back(&self.provider, keys(matter), id).await;
        given.map_err(|error| not_yet(matter, &error))
    }

    /// Writes a state and tells its event.
    async fn answer(&self, matter: &Matter, state: ProviderState, revision: Option<u64>) -> Result<Commit, HearError> {
        let events: Vec<Event> = told(&state, matter).map(|event| event.at(self.clock.now())).into_iter().collect();
        tracing::info!(charge = %matter.charge, state = state.as_str(), "the provider's object says so");
        Ok(self.charges.put(moved(matter, state), revision, &events).await?)
    }

    async fn react(&self, reaction: Reaction<ProviderCharge>, revision: Option<u64>) -> Result<Commit, HearError> {
        let now = self.clock.now();
        match reaction {
            Reaction::Pass => Ok(Commit::Done),
            Reaction::Tell(again) => {
                self.charges.tell(&[again.at(now)]).await?;
                Ok(Commit::Done)
            }
            Reaction::Write(row, told) => Ok(self.charges.put(row, revision, &[told.at(now)]).await?),
        }
    }
}

fn keys(matter: &Matter) -> Keys<'_> {
    Keys { charge: &matter.charge, attempt: matter.attempt, retry: 0 }
}

fn not_yet(matter: &Matter, error: &ProviderError) -> HearError {
    if error.nothing_happened() {
        tracing::info!(charge = %matter.charge, error = %error, "the payment provider was not called");
    } else {
        tracing::warn!(charge = %matter.charge, error = %error, "the payment provider gave no usable answer");
    }
    HearError::NotYet(error.to_string())
}
