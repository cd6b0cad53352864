//! A delivery's payload with the headers that it would be sent with now, for a receiver on a developer's machine.

use domain::{AccountName, SigningSecret, sign};
use store::delivery_log::DeliveryDetail;

use crate::error::AdminError;
use crate::service::Admin;

impl Admin {
    /// The headers that verify a delivery's payload, signed now with the webhook's secrets; `None` once the webhook is deleted.
    ///
    /// # Errors
    /// [`AdminError::Store`].
    pub async fn signed_headers(
        &self,
        account: &AccountName,
        detail: &DeliveryDetail,
    ) -> Result<Option<[(&'static str, String); 4]>, AdminError> {
        let endpoint = self.database.endpoint(detail.delivery.webhook).await?;
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.account == *account) else {
            return Ok(None);
        };
        let id = detail.delivery.id.to_string();
        let timestamp = self.database.clock().now().as_second();
        let keys: Vec<_> = endpoint.secrets.iter().map(SigningSecret::key).collect();
        let signature = sign(&keys, &id, timestamp, &detail.payload);
        Ok(Some([
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ]))
    }
}
