//! Notifications about webhook health, published for the CRM to mail or show. The routing key is the kind.

use bytes::Bytes;
use domain::{AccountName, NotificationKind, WebhookId};
use jiff::Timestamp;
use prost::Message;
use uuid::Uuid;

use crate::schema::easycrm as schema;

/// A validated notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Id, the same when it is published again.
    pub id: Uuid,
    /// What it is about.
    pub kind: NotificationKind,
    /// Tenant whose administrators are notified.
    pub account: AccountName,
    /// The webhook it is about, possibly deleted meanwhile.
    pub webhook: WebhookId,
    /// The text for people.
    pub message: String,
    /// When it happened, to the microsecond.
    pub created_at: Timestamp,
}

/// A message that is no notification of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// Not protobuf, or of another schema.
    #[error("not a Notification message")]
    Malformed,
    /// A field has a value that no notification of ours has.
    #[error("field `{0}` is missing or not allowed")]
    Field(&'static str),
}

impl Notification {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        schema::Notification {
            id: self.id.to_string(),
            kind: self.kind.to_string(),
            account: self.account.as_str().to_owned(),
            webhook_id: Bytes::copy_from_slice(self.webhook.0.as_bytes()),
            message: self.message.clone(),
            created_at_us: self.created_at.as_microsecond(),
        }
        .encode_to_vec()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`NotificationError`] when the message can never be understood.
    pub fn decode(message: &[u8]) -> Result<Self, NotificationError> {
        let read = schema::Notification::decode(message).map_err(|_| NotificationError::Malformed)?;
        Ok(Self {
            id: read.id.parse().map_err(|_| NotificationError::Field("id"))?,
            kind: read.kind.parse().map_err(|_| NotificationError::Field("kind"))?,
            account: read.account.parse().map_err(|_| NotificationError::Field("account"))?,
            webhook: WebhookId(Uuid::from_slice(&read.webhook_id).map_err(|_| NotificationError::Field("webhook_id"))?),
            message: read.message,
            created_at: Timestamp::from_microsecond(read.created_at_us)
                .map_err(|_| NotificationError::Field("created_at_us"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification() -> Notification {
        Notification {
            id: Uuid::from_bytes([3; 16]),
            kind: NotificationKind::AutoPaused,
            account: "acme".parse().unwrap(),
            webhook: WebhookId(Uuid::from_bytes([9; 16])),
            message: "Webhook 'ERP Sync' has been paused due to repeated failures".to_owned(),
            created_at: Timestamp::from_microsecond(1_795_413_600_123_456).unwrap(),
        }
    }

    #[test]
    fn a_notification_survives_the_wire() {
        assert_eq!(Notification::decode(&notification().encode()), Ok(notification()));
    }

    #[test]
    fn what_is_no_notification_is_refused_by_name() {
        assert_eq!(Notification::decode(b"{}"), Err(NotificationError::Malformed));
        assert_eq!(Notification::decode(b""), Err(NotificationError::Field("id")));
        let unknown = schema::Notification {
            kind: "webhook.other".to_owned(),
            id: Uuid::nil().to_string(),
            ..Default::default()
        };
        assert_eq!(
            Notification::decode(&unknown.encode_to_vec()),
            Err(NotificationError::Field("kind"))
        );
    }
}
