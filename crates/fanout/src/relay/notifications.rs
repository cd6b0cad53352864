//! Publishing what administrators are told to `crm.notifications`, for the CRM to mail or to show.

use std::time::Duration;

use broker::{Message, topology};
use store::StoreError;
use store::notifications::Notification;
use tracing::warn;

use super::{Relay, publish_all};
use crate::metrics::{NotificationChannel, NotificationResult};

/// How often new ones are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Published at once; while there are more, without a pause.
const BATCH: i64 = 100;

impl Relay {
    /// Publishes what is new until it is time to end. Each notification is published by one process, once the broker is
    /// there.
    pub(super) async fn notifications(self) {
        let mut failing = false;
        loop {
            let published = self.publish_new().await;
            if let Err(error) = &published
                && !failing
            {
                warn!(error = error as &dyn std::error::Error, "notifications cannot be published; trying again");
            }
            failing = published.is_err();
            let full = published.is_ok_and(|count| i64::try_from(count) == Ok(BATCH));
            if !self.pause(if full { Duration::ZERO } else { EVERY }).await {
                return;
            }
        }
    }

    /// Returns how many there were.
    async fn publish_new(&self) -> Result<usize, StoreError> {
        if !self.connected().await {
            return Ok(0);
        }
        self.database.publish_notifications(BATCH, |some| self.tell(some)).await
    }

    /// True when the broker has them all. Those it has of an incomplete batch are published again; their id tells.
    async fn tell(&self, notifications: Vec<Notification>) -> bool {
        let messages: Vec<Message> = notifications.into_iter().map(message).collect();
        let published = publish_all(&self.publisher, &messages).await;
        let result = if published { NotificationResult::Sent } else { NotificationResult::Failed };
        self.metrics.notifications.with((NotificationChannel::Broker, result)).inc_by(messages.len() as u64);
        published
    }
}

fn message(notification: Notification) -> Message {
    let Notification { id, account, webhook, kind, message, created_at, read_at: _ } = notification;
    let told = wire::Notification { id, kind, account, webhook, message, created_at };
    Message::new(topology::NOTIFICATIONS_EXCHANGE, kind.as_str(), told.encode())
        .content_type(wire::NOTIFICATION)
        .message_id(&id.to_string())
}

#[cfg(test)]
mod tests;
