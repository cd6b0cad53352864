//! Did an event reach a webhook, and if not, why: a verdict and a sentence, from the delivery log and from the webhook as
//! it is today. Nothing is stored per event.

use jiff::Timestamp;
use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};

use crate::conditions::{Condition, Judgement};
use crate::delivery_state::DeliveryState;
use crate::event_type::{EventType, EventTypeSet};

/// The result of an event at one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, IntoStaticStr, VariantArray, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(into = "&'static str")]
pub enum Verdict {
    /// An attempt succeeded.
    Delivered,
    /// An attempt failed, and a retry is due.
    Retrying,
    /// It waits for an attempt, or its first one has not ended yet.
    Queued,
    /// It waits until the webhook is resumed.
    Held,
    /// No further automatic attempt is made.
    Failed,
    /// The webhook did not subscribe to the event's type.
    NotSubscribed,
    /// The webhook subscribes to the event's type, and one of its conditions does not hold.
    ConditionFalse,
    /// The webhook was created after the event was accepted.
    WebhookNewer,
    /// The webhook was deleted before the delivery ended.
    WebhookDeleted,
}

/// A verdict, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// A sentence for people.
    pub detail: String,
}

/// Whether a webhook would get an event, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// Whether it would.
    pub would_get: bool,
    /// A sentence for people.
    pub why: String,
}

/// A webhook as it is today, as far as verdicts depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookFacts {
    /// Its subscriptions.
    pub event_types: EventTypeSet,
    /// When it was paused.
    pub paused_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

/// A delivery as the log has it, as far as verdicts depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryFacts<'a> {
    /// Its state.
    pub state: DeliveryState,
    /// A test delivery.
    pub test: bool,
    /// Attempts made.
    pub attempts: i32,
    /// Status of the last response.
    pub http_status: Option<i16>,
    /// Why the last attempt got no response, or why none was made.
    pub error: Option<&'a str>,
    /// Time of its last change.
    pub updated_at: Timestamp,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
}

/// What the log says of a delivery whose webhook was deleted while it waited.
const WEBHOOK_DELETED: &str = "webhook deleted";

/// The verdict on a delivery that the log has; `webhook` is `None` when it does not exist any more.
pub fn of_delivery(delivery: &DeliveryFacts<'_>, webhook: Option<&WebhookFacts>) -> Finding {
    let verdict = verdict_on(delivery, webhook.is_none());
    let detail = match verdict {
        Verdict::WebhookDeleted => "The webhook was deleted before the delivery ended".to_owned(),
        Verdict::Delivered => format!("{} at {}", last_attempt(delivery), seconds(delivery.updated_at)),
        Verdict::Failed => format!(
            "{} at {}; no further automatic attempt is made",
            last_attempt(delivery),
            seconds(delivery.updated_at)
        ),
        Verdict::Retrying => retrying(delivery),
        Verdict::Held => held(webhook.and_then(|webhook| webhook.paused_at)),
        _ if delivery.attempts == 0 => "It waits for its first attempt".to_owned(),
        _ => format!("{}; it waits for the next attempt", last_attempt(delivery)),
    };
    let detail = if delivery.test {
        format!("Test delivery: {detail}")
    } else {
        detail
    };
    Finding { verdict, detail }
}

fn verdict_on(delivery: &DeliveryFacts<'_>, deleted: bool) -> Verdict {
    match delivery.state {
        DeliveryState::Delivered => Verdict::Delivered,
        DeliveryState::Failed if delivery.error == Some(WEBHOOK_DELETED) => Verdict::WebhookDeleted,
        DeliveryState::Failed => Verdict::Failed,
        _ if deleted => Verdict::WebhookDeleted,
        DeliveryState::Queued => Verdict::Queued,
        DeliveryState::Held => Verdict::Held,
        DeliveryState::Retrying => Verdict::Retrying,
    }
}

