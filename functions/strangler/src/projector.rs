//! `route-projector`: the parameter and the API's stage follow the records, and the bus hears of each change.

use domain::routes::store::{RouteChange, RouteNews, RouteProjection, RouteRecords};
use domain::routes::table::RouteTable;
use domain::routes::{RouteName, RouteRecord};
use domain::services::ServiceError;
use domain::store::{StoreError, Versioned};

/// How often everything is written anew when somebody steers meanwhile; persons and alarms are slower.
const ROUNDS: u32 = 10;

/// Why the records are not followed; the batch comes again.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The table gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Parameter, stage or bus gave no answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The records changed after every write.
    #[error("the routes changed again and again while they were written")]
    Busy,
}

/// The service behind the Lambda `route-projector`.
pub struct Projector<T, P, S, N> {
    /// The records.
    pub records: T,
    /// What the splitter reads.
    pub parameter: P,
    /// Whom API Gateway calls.
    pub stage: S,
    /// Who hears of it.
    pub news: N,
}

impl<T: RouteRecords, P: RouteProjection, S: RouteProjection, N: RouteNews> Projector<T, P, S, N> {
    /// Follows the records as they are now, and tells of the changes.
    ///
    /// # Errors
    /// [`ProjectError`]: the same changes come again; what was done of them is done again, which changes nothing.
    pub async fn handle(&self, changes: &[RouteChange]) -> Result<(), ProjectError> {
        self.project().await?;
        for change in changes {
            self.news.tell(change).await?;
            let record = &change.record.value;
            tracing::warn!(
                route = change.route.as_str(),
                route.revision = change.record.revision,
                route.to = %record.steering,
                route.by = record.by,
                "a route was steered"
            );
        }
        Ok(())
    }

    /// Reads again after writing, until nothing has changed: of two that write at the same time, the one that wrote what
    /// was older finds the newer record afterwards. Neither parameter nor stage could be written conditionally.
    async fn project(&self) -> Result<(), ProjectError> {
        let mut records = self.read().await?;
        for _ in 0..ROUNDS {
            let steerings =
                records.iter().filter_map(|(route, record)| Some((*route, record.as_ref()?.value.steering)));
            let table: RouteTable = steerings.collect();
            self.parameter.publish(&table).await?;
            self.stage.publish(&table).await?;
            let now = self.read().await?;
            if now == records {
                return Ok(());
            }
            records = now;
        }
        Err(ProjectError::Busy)
    }

    async fn read(&self) -> Result<Vec<(RouteName, Option<Versioned<RouteRecord>>)>, StoreError> {
        let mut records = Vec::new();
        for route in RouteName::ALL {
            records.push((route, self.records.record(route).await?));
        }
        Ok(records)
    }
}
