//! Searches for an event or a record: its verdict at every webhook, and how many events the CRM published at all.

use domain::verdict::{self, DeliveryFacts, Finding};
use domain::{AccountName, DeliveryId, EventData, Judgement, MAX_SUBJECT_BYTES, Verdict, WebhookId};
use jiff::Timestamp;
use store::delivery_log::Delivery;
use store::event_sample::LoggedEvent;
use store::find::FindBy;
use store::webhooks::{DeletedWebhook, WebhookOutline};
use wire::event_body::data_of;

use crate::error::AdminError;
use crate::field_error::FieldError;
use crate::service::Admin;

/// Most events of an answer.
pub const MAX_FOUND_EVENTS: usize = 20;
/// Most deliveries that are read for an answer.
const MAX_DELIVERIES: usize = 2_000;
/// Longest text to search for, in bytes: no event id and no kept subject is longer.
pub const MAX_SEARCH_BYTES: usize = MAX_SUBJECT_BYTES;

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindForm {
    /// An event id, a delivery's id, or a record.
    pub text: String,
    /// Only events of this type, which the catalogue need not have.
    pub event_type: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The text that was searched for, without surrounding white space.
    pub query: String,
    /// Newest first.
    pub events: Vec<FoundEvent>,
    /// What the CRM published.
    pub published: Published,
}

/// An event that the log has a delivery of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEvent {
    /// CloudEvents id.
    pub event_id: String,
    /// Name of its type.
    pub event_type: String,
    /// The record that it is about.
    pub subject: Option<String>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Every delivery, then every webhook of today without one. Of a test delivery that alone.
    pub webhooks: Vec<FoundWebhook>,
}

/// An event's verdict at one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundWebhook {
    /// The webhook.
    pub webhook: WebhookId,
    /// Its name, its last one when it is deleted; `None` when a former release deleted it.
    pub name: Option<String>,
    /// Whether it does not exist any more.
    pub deleted: bool,
    /// The delivery, when the log has one.
    pub delivery: Option<DeliveryId>,
    /// The verdict, and why.
    pub finding: Finding,
}

/// What the CRM published for the account in the current hour and the 23 before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// The type asked for, else that of the newest event found.
    pub event_type: Option<String>,
    /// Events of that type.
    pub of_type: Option<i64>,
    /// Those of them that matched no webhook.
    pub unmatched_of_type: Option<i64>,
    /// Events of all other types; of all types without one.
    pub other_types: i64,
    /// When the last event of the type came, within the last 30 days.
    pub last_of_type_at: Option<Timestamp>,
    /// Types that the catalogue does not have, with their numbers, the most frequent first.
    pub unknown_types: Vec<(String, i64)>,
}

impl Admin {
    /// Finds events by their id, by the id of one of their deliveries, or by the record that they are about: its whole subject, or
    /// else the last parts of it. The first of these that finds anything answers.
    ///
    /// # Errors
    /// [`AdminError::Invalid`].
    pub async fn find(&self, account: &AccountName, form: FindForm) -> Result<Found, AdminError> {
        let form = checked(form)?;
        let event_type = form.event_type.as_deref();
        let deliveries = self.found_deliveries(account, &form.text, event_type).await?;
        let webhooks = if deliveries.is_empty() {
            Vec::new()
        } else {
            self.database.webhook_outlines(account).await?
        };
        let gone: Vec<_> = deliveries
            .iter()
            .map(|delivery| delivery.webhook)
            .filter(|id| webhooks.iter().all(|webhook| webhook.id != *id))
            .collect();
        let deleted = if gone.is_empty() {
            Vec::new()
        } else {
            self.database.deleted_webhooks_of(account, &gone).await?
        };
        let by_event = by_event(&deliveries);
        let payloads = self.payloads_for_conditions(account, &by_event, &webhooks).await?;
        let events: Vec<_> = by_event
            .into_iter()
            .map(|deliveries| {
                let payload = payloads.iter().find(|(delivery, _)| *delivery == deliveries[0].id);
                found_event(
                    &deliveries,
                    &webhooks,
                    &deleted,
                    payload.map(|(_, payload)| payload.as_slice()),
                )
            })
            .collect();
        let event_type = event_type.or(events.first().map(|event| event.event_type.as_str()));
        let published = self.published(account, event_type).await?;
        Ok(Found {
            query: form.text,
            published,
            events,
        })
    }

