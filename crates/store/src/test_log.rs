//! A test of a saved webhook in the delivery log: written at its end, once, and of no effect on anything else.

use bytes::Bytes;
use domain::{AccountName, DeliveryId, DeliveryState, Outcome, Trigger, WebhookId};
use jiff::Timestamp;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// A test that was made.
#[derive(Debug, Clone)]
pub struct TestRecord {
    /// Names it in the log; was sent as `webhook-id`.
    pub delivery: DeliveryId,
    /// Tenant that owns the webhook.
    pub account: AccountName,
    /// What was tested.
    pub webhook: WebhookId,
    /// Id of the example event.
    pub event_id: String,
    /// Name of its type.
    pub event_type: String,
    /// Exact bytes posted and signed.
    pub payload: Bytes,
    /// W3C trace context of the request for the test.
    pub traceparent: Option<String>,
    /// When its attempt began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// From beginning to end, in milliseconds.
    pub response_time_ms: u32,
    /// Reason in words, when there was no answer.
    pub error: Option<String>,
    /// Beginning of the answer's body.
    pub response_excerpt: Vec<u8>,
}

/// Both tables in one statement, so in one transaction.
const RECORD_TEST: &str = "
    WITH test AS (
        INSERT INTO deliveries (id, created_on, account, webhook_id, event_id, event_type, state, test, attempts, step,
            http_status, error, response_time_ms, payload, traceparent, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, true, 1, 0, $8, $9, $10, $11, $12, $13, now())
    )
    INSERT INTO attempts (delivery_id, created_on, number, trigger, at, outcome, http_status, response_time_ms, error,
        response_excerpt)
    VALUES ($1, $2, 1, $14, $13, $15, $8, $10, $9, $16)";

impl Database {
    /// Writes a test into its webhook's log. The webhook's health stays as it is, whatever came of the test.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn record_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        match self.try_record_test(test).await {
            Err(error) if error.is_missing_partition() => {
                self.create_partitions([day_of(test.at)]).await?;
                self.try_record_test(test).await
            }
            result => result,
        }
    }

    async fn try_record_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        let state = if test.outcome.is_success() { DeliveryState::Delivered } else { DeliveryState::Failed };
        let http_status = test.http_status.and_then(|status| i16::try_from(status).ok());
        let response_time_ms = i32::try_from(test.response_time_ms).unwrap_or(i32::MAX);
        let excerpt = Some(test.response_excerpt.as_slice()).filter(|excerpt| !excerpt.is_empty());
        let connection = self.connection().await?;
        connection
            .execute(
                RECORD_TEST,
                &[
                    &test.delivery.as_uuid(),
                    &day_of(test.at),
                    &test.account.as_str(),
                    &test.webhook.0,
                    &test.event_id,
                    &test.event_type,
                    &state.as_str(),
                    &http_status,
                    &test.error,
                    &response_time_ms,
                    &&test.payload[..],
                    &test.traceparent,
                    &test.at,
                    &Trigger::Test.as_str(),
                    &test.outcome.as_str(),
                    &excerpt,
                ],
            )
            .await?;
        Ok(())
    }
}
