//! Labels, badges and figures that several pages share.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::StatusCode;
use domain::{AuditAction, DeliveryState, Outcome, Trigger, Verdict, WebhookStatus};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A state in colour, sign and word: never by colour alone.
#[derive(Debug, Clone, Copy, Template)]
#[template(
    source = r##"<span class="badge {{ tone }}"><svg aria-hidden="true"><use href="#i-{{ icon }}"/></svg>{{ word }}</span>"##,
    ext = "html"
)]
pub(crate) struct Badge {
    tone: &'static str,
    icon: &'static str,
    word: &'static str,
}

impl HtmlSafe for Badge {}

impl From<WebhookStatus> for Badge {
    fn from(status: WebhookStatus) -> Self {
        let (tone, icon, word) = match status {
            WebhookStatus::Active => ("ok", "ok", "Active"),
            WebhookStatus::Paused => ("idle", "pause", "Paused"),
            WebhookStatus::Error => ("bad", "warn", "Error"),
        };
        Self { tone, icon, word }
    }
}

impl From<DeliveryState> for Badge {
    fn from(state: DeliveryState) -> Self {
        let (tone, icon, word) = match state {
            DeliveryState::Queued => ("info", "dot", "Queued"),
            DeliveryState::Held => ("idle", "pause", "Waiting"),
            DeliveryState::Retrying => ("warn", "clock", "Retrying"),
            DeliveryState::Delivered => ("ok", "ok", "Delivered"),
            DeliveryState::Failed => ("bad", "bad", "Failed"),
        };
        Self { tone, icon, word }
    }
}

impl From<Verdict> for Badge {
    fn from(verdict: Verdict) -> Self {
        let (tone, icon, word) = match verdict {
            Verdict::Queued => return DeliveryState::Queued.into(),
            Verdict::Held => return DeliveryState::Held.into(),
            Verdict::Retrying => return DeliveryState::Retrying.into(),
            Verdict::Delivered => return DeliveryState::Delivered.into(),
            Verdict::Failed => return DeliveryState::Failed.into(),
            Verdict::NotSubscribed => ("idle", "none", "Not subscribed"),
            Verdict::ConditionFalse => ("idle", "none", "Condition is false"),
            Verdict::WebhookNewer => ("idle", "none", "Webhook is newer"),
            Verdict::WebhookDeleted => ("idle", "none", "Webhook deleted"),
        };
        Self { tone, icon, word }
    }
}

impl Badge {
    /// Whether a webhook would get an event.
    pub(crate) const fn would_get(would_get: bool) -> Self {
        if would_get {
            Self {
                tone: "ok",
                icon: "ok",
                word: "Would get it",
            }
        } else {
            Self {
                tone: "idle",
                icon: "none",
                word: "Would not get it",
            }
        }
    }

    /// A state's word alone, for filters.
    pub(crate) const fn word(self) -> &'static str {
        self.word
    }
}

/// A point in time, in UTC; the script shows it in the reader's zone.
#[derive(Debug, Clone, Template)]
#[template(source = r#"<time datetime="{{ machine }}">{{ people }}</time>"#, ext = "html")]
pub(crate) struct Moment {
    machine: String,
    people: String,
}

impl HtmlSafe for Moment {}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self {
            machine: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            people: date_and_time(at),
        }
    }
}

impl Moment {
    /// As text alone, for an attribute.
    pub(crate) fn people(&self) -> &str {
        &self.people
    }
}

fn date_and_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%-d %b %Y, %H:%M:%S UTC")
        .to_string()
}

/// `500 Internal Server Error`; without words for a status that has none registered.
pub(crate) fn http_status(status: i16) -> String {
    let words = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok()?.canonical_reason());
    words.map_or_else(|| status.to_string(), |words| format!("{status} {words}"))
}

/// How an attempt ended: the answer's status, or why there was none.
pub(crate) fn ending(outcome: Outcome, status: Option<i16>, error: Option<&str>) -> String {
    match (status, error) {
        (Some(status), None) => http_status(status),
        (Some(status), Some(error)) => format!("{} ({error})", http_status(status)),
        (None, Some(error)) => error.to_owned(),
        (None, None) => outcome_words(outcome).to_owned(),
    }
}

const fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "delivered",
        Outcome::Http3xx => "redirected",
        Outcome::Http4xx => "refused",
        Outcome::Http5xx => "server error",
        Outcome::Timeout => "timeout",
        Outcome::ConnectError => "connection failed",
        Outcome::DnsError => "name not found",
        Outcome::TlsError => "certificate not valid",
        Outcome::Blocked => "address not allowed",
        Outcome::LocalError => "local error",
    }
}

/// Why an attempt was made.
pub(crate) const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Event => "Event",
        Trigger::Retry => "Retry",
        Trigger::Manual => "By hand",
        Trigger::Resume => "Resumed",
        Trigger::Test => "Test",
    }
}

/// What somebody did.
pub(crate) const fn action(action: AuditAction) -> &'static str {
    match action {
        AuditAction::Created => "Added",
        AuditAction::Edited => "Edited",
        AuditAction::Paused => "Paused",
        AuditAction::Resumed => "Resumed",
        AuditAction::SecretRevealed => "Secret shown",
        AuditAction::SecretRotated => "Secret replaced",
        AuditAction::Retried => "Delivery retried",
        AuditAction::Recovered => "Failed deliveries retried",
        AuditAction::Deleted => "Deleted",
        AuditAction::Tested => "Unsaved URL tested",
        AuditAction::SignedIn => "Signed in",
        AuditAction::SignedOut => "Signed out",
        AuditAction::SessionRevoked => "Session ended",
        AuditAction::TokenCreated => "API token created",
        AuditAction::TokenRevoked => "API token revoked",
    }
}

/// `1 event`, `2 events`.
pub(crate) fn count(number: i64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `96% ok`; rounded down, so that a failure never reads as 100%. `None` when nothing ended.
pub(crate) fn share(good: i64, bad: i64) -> Option<String> {
    let all = good + bad;
    (all > 0).then(|| format!("{}% ok", good.saturating_mul(100) / all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        assert_eq!(
            (count(1, "event", "events"), count(0, "event", "events")),
            ("1 event".into(), "0 events".into())
        );
        assert_eq!(
            (share(999, 1), share(5, 0), share(0, 0)),
            (Some("99% ok".into()), Some("100% ok".into()), None)
        );
        assert_eq!(
            (http_status(404), http_status(599)),
            ("404 Not Found".into(), "599".into())
        );
    }

    #[test]
    fn times_are_told_in_utc() {
        let moment = Moment::from("2026-03-04T05:06:07.891Z".parse::<Timestamp>().unwrap());
        let expected = "<time datetime=\"2026-03-04T05:06:07Z\">4 Mar 2026, 05:06:07 UTC</time>";
        assert_eq!(moment.to_string(), expected);
    }
}
