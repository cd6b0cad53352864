//! The ports of a delivery: what it needs of the database, the receivers, the broker and the clock. The program uses
//! [`LivePorts`]; tests put simulated ones in their place.

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use broker::{Message, Publish, PublishError, Publisher};
use domain::{AccountName, DeliveryId, WebhookId};
use jiff::Timestamp;
use outbound::{Attempt, Outbound, Post};
use store::outcomes::{DeliveryRecord, Known};
use store::{Database, StoreError};

use crate::endpoints::{EndpointState, Endpoints};
use crate::record_outcome::{Recorder, Refused};

/// The receivers of webhooks.
pub trait Receivers: Send + Sync {
    /// Makes one POST; see [`Outbound::post`].
    fn post(&self, post: Post<'_>) -> impl Future<Output = Attempt> + Send;
}

/// Everything outside the process that a delivery reaches.
pub trait Ports: Receivers + Publish + 'static {
    /// The time, to the microsecond, PostgreSQL's precision.
    fn now(&self) -> Timestamp;

    /// The log's row of a delivery; see [`Database::known_delivery`].
    fn known_delivery(
        &self,
        delivery: DeliveryId,
        created_at: Option<Timestamp>,
    ) -> impl Future<Output = Result<Option<Known>, StoreError>> + Send;

    /// The settings of a webhook of this account; see [`Endpoints::get`].
    fn endpoint(
        &self,
        webhook: WebhookId,
        account: &AccountName,
    ) -> impl Future<Output = Result<Arc<EndpointState>, Arc<StoreError>>> + Send;

    /// Returns once the record is committed; see [`Recorder::record`].
    fn record(&self, record: DeliveryRecord) -> impl Future<Output = Result<(), Refused>> + Send;
}

impl Receivers for Outbound {
    async fn post(&self, post: Post<'_>) -> Attempt {
        Self::post(self, post).await
    }
}

/// The ports of the program.
pub struct LivePorts {
    /// The delivery log.
    pub database: Database,
    /// The cached settings of webhooks.
    pub endpoints: Endpoints,
    /// Posts to receivers.
    pub outbound: Outbound,
    /// Commits outcomes.
    pub recorder: Recorder,
    /// Publishes retries and rejected jobs.
    pub publisher: Publisher,
}

impl Receivers for LivePorts {
    async fn post(&self, post: Post<'_>) -> Attempt {
        self.outbound.post(post).await
    }
}

impl Ports for LivePorts {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn known_delivery(
        &self,
        delivery: DeliveryId,
        created_at: Option<Timestamp>,
    ) -> Result<Option<Known>, StoreError> {
        self.database.known_delivery(delivery, created_at).await
    }

    async fn endpoint(&self, webhook: WebhookId, account: &AccountName) -> Result<Arc<EndpointState>, Arc<StoreError>> {
        self.endpoints.get(webhook, account).await
    }

    async fn record(&self, record: DeliveryRecord) -> Result<(), Refused> {
        self.recorder.record(record).await
    }
}

impl Publish for LivePorts {
    async fn publish_for_certain(&self, message: &Message) -> Result<(), PublishError> {
        self.publisher.publish_for_certain(message).await
    }
}

/// The system's time, to the microsecond.
pub fn now() -> Timestamp {
    let now = Timestamp::try_from(SystemTime::now()).expect("the system clock is within the calendar");
    Timestamp::from_microsecond(now.as_microsecond()).expect("a timestamp cut to microseconds is a timestamp")
}