    /// Newest first.
    async fn found_deliveries(
        &self,
        account: &AccountName,
        text: &str,
        event_type: Option<&str>,
    ) -> Result<Vec<Delivery>, AdminError> {
        let database = &self.database;
        let event_of_delivery = match text.parse::<DeliveryId>() {
            Ok(id) => database.event_of(account, id).await?,
            Err(_) => None,
        };
        let event_id = event_of_delivery.as_deref().unwrap_or(text);
        // Without a digit it is the name of a part that many records have, such as `notes`.
        let last_part = text.contains(|character: char| character.is_ascii_digit());
        let last_part = last_part.then_some(FindBy::LastPart(text));
        let ways = [FindBy::EventId(event_id), FindBy::Subject(text)];
        for by in ways.into_iter().chain(last_part) {
            let limit = MAX_DELIVERIES as i64;
            let found = database.find_deliveries(account, by, event_type, limit).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// The payload of the newest delivery of each event, if any webhook has conditions to compare with it.
    async fn payloads_for_conditions(
        &self,
        account: &AccountName,
        events: &[Vec<&Delivery>],
        webhooks: &[WebhookOutline],
    ) -> Result<Vec<(DeliveryId, Vec<u8>)>, AdminError> {
        if webhooks.iter().all(|webhook| webhook.conditions.is_empty()) {
            return Ok(Vec::new());
        }
        let logged = |deliveries: &Vec<&Delivery>| LoggedEvent {
            delivery: deliveries[0].id,
            event_id: deliveries[0].event_id.clone(),
            event_type: deliveries[0].event_type.clone(),
            accepted_at: deliveries[0].created_at,
        };
        // Without the payloads of the oldest, their conditions are not compared.
        let events: Vec<_> = events
            .iter()
            .map(logged)
            .take(self.payloads_at_once(MAX_FOUND_EVENTS))
            .collect();
        Ok(self.database.payloads_of(account, &events).await?)
    }

    async fn published(&self, account: &AccountName, event_type: Option<&str>) -> Result<Published, AdminError> {
        let recent = self.database.recent_events(account).await?;
        let last_of_type_at = match event_type {
            Some(event_type) => self.database.last_event_at(account, event_type).await?,
            None => None,
        };
        let is_of_type = |name: &str| Some(name) == event_type;
        let of_type = recent.iter().find(|count| is_of_type(&count.event_type));
        let others = recent.iter().filter(|count| !is_of_type(&count.event_type));
        Ok(Published {
            event_type: event_type.map(str::to_owned),
            of_type: event_type.map(|_| of_type.map_or(0, |count| count.events)),
            unmatched_of_type: event_type.map(|_| of_type.map_or(0, |count| count.unmatched)),
            other_types: others.map(|count| count.events).sum(),
            last_of_type_at,
            unknown_types: recent
                .iter()
                .filter(|count| !count.known)
                .map(|count| (count.event_type.clone(), count.events))
                .collect(),
        })
    }
}

fn checked(form: FindForm) -> Result<FindForm, AdminError> {
    let text = form.text.trim();
    let mut errors = Vec::new();
    if text.is_empty() {
        let detail = "Enter an event id, a webhook-id or a record such as deals/9001";
        errors.push(FieldError::new("/q", "required", detail));
    }
    errors.extend(fault("/q", text));
    errors.extend(form.event_type.as_deref().and_then(|name| fault("/event_type", name)));
    if errors.is_empty() {
        Ok(FindForm {
            text: text.to_owned(),
            ..form
        })
    } else {
        Err(AdminError::Invalid(errors))
    }
}

fn fault(pointer: &str, text: &str) -> Option<FieldError> {
    if text.len() > MAX_SEARCH_BYTES {
        Some(FieldError::new(pointer, "too_long", "Must have at most 255 bytes"))
    } else if text.contains(char::is_control) {
        let detail = "Must not contain control characters";
        Some(FieldError::new(pointer, "forbidden_character", detail))
    } else {
        None
    }
}

/// The deliveries of each event, newest event first. Ids are unique within a source only, which the log does not have, so the
/// type distinguishes events, too. The oldest event is left out if not all of its deliveries were read.
fn by_event(newest_first: &[Delivery]) -> Vec<Vec<&Delivery>> {
    let mut events: Vec<Vec<&Delivery>> = Vec::new();
    let is_of = |event: &[&Delivery], delivery: &Delivery| {
        event[0].event_id == delivery.event_id
            && event[0].event_type == delivery.event_type
            && event[0].test == delivery.test
    };
    for delivery in newest_first {
        match events.iter_mut().rev().find(|event| is_of(event, delivery)) {
            Some(event) => event.push(delivery),
            None => events.push(vec![delivery]),
        }
    }
    if newest_first.len() >= MAX_DELIVERIES
        && events.len() > 1
        && let Some(last) = newest_first.last()
    {
        events.retain(|event| !is_of(event, last));
    }
    events.truncate(MAX_FOUND_EVENTS);
    events
}

/// `deliveries` are those of one event, whose payload conditions are compared with; `deleted` those of their webhooks that do not
/// exist any more.
fn found_event(
    deliveries: &[&Delivery],
    webhooks: &[WebhookOutline],
    deleted: &[DeletedWebhook],
    payload: Option<&[u8]>,
) -> FoundEvent {
    let newest = deliveries[0];
    let accepted_at = deliveries.iter().map(|delivery| delivery.created_at).min();
    let accepted_at = accepted_at.unwrap_or(newest.created_at);
    let mut found: Vec<_> = deliveries
        .iter()
        .map(|delivery| found_delivery(delivery, webhooks, deleted))
        .collect();
    found.sort_by(|left, right| (&left.name, left.webhook).cmp(&(&right.name, right.webhook)));
    if !newest.test {
        let without = |webhook: &&WebhookOutline| deliveries.iter().all(|delivery| delivery.webhook != webhook.id);
        let data = payload.and_then(data_of).map(EventData::parse);
        found.extend(webhooks.iter().filter(without).map(|webhook| {
            let conditions = data
                .as_ref()
                .map_or(Judgement::Holds, |data| webhook.conditions.judge_logged(data));
            FoundWebhook {
                webhook: webhook.id,
                name: Some(webhook.name.clone()),
                delivery: None,
                finding: verdict::without_delivery(&newest.event_type, accepted_at, &webhook.facts, conditions),
                deleted: false,
            }
        }));
    }
    FoundEvent {
        event_id: newest.event_id.clone(),
        event_type: newest.event_type.clone(),
        subject: deliveries.iter().find_map(|delivery| delivery.subject.clone()),
        accepted_at,
        webhooks: found,
    }
}

fn found_delivery(delivery: &Delivery, webhooks: &[WebhookOutline], deleted: &[DeletedWebhook]) -> FoundWebhook {
    let webhook = webhooks.iter().find(|webhook| webhook.id == delivery.webhook);
    let facts = DeliveryFacts {
        state: delivery.state,
        test: delivery.test,
        attempts: delivery.attempts,
        http_status: delivery.http_status,
        error: delivery.error.as_deref(),
        updated_at: delivery.updated_at,
        next_attempt_at: delivery.next_attempt_at,
    };
    FoundWebhook {
        webhook: delivery.webhook,
        name: webhook.map(|webhook| webhook.name.clone()).or_else(|| {
            let mut deleted = deleted.iter();
            deleted
                .find(|deleted| deleted.id == delivery.webhook)
                .map(|deleted| deleted.name.clone())
        }),
        deleted: webhook.is_none(),
        delivery: Some(delivery.id),
        finding: verdict::of_delivery(&facts, webhook.map(|webhook| &webhook.facts)),
    }
}

impl FoundWebhook {
    /// The verdict.
    pub const fn verdict(&self) -> Verdict {
        self.finding.verdict
    }
}

#[cfg(test)]
mod tests;
