//! Every route with its methods.

mod deliveries;
mod webhooks;

use serde_json::json;

use super::operation::{Operation, schema};
use crate::route::Route;

/// A method of a route, in lower case, and its description.
pub(super) type Described = (Route, &'static str, Operation);

/// All of them, in the order people read them.
pub(super) fn all() -> Vec<Described> {
    let mut all = webhooks::all();
    all.extend(deliveries::all());
    all.extend(notifications());
    all.extend(about());
    all
}

fn notifications() -> Vec<Described> {
    let list = Operation::reading("Notifications", "listNotifications", "A page of them, newest first")
        .query("unread", "Only those nobody has read, or only the others", json!({"type": "boolean"}))
        .pages()
        .answer(200, "The page", schema("NotificationPage"));
    let read = Operation::changing("Notifications", "readNotification", "Marks one as read")
        .id("NotificationId")
        .answer(200, "The notification", schema("Notification"));
    let read_all = Operation::changing("Notifications", "readAllNotifications", "Marks all of them as read").answer(
        200,
        "How many were not",
        schema("Count"),
    );
    vec![
        (Route::Notifications, "get", list),
        (Route::NotificationRead, "post", read),
        (Route::NotificationsReadAll, "post", read_all),
    ]
}

fn about() -> Vec<Described> {
    let event_types = Operation::reading("About", "listEventTypes", "The catalogue of events, with examples")
        .answer(200, "All of them", schema("Catalogue"))
        .problems(&[crate::problem::Kind::ValidationFailed]);
    let openapi = Operation::public("About", "describeApi", "This description").answer(
        200,
        "OpenAPI 3.1",
        json!({"type": "object"}),
    );
    vec![(Route::EventTypes, "get", event_types), (Route::OpenApi, "get", openapi)]
}
