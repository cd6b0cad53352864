//! The result of the check of an event.

use admin::{CheckedEvent, CheckedWebhook};
use domain::WebhookId;

use super::labels::Badge;
use super::log_line::Payload;

/// Webhooks of a page, so that it stays small.
const ROWS: usize = 60;
/// Of the body, for the same reason.
const SHOWN_BODY_BYTES: usize = 4 * 1024;

/// The result of "Try an event".
pub(crate) struct CheckedView {
    pub(crate) accepted: bool,
    pub(crate) sentence: String,
    /// The refusal's name, for programs.
    pub(crate) reason: Option<&'static str>,
    pub(crate) rows: Vec<CheckedRow>,
    /// Webhooks that are not shown.
    pub(crate) more: usize,
    pub(crate) body: Option<Payload>,
}

/// Whether one webhook would get it.
pub(crate) struct CheckedRow {
    pub(crate) webhook: WebhookId,
    pub(crate) name: String,
    pub(crate) badge: Badge,
    pub(crate) why: String,
}

impl CheckedView {
    pub(crate) fn new(checked: CheckedEvent) -> Self {
        let sentence = checked.sentence();
        match checked {
            CheckedEvent::Accepted(event) => Self {
                accepted: true,
                sentence,
                reason: None,
                more: event.webhooks.len().saturating_sub(ROWS),
                rows: event.webhooks.into_iter().take(ROWS).map(CheckedRow::from).collect(),
                body: Some(Payload::new(event.body.as_bytes(), SHOWN_BODY_BYTES)),
            },
            CheckedEvent::Refused { reason, .. } => Self {
                accepted: false,
                sentence,
                reason: Some(reason.name()),
                more: 0,
                rows: Vec::new(),
                body: None,
            },
        }
    }
}

impl From<CheckedWebhook> for CheckedRow {
    fn from(webhook: CheckedWebhook) -> Self {
        Self {
            webhook: webhook.id,
            name: webhook.name,
            badge: Badge::would_get(webhook.outlook.would_get),
            why: webhook.outlook.why,
        }
    }
}
