//! Failed authentication and authorization: counted, and logged without what was sent.
//!
//! A handler puts a [`Refusal`] into its response as an extension; the guard, through which every response leaves, hands
//! it to [`Refusals`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::tokens;

use crate::auth_failure::AuthFailure;
use crate::observer::RequestObserver;

/// Maximum log lines in [`WINDOW`], for all clients: enough to see the attempts, too few to fill a disk.
const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// Somebody was refused. Travels with the answer.
#[derive(Debug, Clone)]
pub struct Refusal {
    reason: AuthFailure,
    /// The beginning of the token's hash.
    token: Option<String>,
    /// More of the reason, in words of ours.
    detail: Option<String>,
}

impl From<AuthFailure> for Refusal {
    fn from(reason: AuthFailure) -> Self {
        Self {
            reason,
            token: None,
            detail: None,
        }
    }
}

impl Refusal {
    /// For this token, of which only a part of its hash is kept.
    pub fn with_token(self, token: &str) -> Self {
        Self {
            token: Some(tokens::fingerprint(token)),
            ..self
        }
    }

    /// Says more of the reason; nothing that was sent.
    pub fn with_detail(self, detail: impl ToString) -> Self {
        Self {
            detail: Some(detail.to_string()),
            ..self
        }
    }
}

/// Counts refusals and logs them, within limits.
pub struct Refusals {
    observer: Arc<dyn RequestObserver>,
    lines: Mutex<Lines>,
}

impl Refusals {
    /// No refusals yet; each is passed to `observer`.
    pub fn new(observer: Arc<dyn RequestObserver>) -> Self {
        Self {
            observer,
            lines: Mutex::default(),
        }
    }

    /// Notes that a request for this route was refused.
    pub(crate) fn note(&self, now: Instant, route: &str, refusal: &Refusal) {
        self.observer.refused(refusal.reason);
        let Some(left_out) = self.lines.lock().unwrap_or_else(PoisonError::into_inner).admit(now) else {
            return;
        };
        let left_out = (left_out > 0).then_some(left_out);
        let Refusal { reason, token, detail } = refusal;
        let reason: &'static str = reason.into();
        let token = token.as_deref();
        let detail = detail.as_deref();
        tracing::warn!(reason, route, token, detail, left_out, "access refused");
    }
}

/// How many lines were written of late.
#[derive(Debug, Default)]
struct Lines {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Lines {
    /// How many lines were left out before this one; `None` when this one is left out, too.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self
            .since
            .is_none_or(|since| now.saturating_duration_since(since) >= WINDOW)
        {
            (self.since, self.written) = (Some(now), 0);
        }
        if self.written >= LINES {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_some_lines_a_minute_and_says_how_many_it_did_not_make() {
        let mut lines = Lines::default();
        let start = Instant::now();
        assert!((0..LINES).all(|_| lines.admit(start) == Some(0)));
        assert!((0..500).all(|_| lines.admit(start + Duration::from_secs(59)).is_none()));
        assert_eq!(lines.admit(start + WINDOW), Some(500));
        assert_eq!(lines.admit(start + WINDOW), Some(0));
    }
}
