//! Queues, trials and secrets.

use crate::place::{NOW, intent, sdk, unique};
use aws::queues::{SqsDeadLetters, SqsIntents};
use aws::states::{PipelineTrials, Target};
use aws_config::SdkConfig;
use domain::pipeline::{Evidence, Trials};
use domain::services::{DeadLetters, IntentQueue};
use domain::time::{Clock, Timestamp};
use std::time::Duration;

#[derive(Clone, Copy)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

async fn queue(sdk: &SdkConfig) -> String {
    let made = aws_sdk_sqs::Client::new(sdk).create_queue().queue_name(unique("queue")).send().await.unwrap();
    made.queue_url.unwrap()
}

#[tokio::test]
async fn an_intent_that_is_sent_is_what_a_trial_receives() {
    let sdk = sdk().await;
    let url = queue(&sdk).await;
    let message = intent("ada", 1, 0).message();
    SqsIntents::new(&sdk, &url, Fixed).send(&message, Duration::ZERO).await.unwrap();
    let trials = PipelineTrials::new(
        &sdk,
        Target::StateMachine("arn:aws:states:eu-central-1:000000000000:stateMachine:none".to_owned()),
        &url,
    );
    let received = trials.receive(3).await.unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(domain::intent::IntentMessage::parse(&received[0].body).unwrap(), message);
    trials.delete(&received[0]).await.unwrap();
    assert_eq!(trials.receive(3).await.unwrap(), []);
    aws_sdk_sqs::Client::new(&sdk).delete_queue().queue_url(&url).send().await.unwrap();
}

#[tokio::test]
async fn a_queue_that_nobody_measured_is_empty() {
    let sdk = sdk().await;
    let queue = SqsIntents::new(&sdk, "http://localhost/000000000000/never-made", Fixed);
    assert_eq!(queue.oldest_age().await.unwrap(), Duration::ZERO);
}

#[tokio::test]
async fn a_dead_letter_carries_its_reason() {
    let sdk = sdk().await;
    let url = queue(&sdk).await;
    SqsDeadLetters::new(&sdk, &url).park("garbage", "not an intent").await.unwrap();
    let client = aws_sdk_sqs::Client::new(&sdk);
    let got = client.receive_message().queue_url(&url).message_attribute_names("All").send().await.unwrap();
    let letter = &got.messages()[0];
    assert_eq!(letter.body(), Some("garbage"));
    let reason = letter.message_attributes().unwrap()["reason"].string_value();
    assert_eq!(reason, Some("not an intent"));
    client.delete_queue().queue_url(&url).send().await.unwrap();
}

#[tokio::test]
async fn a_trial_is_judged_by_what_its_execution_says() {
    let sdk = sdk().await;
    let (url, states) = (queue(&sdk).await, aws_sdk_sfn::Client::new(&sdk));
    for (end, evidence) in [
        (r#"{"Type": "Succeed", "Output": {"evidence": "healthy"}}"#, Evidence::Healthy),
        (r#"{"Type": "Succeed", "Output": {"evidence": "none"}}"#, Evidence::None),
        (r#"{"Type": "Succeed", "Output": {"evidence": "failed"}}"#, Evidence::Failed),
        (r#"{"Type": "Succeed", "Output": {"evidence": "failure"}}"#, Evidence::None),
        (r#"{"Type": "Succeed", "Output": "no word of it"}"#, Evidence::Healthy),
        (r#"{"Type": "Fail", "Error": "Retryable"}"#, Evidence::Failed),
    ] {
        let definition = format!(r#"{{"QueryLanguage": "JSONata", "StartAt": "End", "States": {{"End": {end}}}}}"#);
        let made = states
            .create_state_machine()
            .name(unique("machine"))
            .definition(definition)
            .role_arn("arn:aws:iam::000000000000:role/contract")
            .send()
            .await
            .unwrap();
        let trials = PipelineTrials::new(&sdk, Target::StateMachine(made.state_machine_arn.clone()), &url);
        SqsIntents::new(&sdk, &url, Fixed).send(&intent("ada", 1, 0).message(), Duration::ZERO).await.unwrap();
        let received = trials.receive(1).await.unwrap();
        let execution = trials.start(&received[0], "probe-1-m").await.unwrap();
        let found = loop {
            if let Some(found) = trials.evidence(&execution).await.unwrap() {
                break found;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(found, evidence, "{end}");
        // A repeated start answers with the execution that it started before.
        assert_eq!(trials.start(&received[0], "probe-1-m").await.unwrap(), execution);
        trials.delete(&received[0]).await.unwrap();
        states.delete_state_machine().state_machine_arn(made.state_machine_arn).send().await.unwrap();
    }
    aws_sdk_sqs::Client::new(&sdk).delete_queue().queue_url(&url).send().await.unwrap();
}

#[tokio::test]
async fn a_secret_is_read_and_a_missing_one_is_an_error() {
    let sdk = sdk().await;
    let name = unique("secret");
    assert!(aws::secrets::read(&sdk, &name).await.is_err());
    let client = aws_sdk_secretsmanager::Client::new(&sdk);
    client.create_secret().name(&name).secret_string("sk_test").send().await.unwrap();
    assert_eq!(aws::secrets::read(&sdk, &name).await.unwrap(), "sk_test");
    client.delete_secret().secret_id(&name).force_delete_without_recovery(true).send().await.unwrap();
}
