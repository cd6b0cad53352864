//! A line of the delivery log, and what it unfolds.

use domain::{DeliveryId, DeliveryState};
use store::delivery_log::{Attempt, Delivery};

use super::json_text;
use super::labels::{self, Badge, Moment};
use super::text::is_shown_exactly;

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
    /// Whether it failed and can be retried.
    pub(crate) can_retry: bool,
    /// Whether it was delivered and can be sent once more.
    pub(crate) can_send_again: bool,
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
            can_send_again: delivery.state == DeliveryState::Delivered && !delivery.test,
        }
    }
}

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

/// A payload, or its beginning.
pub(crate) struct Payload {
    /// As it was sent.
    pub(crate) exact: String,
    /// The same, laid out; `None` for a beginning, or for what is no JSON.
    pub(crate) indented: Option<String>,
    /// The length of the whole.
    pub(crate) bytes: usize,
    /// Bytes of it that are shown.
    pub(crate) shown: usize,
}

impl Payload {
    /// The first `shown` bytes of a payload, or all of it.
    pub(crate) fn new(payload: &[u8], shown: usize) -> Self {
        let bytes = payload.len();
        let shown = bytes.min(shown);
        let exact = String::from_utf8_lossy(&payload[..shown]).into_owned();
        Self {
            indented: if shown < bytes {
                None
            } else {
                json_text::indented(&exact)
            },
            exact,
            bytes,
            shown,
        }
    }

    /// Whether this is only the beginning.
    pub(crate) const fn is_cut(&self) -> bool {
        self.shown < self.bytes
    }

    /// Whether copying what is shown copies what was sent.
    pub(crate) fn is_exact(&self) -> bool {
        !self.is_cut() && is_shown_exactly(&self.exact)
    }
}
