//! Publishing what administrators are told to `crm.notifications`, for the CRM to mail or to show.

use std::sync::Arc;
use std::time::Duration;

use broker::{Message, Publisher, topology};
use store::Database;
use store::notifications::Notification;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::publish_all;
use crate::metrics::{FanoutMetrics, NotificationChannel, NotificationResult};

/// How often new ones are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Published at once; while there are more, without a pause.
const BATCH: i64 = 100;

/// Runs until `stop`, in every process. Each notification is published by one of them, once the broker is there.
pub async fn run(database: Database, publisher: Publisher, metrics: Arc<FanoutMetrics>, stop: CancellationToken) {
    let mut failing = false;
    loop {
        // Without a broker nothing is claimed, so that no connection to the database is held in vain.
        let connected = tokio::select! {
            () = stop.cancelled() => return,
            connected = publisher.connected() => connected,
        };
        if connected.is_err() {
            return;
        }
        let published = database.publish_notifications(BATCH, |some| publish(&publisher, &metrics, some)).await;
        if let Err(error) = &published
            && !failing
        {
            warn!(error = error as &dyn std::error::Error, "notifications cannot be published; trying again");
        }
        failing = published.is_err();
        let full = published.is_ok_and(|count| i64::try_from(count) == Ok(BATCH));
        let pause = if full { Duration::ZERO } else { EVERY };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// True when the broker has them all. Those it has of an incomplete batch are published again; their id tells.
async fn publish(publisher: &Publisher, metrics: &FanoutMetrics, notifications: Vec<Notification>) -> bool {
    let messages: Vec<Message> = notifications.into_iter().map(message).collect();
    let published = publish_all(publisher, &messages).await;
    let result = if published { NotificationResult::Sent } else { NotificationResult::Failed };
    metrics.notifications.with((NotificationChannel::Broker, result)).inc_by(messages.len() as u64);
    published
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
