//! A line of the delivery log, and what it unfolds.

use domain::{DeliveryId, DeliveryState};
use store::delivery_log::{Attempt, Delivery};

use super::json_text;
use super::shown_text::shown_bytes;
use super::words::{self, Badge, Moment};

/// A delivery in a table.
pub(super) struct LogLine {
    pub(super) id: DeliveryId,
    pub(super) at: Moment,
    pub(super) event_type: String,
    pub(super) test: bool,
    /// The last answer's status with its words, or why there was none.
    pub(super) http_status: String,
    pub(super) response_time: String,
    pub(super) badge: Badge,
    /// When it is tried again.
    pub(super) next_at: Option<Moment>,
    pub(super) attempts: i32,
    /// Whether it can be sent again by hand.
    pub(super) can_retry: bool,
}

impl From<&Delivery> for LogLine {
    fn from(delivery: &Delivery) -> Self {
        let http_status = match (delivery.http_status, &delivery.error) {
            (Some(status), _) => words::http_status(status),
            (None, Some(error)) => error.clone(),
            (None, None) => "–".to_owned(),
        };
        Self {
            id: delivery.id,
            at: delivery.created_at.into(),
            event_type: delivery.event_type.clone(),
            test: delivery.test,
            http_status,
            response_time: delivery.response_time_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms")),
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
pub(super) struct AttemptLine {
    pub(super) number: i32,
    pub(super) at: Moment,
    pub(super) trigger: &'static str,
    pub(super) ending: String,
    pub(super) response_time_ms: i32,
    /// The beginning of the answer.
    pub(super) excerpt: Option<String>,
}

impl AttemptLine {
    /// How much text this puts into a page, in bytes.
    pub(super) fn shown_bytes(&self) -> usize {
        ATTEMPT_BYTES + self.excerpt.as_deref().map_or(0, shown_bytes)
    }
}

impl From<&Attempt> for AttemptLine {
    fn from(attempt: &Attempt) -> Self {
        let excerpt = attempt.response_excerpt.as_deref().filter(|bytes| !bytes.is_empty());
        Self {
            number: attempt.number,
            at: attempt.at.into(),
            trigger: words::trigger(attempt.trigger),
            ending: words::ending(attempt.outcome, attempt.http_status, attempt.error.as_deref()),
            response_time_ms: attempt.response_time_ms,
            excerpt: excerpt.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// How much text may still go into a page, in bytes: it stays small whatever payloads and answers are like.
pub(super) struct Budget(pub(super) usize);

impl Budget {
    /// Whether so much still fits; then it is spent.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// A payload, or its beginning.
pub(super) struct Payload {
    /// As it was sent.
    pub(super) exact: String,
    /// The same, laid out; nothing for a beginning, or for what is no JSON.
    pub(super) indented: Option<String>,
    /// The length of the whole, when this is only its beginning.
    pub(super) cut_from: Option<usize>,
}

impl Payload {
    /// Of the first bytes of a payload that has so many.
    pub(super) fn new(bytes: &[u8], whole_bytes: usize) -> Self {
        let exact = String::from_utf8_lossy(bytes).into_owned();
        let is_whole = bytes.len() == whole_bytes;
        let indented = if is_whole { json_text::indented(&exact) } else { None };
        Self { exact, indented, cut_from: (!is_whole).then_some(whole_bytes) }
    }

    /// How much text this puts into a page, in bytes.
    pub(super) fn shown_bytes(&self) -> usize {
        shown_bytes(&self.exact) + self.indented.as_deref().map_or(0, shown_bytes)
    }
}
