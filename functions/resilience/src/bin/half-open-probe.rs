//! A tick of the pipeline breaker.

use aws::cloudwatch::MetricAlarm;
use aws::pipelines::DynamoRecords;
use aws::pipes::PipeSwitch;
use aws::ssm::StatusParameter;
use aws::states::{Choreography, PipelineTrials, Target};
use aws::system::System;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use resilience::config::ProbeConfig;
use resilience::probe::{Probe, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda::telemetry::init();
    let config = ProbeConfig::from_env(&lambda::config::process())?;
    let sdk = aws::config::load().await;
    let target = match config.choreography {
        Some((function, ledger)) => Target::Choreography(Choreography::new(&sdk, function, ledger)),
        None => Target::StateMachine(config.state_machine_arn),
    };
    let probe = Probe {
        records: DynamoRecords::new(&sdk, config.pipelines_table, config.pipeline_name),
        switch: PipeSwitch::new(&sdk, config.pipe_name),
        projection: StatusParameter::new(&sdk, config.status_parameter),
        alarm: MetricAlarm::new(&sdk, config.alarm_name),
        trials: PipelineTrials::new(&sdk, target, config.queue_url),
        clock: System,
        chance: System,
        pause: System,
        knobs: config.knobs,
    };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Request>| {
        probe.handle(event.payload, &event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
