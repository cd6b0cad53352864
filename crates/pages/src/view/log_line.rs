//! A line of the delivery log, and what it unfolds.

use domain::{DeliveryId, DeliveryState};
use store::delivery_log::{Attempt, Delivery};

use super::json_text;
use super::labels::{self, Badge, Moment};
use super::text::shown_bytes;

/// A delivery in a table.
pub(crate) struct LogLine {
    pub(crate) id: DeliveryId,
    pub(crate) at: Moment,
    pub(crate) event_type: String,
    pub(crate) test: bool,
    /// The last answer's status with its words, or why there was none.
    pub(crate) http_status: String,
    pub(crate) response_time: String,
    pub(crate) badge: Badge,
    /// When it is tried again.
    pub(crate) next_at: Option<Moment>,
    pub(crate) attempts: i32,
    /// Whether it can be sent again by hand.
    pub(crate) can_retry: bool,
}

impl From<&Delivery> for LogLine {
    fn from(delivery: &Delivery) -> Self {
        let http_status = match (delivery.http_status, &delivery.error) {
            (Some(status), _) => labels::http_status(status),
            (None, Some(error)) => error.clone(),
            (None, None) => "–".to_owned(),
        };
        Self {
            id: delivery.id,
            at: delivery.created_at.into(),
            event_type: delivery.event_type.clone(),
            test: delivery.test,
            http_status,
            response_time: delivery
                .response_time_ms
                .map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms")),
            badge: delivery.state.into(),
            next_at: delivery.next_attempt_at.map(Moment::from),
            attempts: delivery.attempts,
            can_retry: delivery.state == DeliveryState::Failed && !delivery.test,
        }
    }
}

/// Of an attempt without its answer, in bytes.
const ATTEMPT_BYTES: usize = 200;

/// An attempt in a table.
pub(crate) struct AttemptLine {
    pub(crate) number: i32,
    pub(crate) at: Moment,
    pub(crate) trigger: &'static str,
    pub(crate) ending: String,
    pub(crate) response_time_ms: i32,
    /// The beginning of the answer.
    pub(crate) excerpt: Option<String>,
}

impl AttemptLine {
    /// How much text this puts into a page, in bytes.
    pub(crate) fn shown_bytes(&self) -> usize {
        ATTEMPT_BYTES + self.excerpt.as_deref().map_or(0, shown_bytes)
    }
}

impl From<&Attempt> for AttemptLine {
    fn from(attempt: &Attempt) -> Self {
        let excerpt = attempt.response_excerpt.as_deref().filter(|bytes| !bytes.is_empty());
        Self {
            number: attempt.number,
            at: attempt.at.into(),
            trigger: labels::trigger(attempt.trigger),
            ending: labels::ending(attempt.outcome, attempt.http_status, attempt.error.as_deref()),
            response_time_ms: attempt.response_time_ms,
            excerpt: excerpt.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// How much text may still go into a page, in bytes: it stays small whatever payloads and answers are like.
pub(crate) struct Budget(pub(crate) usize);

impl Budget {
    /// Whether so much still fits; then it is spent.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// A payload, or its beginning.
pub(crate) struct Payload {
    /// As it was sent.
    pub(crate) exact: String,
    /// The same, laid out; nothing for a beginning, or for what is no JSON.
    pub(crate) indented: Option<String>,
    /// The length of the whole, when this is only its beginning.
    pub(crate) cut_from: Option<usize>,
}

impl Payload {
    /// Of the first bytes of a payload that has so many.
    pub(crate) fn new(bytes: &[u8], whole_bytes: usize) -> Self {
        let exact = String::from_utf8_lossy(bytes).into_owned();
        let is_whole = bytes.len() == whole_bytes;
        let indented = if is_whole { json_text::indented(&exact) } else { None };
        Self {
            exact,
            indented,
            cut_from: (!is_whole).then_some(whole_bytes),
        }
    }

    /// How much text this puts into a page, in bytes.
    pub(crate) fn shown_bytes(&self) -> usize {
        shown_bytes(&self.exact) + self.indented.as_deref().map_or(0, shown_bytes)
    }
}
