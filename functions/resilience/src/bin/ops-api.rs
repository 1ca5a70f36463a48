//! What operators decide about parked intents, the circuits of third parties, and the strangler's routes.

use admission::Admission;
use aws::cases::DynamoCases;
use aws::charges::DynamoRows;
use aws::gates::DynamoGates;
use aws::ledger::DynamoLedger;
use aws::queues::SqsIntents;
use aws::routes::DynamoRoutes;
use aws::system::System;
use lambda::gates::EmfObserver;
use lambda::telemetry::Metrics;
use resilience::{breakers, config, ops, routes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::telemetry::init();
    let env = lambda::config::process();
    let (origin, max_intent_age) = (lambda::http::origin(&env)?, config::max_intent_age(&env)?);
    let (gates, observer) = (lambda::gates::from_env(&env)?, EmfObserver(Metrics::from_env(&env)?));
    let sdk = aws::config::load().await;
    let cases = env.text("CASES_TABLE")?;
    let desk = ops::Desk {
        ledger: DynamoLedger::new(&sdk, env.text("LEDGER_TABLE")?).with_cases(&sdk, &cases),
        cases: DynamoCases::new(&sdk, cases),
        charges: DynamoRows::payments(&sdk, env.text("PAYMENTS_TABLE")?),
        queue: SqsIntents::new(&sdk, env.text("INTENTS_QUEUE_URL")?, System),
        clock: System,
        max_intent_age,
    };
    let gates = Admission::new(DynamoGates::new(&sdk, env.text("GATES_TABLE")?), System, observer, gates);
    let board = breakers::Board { admission: gates, clock: System };
    let mut router = ops::router(desk).merge(breakers::router(board));
    // A stage without a monolith has none.
    if let (Ok(table), Ok(parameter)) = (env.text("ROUTES_TABLE"), env.text("ROUTES_PARAMETER")) {
        let (records, parameter) = (DynamoRoutes::new(&sdk, table), aws::ssm::RoutesParameter::new(&sdk, parameter));
        router = router.merge(routes::router(routes::Signals { records, parameter, clock: System }));
    }
    lambda::http::run(router, origin).await
}
