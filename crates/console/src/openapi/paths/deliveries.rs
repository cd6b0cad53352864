//! The log, and sending again what failed.

use serde_json::json;

use super::Described;
use crate::openapi::operation::{Operation, schema};
use crate::problem::Kind;
use crate::route::Route;

const TAG: &str = "Deliveries";

/// Every method.
pub(super) fn all() -> Vec<Described> {
    let mut all = log();
    all.extend(again());
    all
}

fn log() -> Vec<Described> {
    let time = || json!({"type": "string", "format": "date-time"});
    let list = Operation::reading(TAG, "listDeliveries", "A page of a webhook's log, newest first")
        .id("WebhookId")
        .query("state", "Only those in this state", schema("DeliveryState"))
        .query("event_type", "Only those of this type", schema("EventType"))
        .query("since", "Only those created then or later", time())
        .query("until", "Only those created before then", time())
        .pages()
        .answer(200, "The page", schema("DeliveryPage"));
    let show = Operation::reading(TAG, "getDelivery", "A delivery with its payload and attempts")
        .id("DeliveryId")
        .answer(200, "The delivery", schema("DeliveryDetail"));
    vec![(Route::WebhookDeliveries, "get", list), (Route::Delivery, "get", show)]
}

fn again() -> Vec<Described> {
    let retry = Operation::changing(TAG, "retryDelivery", "Sends a failed delivery again: one attempt, now")
        .about("While its webhook is paused it is held. Tests are not sent again.")
        .id("DeliveryId")
        .repeatable()
        .answer(202, "The delivery", schema("Delivery"))
        .problems(&[Kind::NotFailed]);
    let recover = Operation::changing(TAG, "recoverWebhook", "Sends the failed deliveries of a time again")
        .about("Each with all its retries. Tests are left alone. One recovery of a webhook at a time.")
        .id("WebhookId")
        .repeatable()
        .body("RecoverWish")
        .answer(202, "How many there are", schema("Count"))
        .problems(&[Kind::RecoveryUnderWay]);
    let progress = Operation::reading(TAG, "getRecovery", "How far the recovery under way is").id("WebhookId").answer(
        200,
        "Its progress; 404 when none is under way",
        schema("Recovery"),
    );
    vec![
        (Route::DeliveryRetry, "post", retry),
        (Route::WebhookRecover, "post", recover),
        (Route::WebhookRecovery, "get", progress),
    ]
}
