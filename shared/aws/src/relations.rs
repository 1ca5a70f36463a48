//! Customer relations' table, `pk=CUSTOMER#sub, sk=INTENT#intentId`, its newsletter queue, and the user pool's addresses.

use crate::config::service_error;
use crate::item::{Table, key};
use crate::outbox;
use aws_config::SdkConfig;
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::events::{Event, Matter, Outbox};
use domain::intent::CustomerId;
use domain::relations::{Addresses, EmailAddress, NewsletterQueue, NewsletterRequest, Relations, RelationsRows};
use domain::services::ServiceError;
use domain::store::{Commit, StoreError, Versioned};

/// Customer relations on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoRelations(Table);

impl DynamoRelations {
    /// Rows in this table.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self(Table::new(sdk, table, "customer-relations"))
    }
}

fn place(matter: &Matter) -> crate::item::Item {
    key(format!("CUSTOMER#{}", matter.customer), Some(format!("INTENT#{}", matter.intent())))
}

impl Outbox for DynamoRelations {
    async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        outbox::tell(&self.0, events, true).await
    }
}

impl RelationsRows for DynamoRelations {
    async fn relations(&self, matter: &Matter) -> Result<Option<Versioned<Relations>>, StoreError> {
        self.0.get(place(matter)).await
    }

    async fn put(&self, row: Relations, based_on: Option<u64>, tell: &[Event]) -> Result<Commit, StoreError> {
        let put = self.0.put(place(&row.matter), &row, based_on)?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        writes.extend(outbox::puts(&self.0, tell, true)?);
        self.0.write(writes).await
    }
}

/// The queue that a Pipe makes the newsletter's requests of.
#[derive(Debug, Clone)]
pub struct SqsNewsletter {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsNewsletter {
    /// The queue at this URL.
    pub fn new(sdk: &SdkConfig, url: impl Into<String>) -> Self {
        Self { client: aws_sdk_sqs::Client::new(sdk), url: url.into() }
    }
}

impl NewsletterQueue for SqsNewsletter {
    async fn request(&self, request: &NewsletterRequest) -> Result<(), ServiceError> {
        let body = serde_json::to_string(request).map_err(|e| service_error("SQS", &e))?;
        let send = self.client.send_message().queue_url(&self.url).message_body(body);
        send.send().await.map_err(|e| service_error("SQS", &e))?;
        Ok(())
    }
}

/// The customers' user pool.
#[derive(Debug, Clone)]
pub struct CognitoAddresses {
    client: aws_sdk_cognitoidentityprovider::Client,
    user_pool: String,
}

impl CognitoAddresses {
    /// The user pool of this id.
    pub fn new(sdk: &SdkConfig, user_pool: impl Into<String>) -> Self {
        Self { client: aws_sdk_cognitoidentityprovider::Client::new(sdk), user_pool: user_pool.into() }
    }
}

impl Addresses for CognitoAddresses {
    /// By `sub`, which the API takes for a user name. An address that nobody has verified is none.
    async fn address(&self, customer: &CustomerId) -> Result<Option<EmailAddress>, ServiceError> {
        let get = self.client.admin_get_user().user_pool_id(&self.user_pool).username(customer.as_str());
        let user = match get.send().await {
            Ok(user) => user,
            Err(error) if error.code() == Some("UserNotFoundException") => return Ok(None),
            Err(error) => return Err(service_error("Cognito", &error)),
        };
        let attribute = |name: &str| user.user_attributes().iter().find(|a| a.name() == name).and_then(|a| a.value());
        if attribute("email_verified") != Some("true") {
            return Ok(None);
        }
        Ok(attribute("email").and_then(|address| EmailAddress::new(address).ok()))
    }
}