/// The verdict on a webhook for which the log has no delivery of the event.
pub fn without_delivery(
    event_type: &str,
    accepted_at: Timestamp,
    webhook: &WebhookFacts,
    conditions: Judgement<'_>,
) -> Finding {
    let finding = |verdict, detail| Finding { verdict, detail };
    if webhook.created_at > accepted_at {
        let detail = format!("Added at {}, after the event", seconds(webhook.created_at));
        return finding(Verdict::WebhookNewer, detail);
    }
    if !EventType::parse(event_type).is_some_and(|event_type| webhook.event_types.contains(event_type)) {
        let detail = format!("{event_type} is not among its event types");
        return finding(Verdict::NotSubscribed, detail);
    }
    let edited_later = webhook.updated_at > accepted_at;
    let edited = if edited_later {
        format!("; it was edited at {}, after the event", seconds(webhook.updated_at))
    } else {
        String::new()
    };
    match conditions {
        Judgement::False(condition) => {
            return finding(Verdict::ConditionFalse, does_not_hold(condition) + &edited);
        }
        Judgement::Unknown(condition) => {
            let detail = format!(
                "Its condition may not have held: {}; the log does not say who caused an event{edited}",
                condition.sentence()
            );
            return finding(Verdict::ConditionFalse, detail);
        }
        Judgement::Holds => {}
    }
    if edited_later {
        let edited = seconds(webhook.updated_at);
        let detail = format!("It was edited at {edited}, after the event; {event_type} may have been added then");
        return finding(Verdict::NotSubscribed, detail);
    }
    let detail = "No attempt has ended yet: its job is on the way to a sender, or was rejected".to_owned();
    finding(Verdict::Queued, detail)
}

fn does_not_hold(condition: &Condition) -> String {
    format!("Its condition does not hold: {}", condition.sentence())
}

/// Whether a webhook would get an event of this type now, and why.
pub fn outlook(event_type: EventType, webhook: &WebhookFacts, conditions: Judgement<'_>) -> Outlook {
    let subscribed = webhook.event_types.contains(event_type);
    let would_get = subscribed && conditions == Judgement::Holds;
    let why = match (webhook.paused_at, conditions) {
        _ if !subscribed => format!("{event_type} is not among its event types"),
        (_, Judgement::False(condition) | Judgement::Unknown(condition)) => does_not_hold(condition),
        (None, Judgement::Holds) => format!("{event_type} is among its event types"),
        (Some(paused), Judgement::Holds) => format!(
            "{event_type} is among its event types; the delivery would wait until the webhook, paused since {}, is resumed",
            seconds(paused)
        ),
    };
    Outlook { would_get, why }
}

fn retrying(delivery: &DeliveryFacts<'_>) -> String {
    let last = last_attempt(delivery);
    match delivery.next_attempt_at {
        Some(next) => format!("{last}; the next attempt is due at {}", seconds(next)),
        None => format!("{last}; a retry follows"),
    }
}

fn held(paused_at: Option<Timestamp>) -> String {
    match paused_at {
        Some(paused) => format!("Paused since {}; sent when the webhook is resumed", seconds(paused)),
        None => "The webhook has been resumed; what was kept is being sent, oldest first".to_owned(),
    }
}

/// `HTTP 200 on the 2nd attempt`, `timeout on the 1st attempt`.
fn last_attempt(delivery: &DeliveryFacts<'_>) -> String {
    if delivery.attempts == 0 {
        return match delivery.error {
            Some(error) => format!("No attempt was made ({error})"),
            None => "No attempt was made".to_owned(),
        };
    }
    let result = match (delivery.http_status, delivery.error) {
        (Some(status), _) => format!("HTTP {status}"),
        (None, Some(error)) => format!("No HTTP response ({error})"),
        (None, None) => "No HTTP response".to_owned(),
    };
    format!("{result} on the {} attempt", ordinal(delivery.attempts))
}

/// `1st`, `2nd`, `11th`.
fn ordinal(number: i32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
