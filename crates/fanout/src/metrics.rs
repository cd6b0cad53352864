//! What fanout tells Prometheus.

use domain::WebhookStatus;
use runtime::Metrics;
use runtime::metrics::{Counter, EventTypeLabel, Family, Gauge, Histogram, Label};
use wire::RejectionReason;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventResult {
    /// Its jobs were enqueued.
    Accepted,
    /// Seen a short while ago.
    Duplicate,
    /// Moved to the queue of rejected events.
    Invalid,
    /// Of a type outside the catalogue.
    UnknownType,
    /// Nobody listens.
    NoSubscriber,
}

impl Label for EventResult {
    const NAME: &'static str = "result";

    fn all() -> &'static [Self] {
        &[Self::Accepted, Self::Duplicate, Self::Invalid, Self::UnknownType, Self::NoSubscriber]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Invalid => "invalid",
            Self::UnknownType => "unknown_type",
            Self::NoSubscriber => "no_subscriber",
        }
    }
}

/// Why an event was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonLabel(pub RejectionReason);

impl Label for ReasonLabel {
    const NAME: &'static str = "reason";

    fn all() -> &'static [Self] {
        const ALL: [ReasonLabel; RejectionReason::ALL.len()] = {
            let mut all = [ReasonLabel(RejectionReason::TooLarge); RejectionReason::ALL.len()];
            let mut index = 0;
            while index < all.len() {
                all[index] = ReasonLabel(RejectionReason::ALL[index]);
                index += 1;
            }
            all
        };
        &ALL
    }

    fn value(self) -> &'static str {
        self.0.as_str()
    }
}

/// What a delivery that is not at its end waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing: its retry's time has come.
    Due,
    /// Its retry's time.
    Scheduled,
    /// Its webhook to be resumed.
    Held,
    /// Its webhook to have room for it.
    Spilled,
}

impl Label for Waiting {
    const NAME: &'static str = "state";

    fn all() -> &'static [Self] {
        &[Self::Due, Self::Scheduled, Self::Held, Self::Spilled]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Scheduled => "scheduled",
            Self::Held => "held",
            Self::Spilled => "spilled",
        }
    }
}

/// A webhook's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusLabel(pub WebhookStatus);

impl Label for StatusLabel {
    const NAME: &'static str = "status";

    fn all() -> &'static [Self] {
        &[Self(WebhookStatus::Active), Self(WebhookStatus::Paused), Self(WebhookStatus::Error)]
    }

    fn value(self) -> &'static str {
        self.0.as_str()
    }
}

/// How administrators are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationChannel {
    /// The exchange `crm.notifications`.
    Broker,
    /// E-mail.
    Mail,
}

impl Label for NotificationChannel {
    const NAME: &'static str = "channel";

    fn all() -> &'static [Self] {
        &[Self::Broker, Self::Mail]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Mail => "mail",
        }
    }
}

/// What became of a try to tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationResult {
    /// The broker, or the mail server, has it.
    Sent,
    /// It does not; it is tried again.
    Failed,
}

impl Label for NotificationResult {
    const NAME: &'static str = "result";

    fn all() -> &'static [Self] {
        &[Self::Sent, Self::Failed]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of one fanout process.
pub struct FanoutMetrics {
    /// Events taken from the broker.
    pub events: Family<(EventTypeLabel, EventResult), Counter>,
    /// Of the invalid ones, why.
    pub rejected: Family<ReasonLabel, Counter>,
    /// Jobs per accepted event.
    pub deliveries_per_event: Histogram,
    /// From receipt to all jobs confirmed.
    pub processing: Histogram,
    /// 1 while changes of webhooks are heard.
    pub index_current: Gauge,
    /// Webhooks in the index.
    pub index_webhooks: Gauge,
    /// When housekeeping last succeeded.
    pub housekeeping: Gauge,
    /// First moment of the oldest day that the log has.
    pub oldest_partition: Gauge,
    /// First moment of the newest day that the log has room for.
    pub newest_partition: Gauge,
    /// Tries to tell administrators.
    pub notifications: Family<(NotificationChannel, NotificationResult), Counter>,
    /// Webhooks of all accounts.
    pub webhooks: Family<StatusLabel, Gauge>,
    /// Waiting deliveries handed to the broker by this process.
    pub released: Counter,
    /// What waits, over all processes.
    pub backlog: Family<Waiting, Gauge>,
    /// By how much the most overdue of it is late.
    pub oldest_due: Gauge,
    /// When the two were last read.
    pub backlog_read: Gauge,
}

impl FanoutMetrics {
    /// Declares the metrics, every combination of labels at 0.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            events: metrics
                .counters("webhook_events_consumed_total", "CRM events taken from the broker, by what became of them."),
            rejected: metrics
                .counters("webhook_events_rejected_total", "CRM events moved to webhooks.events.rejected, by reason."),
            deliveries_per_event: metrics.histogram(
                "webhook_event_fanout_deliveries",
                "Deliveries enqueued per accepted event.",
                &[0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0],
            ),
            processing: metrics.histogram(
                "webhook_event_processing_duration_seconds",
                "Time from an event's receipt until the broker has confirmed all its jobs.",
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5],
            ),
            index_current: metrics.gauge(
                "webhook_subscription_index_current",
                "1 while changes of webhooks are heard; 0 while matching goes on with what was last known.",
            ),
            index_webhooks: metrics.gauge("webhook_subscription_index_webhooks", "Webhooks in the matching index."),
            housekeeping: metrics.gauge(
                "webhook_housekeeping_timestamp_seconds",
                "Unix time at which this process last made sure of the coming days' log partitions; 0 before the first.",
            ),
            released: metrics.counter(
                "webhook_deliveries_released_total",
                "Held, put aside, retried by hand or recovered deliveries handed to the broker.",
            ),
            oldest_partition: metrics.gauge(
                "webhook_log_oldest_partition_timestamp_seconds",
                "Unix time at which the oldest day of the delivery log begins; 0 before it was looked up.",
            ),
            newest_partition: metrics.gauge(
                "webhook_log_newest_partition_timestamp_seconds",
                "Unix time at which the newest day that the delivery log has room for begins; 0 before it was looked up.",
            ),
            notifications: metrics
                .counters("webhook_notifications_total", "Tries to tell administrators of a webhook's health, by channel."),
            webhooks: metrics.gauges("webhook_endpoints", "Webhooks by status, from the last database snapshot."),
            backlog: metrics
                .gauges("webhook_deliveries_backlog", "Deliveries not yet at their end, from the last database snapshot."),
            oldest_due: metrics.gauge(
                "webhook_deliveries_oldest_due_age_seconds",
                "Age past its due time of the most overdue retry at the last snapshot; 0 when none is late.",
            ),
            backlog_read: metrics
                .gauge("webhook_backlog_snapshot_timestamp_seconds", "Unix time of the last successful backlog snapshot."),
        }
    }
}
