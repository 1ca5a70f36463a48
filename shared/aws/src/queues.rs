//! Queues: the intents' one, dead letters with a reason, requests to compare.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use domain::intent::IntentMessage;
use domain::routes::store::ShadowQueue;
use domain::services::{DeadLetters, IntentQueue, ServiceError};
use domain::time::{Clock, Timestamp};
use std::time::Duration;

const SERVICE: &str = "SQS";

/// How far back the queue's age is looked up; CloudWatch knows it a few minutes late.
const AGE_WINDOW: Duration = Duration::from_mins(15);

/// The queue that the Pipe reads.
#[derive(Debug, Clone)]
pub struct SqsIntents<C> {
    client: Client,
    url: String,
    metrics: aws_sdk_cloudwatch::Client,
    clock: C,
}

impl<C: Clock> SqsIntents<C> {
    /// The queue at this URL.
    pub fn new(sdk: &SdkConfig, url: impl Into<String>, clock: C) -> Self {
        let metrics = aws_sdk_cloudwatch::Client::new(sdk);
        Self { client: Client::new(sdk), url: url.into(), metrics, clock }
    }
}

impl<C: Clock + Sync> IntentQueue for SqsIntents<C> {
    async fn send(&self, message: &IntentMessage, delay: Duration) -> Result<(), ServiceError> {
        let body =
            serde_json::to_string(message).map_err(|e| ServiceError { service: SERVICE, reason: e.to_string() })?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .delay_seconds(i32::try_from(delay.as_secs().min(900)).unwrap_or(900))
            .send()
            .await
            .map_err(|e| service_error(SERVICE, &e))?;
        Ok(())
    }

    /// From the metric `ApproximateAgeOfOldestMessage`; no data means an empty queue.
    async fn oldest_age(&self) -> Result<Duration, ServiceError> {
        let now = self.clock.now();
        let moment = |t: Timestamp| DateTime::from_millis(t.0);
        let name = self.url.rsplit('/').next().unwrap_or_default();
        let answer = self
            .metrics
            .get_metric_statistics()
            .namespace("AWS/SQS")
            .metric_name("ApproximateAgeOfOldestMessage")
            .dimensions(Dimension::builder().name("QueueName").value(name).build())
            .start_time(moment(now.minus(AGE_WINDOW)))
            .end_time(moment(now))
            .period(60)
            .statistics(Statistic::Maximum)
            .send()
            .await
            .map_err(|e| service_error("CloudWatch", &e))?;
        let oldest = answer.datapoints().iter().filter_map(|d| d.maximum).fold(0.0, f64::max);
        Ok(Duration::try_from_secs_f64(oldest).unwrap_or_default())
    }
}

/// A dead-letter queue.
#[derive(Debug, Clone)]
pub struct SqsDeadLetters {
    client: Client,
    url: String,
}

impl SqsDeadLetters {
    /// The queue at this URL.
    pub fn new(sdk: &SdkConfig, url: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), url: url.into() }
    }
}

impl DeadLetters for SqsDeadLetters {
    async fn park(&self, text: &str, reason: &str) -> Result<(), ServiceError> {
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(reason)
            .build()
            .map_err(|e| service_error(SERVICE, &e))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(text)
            .message_attributes("reason", reason)
            .send()
            .await
            .map_err(|e| service_error(SERVICE, &e))?;
        Ok(())
    }
}

/// The queue of requests that are to be compared.
#[derive(Debug, Clone)]
pub struct SqsShadows {
    client: Client,
    url: String,
}

impl SqsShadows {
    /// The queue at this URL.
    pub fn new(sdk: &SdkConfig, url: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), url: url.into() }
    }
}

impl ShadowQueue for SqsShadows {
    async fn send(&self, text: &str) -> Result<(), ServiceError> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(text).send().await;
        sent.map_err(|e| service_error(SERVICE, &e))?;
        Ok(())
    }
}
