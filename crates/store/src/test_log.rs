//! Records a test delivery of a saved webhook in the delivery log: once, at its end, without other effects.

use domain::{DeliveryHead, DeliveryState, Outcome, Trigger};

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// A finished test delivery.
#[derive(Debug, Clone)]
pub struct TestRecord {
    /// The delivery, of the example event. Its `accepted_at` is when its attempt began.
    pub delivery: DeliveryHead,
    /// Its outcome.
    pub outcome: Outcome,
    /// Status of the response.
    pub http_status: Option<u16>,
    /// Duration, in milliseconds.
    pub response_time_ms: u32,
    /// Reason in words, without a response.
    pub error: Option<String>,
    /// The first bytes of the response body.
    pub response_excerpt: Vec<u8>,
}

/// Both tables in one statement, so in one transaction.
const RECORD_TEST: &str = "
    /* test_log.record_test */ WITH test AS (
        INSERT INTO deliveries (id, created_on, account, webhook_id, event_id, event_type, state, test, attempts, step,
            http_status, error, response_time_ms, payload, traceparent, created_at, updated_at, subject)
        VALUES ($1, $2, $3, $4, $5, $6, $7, true, 1, 0, $8, $9, $10, $11, $12, $13, now(), $17)
    )
    INSERT INTO attempts (delivery_id, created_on, number, trigger, at, outcome, http_status, response_time_ms, error,
        response_excerpt)
    VALUES ($1, $2, 1, $14, $13, $15, $8, $10, $9, $16)";

impl Database {
    /// Writes a test delivery into the log. The webhook's health does not change.
    pub async fn record_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        match self.try_record_test(test).await {
            Err(error) if error.is_missing_partition() => {
                self.create_partitions([day_of(test.delivery.accepted_at)]).await?;
                self.try_record_test(test).await
            }
            result => result,
        }
    }

    async fn try_record_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        let delivery = &test.delivery;
        let state = if test.outcome.is_success() {
            DeliveryState::Delivered
        } else {
            DeliveryState::Failed
        };
        let http_status = test.http_status.and_then(|status| i16::try_from(status).ok());
        let response_time_ms = i32::try_from(test.response_time_ms).unwrap_or(i32::MAX);
        let excerpt = Some(test.response_excerpt.as_slice()).filter(|excerpt| !excerpt.is_empty());
        let connection = self.connection().await?;
        connection
            .execute(
                RECORD_TEST,
                &[
                    &delivery.id.as_uuid(),
                    &day_of(delivery.accepted_at),
                    &delivery.account.as_str(),
                    &delivery.webhook.0,
                    &delivery.event_id,
                    &delivery.event_type,
                    &<&str>::from(state),
                    &http_status,
                    &test.error,
                    &response_time_ms,
                    &&delivery.payload[..],
                    &delivery.traceparent,
                    &delivery.accepted_at,
                    &<&str>::from(Trigger::Test),
                    &<&str>::from(test.outcome),
                    &excerpt,
                    &delivery.subject,
                ],
            )
            .await?;
        Ok(())
    }
}
