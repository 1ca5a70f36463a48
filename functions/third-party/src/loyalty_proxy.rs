//! Loyalty-proxy: enrols who became premium. The programme's answer is needed, and nobody hurries: what fails comes again from
//! the queue, and what the programme refuses for good is told.

use crate::CONFLICTS;
use domain::events::{Enrolled, Event, Failed, Happened, Matter};
use domain::idempotency::{self, Claim, Record, Records};
use domain::loyalty::{Enrolment, EnrolmentError, LoyaltyProgramme, MemberId};
use domain::store::Commit;
use domain::time::Clock;
use lambda::events::HearError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// For how long an event is this call's; longer than the function's time-out of 30 seconds.
const LEASE: Duration = Duration::from_mins(1);

/// What was made of an event, as its record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Made {
    Enrolled(MemberId),
    Refused(String),
}

impl Made {
    fn told(&self, matter: &Matter) -> Happened {
        let matter = matter.clone();
        match self {
            Self::Enrolled(member) => Happened::LoyaltyEnrolled(Enrolled { matter, member: member.clone() }),
            Self::Refused(code) => Happened::LoyaltyEnrolmentFailed(Failed { matter, reason: code.clone() }),
        }
    }
}

/// The service behind the Lambda `loyalty-proxy`.
pub struct LoyaltyProxy<S, P, C> {
    /// What was made of each event.
    pub records: S,
    /// Who enrols.
    pub programme: P,
    /// The time.
    pub clock: C,
}

impl<S: Records, P: LoyaltyProgramme, C: Clock> LoyaltyProxy<S, P, C> {
    /// Hears one event.
    ///
    /// # Errors
    /// [`HearError`]: the event comes again.
    pub async fn hear(&self, event: &Event) -> Result<(), HearError> {
        let Happened::CustomerStatusUpdated(updated) = &event.happened else { return Ok(()) };
        let (id, matter) = (event.id(), &updated.matter);
        for _ in 0..CONFLICTS {
            let stored = self.records.record(&id).await?;
            let revision = stored.as_ref().map(|stored| stored.revision);
            match idempotency::claim(stored.map(|stored| stored.value).as_ref(), LEASE, self.clock.now()) {
                Claim::Busy => return Err(HearError::NotYet("another call works on this event".to_owned())),
                Claim::Done(data) => {
                    let made: Made = serde_json::from_str(&data)
                        .map_err(|error| HearError::NotYet(format!("its record cannot be read: {error}")))?;
                    return Ok(self.records.tell(&[made.told(matter).at(self.clock.now())]).await?);
                }
                Claim::Take(record) => {
                    if self.records.put(&id, record, revision, &[]).await? == Commit::Done {
                        return self.enrol(event, matter, revision.unwrap_or(0) + 1).await;
                    }
                }
            }
        }
        Err(HearError::Contended)
    }

    /// Enrols for an event that is ours, whose record has this revision.
    async fn enrol(&self, event: &Event, matter: &Matter, revision: u64) -> Result<(), HearError> {
        let enrolment =
            Enrolment { customer: matter.customer.clone(), tier: matter.tier, reference: matter.charge.clone() };
        let made = match self.programme.enrol(&enrolment).await {
            Ok(member) => Made::Enrolled(member),
            Err(EnrolmentError::Rejected { code }) => {
                tracing::warn!(charge = %matter.charge, code, "the loyalty programme refuses for good");
                Made::Refused(code)
            }
            Err(error) => {
                // Free for the next try; should this write be lost, the record frees itself.
                let freed =
                    self.records.put(&event.id(), Record::given_back(self.clock.now()), Some(revision), &[]).await;
                tracing::info!(charge = %matter.charge, error = %error, freed = ?freed, "nobody was enrolled yet");
                return Err(HearError::NotYet(error.to_string()));
            }
        };
        let now = self.clock.now();
        let data = serde_json::to_string(&made).map_err(|error| HearError::NotYet(error.to_string()))?;
        let told = made.told(matter).at(now);
        match self.records.put(&event.id(), Record::completed(data, now), Some(revision), &[told]).await? {
            Commit::Done => Ok(()),
            // It took longer than its lease: whoever took over enrols the same customer under the same reference.
            Commit::Conflict => Err(HearError::Contended),
        }
    }
}
