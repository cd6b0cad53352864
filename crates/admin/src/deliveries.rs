//! Sending deliveries again: one by hand, or all that failed in a range of time.

use domain::{AuditAction, DeliveryId, WebhookId};
use jiff::Timestamp;
use store::bearer::Bearer;
use store::delivery_log::Delivery;
use store::recover::{Count, RecoverRange, Recovery, Retry};

use crate::error::AdminError;
use crate::field_error::FieldError;
use crate::service::{Admin, log_change};

impl Admin {
    /// The range from `since` to `until`, or to now by the database's clock, which dates deliveries; all event types.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] when it would end before it begins.
    pub fn recover_range(&self, since: Timestamp, until: Option<Timestamp>) -> Result<RecoverRange, AdminError> {
        let until = until.unwrap_or_else(|| self.database.clock().now());
        if since <= until {
            return Ok(RecoverRange {
                since,
                until,
                event_types: None,
            });
        }
        let detail = "`since` must not be later than `until`, or than now";
        Err(AdminError::Invalid(vec![FieldError::new(
            "/since",
            "since_after_until",
            detail,
        )]))
    }

    /// Sends a failed or delivered delivery again: one attempt, now.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] and [`AdminError::NotRetryable`].
    pub async fn retry_delivery(&self, by: &Bearer, id: DeliveryId) -> Result<Delivery, AdminError> {
        match self.database.retry_delivery(by, id).await? {
            Retry::Accepted(delivery) => {
                log_change(by, delivery.webhook, AuditAction::Retried);
                Ok(*delivery)
            }
            Retry::NotFound => Err(AdminError::NotFound),
            Retry::NotRetryable => Err(AdminError::NotRetryable),
        }
    }

    /// How many failed deliveries [`Admin::recover`] would send again.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn count_recoverable(
        &self,
        by: &Bearer,
        id: WebhookId,
        range: RecoverRange,
    ) -> Result<Count, AdminError> {
        if !self.database.webhook_exists(&by.account, id).await? {
            return Err(AdminError::NotFound);
        }
        Ok(self.database.recoverable(&by.account, id, &range).await?)
    }

    /// Sends all failed deliveries of a range again, each with all its retries; how many there are.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] and [`AdminError::RecoveryUnderWay`].
    pub async fn recover(&self, by: &Bearer, id: WebhookId, range: RecoverRange) -> Result<Count, AdminError> {
        match self.database.recover(by, id, &range).await? {
            Recovery::Accepted(count) => {
                log_change(by, id, AuditAction::Recovered);
                Ok(count)
            }
            Recovery::NotFound => Err(AdminError::NotFound),
            Recovery::UnderWay => Err(AdminError::RecoveryUnderWay),
        }
    }
}
