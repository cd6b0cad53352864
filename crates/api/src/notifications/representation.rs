//! Notifications as clients see them.

use domain::{NotificationKind, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::notifications::Notification;
use uuid::Uuid;

use crate::openapi::schema::{object, page, reference, time, time_or_null};

/// A notification as clients see it.
#[derive(Serialize)]
pub(super) struct NotificationRepresentation {
    id: Uuid,
    kind: NotificationKind,
    message: String,
    webhook_id: WebhookId,
    created_at: Timestamp,
    read_at: Option<Timestamp>,
}

impl From<Notification> for NotificationRepresentation {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id,
            kind: notification.kind,
            message: notification.message,
            webhook_id: notification.webhook,
            created_at: notification.created_at,
            read_at: notification.read_at,
        }
    }
}

/// Its schema, and that of a page.
pub(crate) fn schemas() -> Value {
    json!({
        "Notification": object(json!({
            "id": reference("NotificationId"),
            "kind": reference("NotificationKind"),
            "message": {"type": "string"},
            "webhook_id": reference("WebhookId"),
            "created_at": time(),
            "read_at": time_or_null(),
        })),
        "NotificationPage": page("Notification"),
    })
}
