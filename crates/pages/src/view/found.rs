//! What a search found: events, their verdicts, and what the CRM published.

use admin::{Found, FoundEvent, FoundWebhook, Published};
use domain::{DeliveryId, WebhookId};

use super::labels::{Badge, Moment, count};

/// Verdicts of a page, so that it stays small; each event has some.
const ROWS: usize = 60;
const LEAST_ROWS: usize = 3;
/// Names of unknown types of a page.
const UNKNOWN_TYPES: usize = 10;

/// An answer of the search.
pub(crate) struct FoundView {
    pub(crate) events: Vec<EventView>,
    /// `1 event`.
    pub(crate) number: String,
    pub(crate) published: PublishedView,
}

/// An event with its verdicts.
pub(crate) struct EventView {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) subject: Option<String>,
    pub(crate) accepted_at: Moment,
    pub(crate) rows: Vec<VerdictRow>,
    /// Verdicts that are not shown.
    pub(crate) more: usize,
}

/// The verdict on one webhook.
pub(crate) struct VerdictRow {
    pub(crate) webhook: WebhookId,
    /// Nothing of a webhook that a former release deleted.
    pub(crate) name: Option<String>,
    /// Whether the webhook is deleted.
    pub(crate) deleted: bool,
    pub(crate) badge: Badge,
    pub(crate) detail: String,
    pub(crate) delivery: Option<DeliveryId>,
}

/// What the CRM published in the last day.
pub(crate) struct PublishedView {
    pub(crate) event_type: Option<String>,
    pub(crate) of_type: String,
    pub(crate) unmatched: Option<String>,
    pub(crate) other_types: String,
    pub(crate) last_of_type_at: Option<Moment>,
    /// Each with its number.
    pub(crate) unknown_types: Vec<(String, i64)>,
    pub(crate) more_unknown_types: usize,
}

impl FoundView {
    pub(crate) fn new(found: Found) -> Self {
        let rows = (ROWS / found.events.len().max(1)).max(LEAST_ROWS);
        Self {
            number: count(found.events.len() as i64, "event", "events"),
            events: found
                .events
                .into_iter()
                .map(|event| EventView::new(event, rows))
                .collect(),
            published: found.published.into(),
        }
    }
}

impl EventView {
    fn new(event: FoundEvent, rows: usize) -> Self {
        Self {
            event_id: event.event_id,
            event_type: event.event_type,
            subject: event.subject,
            accepted_at: event.accepted_at.into(),
            more: event.webhooks.len().saturating_sub(rows),
            rows: event.webhooks.into_iter().take(rows).map(VerdictRow::from).collect(),
        }
    }
}

impl From<FoundWebhook> for VerdictRow {
    fn from(webhook: FoundWebhook) -> Self {
        Self {
            webhook: webhook.webhook,
            name: webhook.name,
            deleted: webhook.deleted,
            badge: webhook.finding.verdict.into(),
            detail: webhook.finding.detail,
            delivery: webhook.delivery,
        }
    }
}

impl From<Published> for PublishedView {
    fn from(published: Published) -> Self {
        let of_type = published.of_type.unwrap_or_default();
        let unmatched = published.unmatched_of_type.filter(|number| *number > 0);
        let others = if published.event_type.is_some() {
            count(published.other_types, "event of another type", "events of other types")
        } else {
            count(published.other_types, "event", "events")
        };
        Self {
            event_type: published.event_type,
            of_type: count(of_type, "event", "events"),
            unmatched: unmatched.map(|number| count(number, "matched no webhook", "matched no webhook")),
            other_types: others,
            last_of_type_at: published.last_of_type_at.map(Moment::from),
            more_unknown_types: published.unknown_types.len().saturating_sub(UNKNOWN_TYPES),
            unknown_types: published.unknown_types.into_iter().take(UNKNOWN_TYPES).collect(),
        }
    }
}
