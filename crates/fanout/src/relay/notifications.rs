//! Publishes notifications to `crm.notifications`, for the CRM to mail or to show.

use std::time::Duration;

use broker::{Message, topology};
use futures_util::future::join_all;
use runtime::Periodic;
use runtime::periodic::Next;
use store::StoreError;
use store::notifications::Notification;
use tokio::time::timeout;
use uuid::Uuid;

use super::{CONFIRMED_WITHIN, Relay};
use crate::metrics::{NotificationChannel, NotificationResult};

const NOTIFICATIONS: Periodic = Periodic {
    failure: "cannot publish notifications",
    every: Duration::from_secs(1),
    after_failure: Duration::from_secs(1),
};
/// Batch size; while there are more, without a pause.
const BATCH: i64 = 100;

impl Relay {
    /// Publishes new notifications until shutdown. Each is published by one process, once the broker is available.
    pub(super) async fn notifications(self) {
        NOTIFICATIONS.run(self.stop.clone(), || self.publish_new()).await;
    }

    async fn publish_new(&self) -> Result<Next, StoreError> {
        if !self.connected().await {
            return Ok(Next::Pause);
        }
        let published = self
            .database
            .publish_notifications(BATCH, |some| self.publish(some))
            .await?;
        Ok(if i64::try_from(published) == Ok(BATCH) {
            Next::AtOnce
        } else {
            Next::Pause
        })
    }

    /// Returns the confirmed ones. A notification that was stored but not confirmed in time is published again, under
    /// the same id.
    async fn publish(&self, notifications: Vec<Notification>) -> Vec<Uuid> {
        let publishing = notifications.into_iter().map(async |notification| {
            let id = notification.id;
            let message = message(notification);
            let published = timeout(CONFIRMED_WITHIN, self.publisher.publish(&message)).await;
            matches!(published, Ok(Ok(()))).then_some(id)
        });
        let published = join_all(publishing).await;
        let sent: Vec<Uuid> = published.iter().flatten().copied().collect();
        let count = |result, count: usize| {
            self.metrics
                .notifications
                .with((NotificationChannel::Broker, result))
                .inc_by(count as u64);
        };
        count(NotificationResult::Sent, sent.len());
        count(NotificationResult::Failed, published.len() - sent.len());
        sent
    }
}

fn message(notification: Notification) -> Message {
    let Notification {
        id,
        account,
        webhook,
        kind,
        message,
        created_at,
        read_at: _,
    } = notification;
    let notification = wire::Notification {
        id,
        kind,
        account,
        webhook,
        message,
        created_at,
    };
    Message::new(topology::NOTIFICATIONS_EXCHANGE, kind.into(), notification.encode())
        .content_type(wire::NOTIFICATION)
        .message_id(&id.to_string())
}

#[cfg(test)]
mod tests;
