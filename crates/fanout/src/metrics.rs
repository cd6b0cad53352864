//! The metrics of fanout.

use domain::{Lane, WebhookStatus};
use runtime::Metrics;
use runtime::metrics::{Counter, EnumLabel, EventTypeLabel, Family, Gauge, Histogram, Label};
use strum::{IntoStaticStr, VariantArray};
use wire::RejectionReason;

/// The result of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum EventResult {
    /// Its jobs were published.
    Accepted,
    /// A duplicate of a recent event.
    Duplicate,
    /// Moved to the queue of rejected events.
    Invalid,
    /// Of a type outside the catalogue.
    UnknownType,
    /// No subscription matches, or none whose conditions hold.
    NoSubscriber,
}

impl EnumLabel for EventResult {
    const NAME: &'static str = "result";
}

/// Why an event was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonLabel(pub RejectionReason);

impl Label for ReasonLabel {
    const NAME: &'static str = "reason";

    fn all() -> impl Iterator<Item = Self> {
        RejectionReason::VARIANTS.iter().copied().map(Self)
    }

    fn value(self) -> &'static str {
        self.0.into()
    }
}

/// The states of the backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Waiting {
    /// An overdue retry.
    Due,
    /// A retry that is not yet due.
    Scheduled,
    /// Held until its webhook is resumed.
    Held,
    /// Spilled or deferred.
    Spilled,
}

impl EnumLabel for Waiting {
    const NAME: &'static str = "state";
}

/// A webhook's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusLabel(pub WebhookStatus);

impl Label for StatusLabel {
    const NAME: &'static str = "status";

    fn all() -> impl Iterator<Item = Self> {
        WebhookStatus::VARIANTS.iter().copied().map(Self)
    }

    fn value(self) -> &'static str {
        self.0.into()
    }
}

/// Channels of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum NotificationChannel {
    /// The exchange `crm.notifications`.
    Broker,
    /// E-mail.
    Mail,
}

impl EnumLabel for NotificationChannel {
    const NAME: &'static str = "channel";
}

/// The result of an attempt to notify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum NotificationResult {
    /// The broker, or the mail server, accepted it.
    Sent,
    /// It was not accepted; it is retried.
    Failed,
}

impl EnumLabel for NotificationResult {
    const NAME: &'static str = "result";
}

/// The metrics of one fanout process.
pub struct FanoutMetrics {
    /// Events consumed.
    pub events: Family<(EventTypeLabel, EventResult), Counter>,
    /// Invalid events, by reason.
    pub rejected: Family<ReasonLabel, Counter>,
    /// Jobs per accepted event.
    pub deliveries_per_event: Histogram,
    /// Deliveries that conditions ruled out.
    pub skipped_by_conditions: Counter,
    /// Jobs of events, by the lane they take.
    pub enqueued: Family<Lane, Counter>,
    /// From receipt to all jobs confirmed.
    pub processing: Histogram,
    /// 1 while the subscription index follows the database.
    pub index_current: Gauge,
    /// Webhooks in the subscription index.
    pub index_webhooks: Gauge,
    /// When partitions were last created or confirmed.
    pub housekeeping: Gauge,
    /// Beginning of the oldest partition.
    pub oldest_partition: Gauge,
    /// Beginning of the newest partition.
    pub newest_partition: Gauge,
    /// Attempts to notify administrators.
    pub notifications: Family<(NotificationChannel, NotificationResult), Counter>,
    /// Deliveries released by this process.
    pub released: Counter,
    /// The last database snapshot of what waits.
    pub backlog: BacklogMetrics,
}

/// The metrics of the database snapshot, which is of all processes.
pub struct BacklogMetrics {
    /// Webhooks of all accounts.
    pub webhooks: Family<StatusLabel, Gauge>,
    /// Deliveries not yet delivered or failed.
    pub deliveries: Family<Waiting, Gauge>,
    /// Lateness of the most overdue retry.
    pub oldest_due: Gauge,
    /// When the snapshot was taken.
    pub read: Gauge,
}

impl FanoutMetrics {
    /// Declares the metrics, every combination of labels at 0.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            events: metrics.counters("webhook_events_consumed_total", "CRM events consumed, by result."),
            rejected: metrics.counters(
                "webhook_events_rejected_total",
                "CRM events moved to webhooks.events.rejected, by reason.",
            ),
            deliveries_per_event: metrics.histogram(
                "webhook_event_fanout_deliveries",
                "Fan-out: jobs published per accepted event.",
                &[0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0],
            ),
            skipped_by_conditions: metrics.counter(
                "webhook_deliveries_skipped_by_conditions_total",
                "Deliveries that were not made because a condition of their webhook does not hold for the event.",
            ),
            enqueued: metrics.counters(
                "webhook_jobs_enqueued_total",
                "Jobs published for events, by lane: bulk for those beyond their account's token bucket.",
            ),
            processing: metrics.histogram(
                "webhook_event_processing_duration_seconds",
                "Time from an event's receipt until the broker has confirmed all its jobs.",
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5],
            ),
            index_current: metrics.gauge(
                "webhook_subscription_index_current",
                "1 while the subscription index follows the database (LISTEN); 0 while matching uses the last known \
                 subscriptions.",
            ),
            index_webhooks: metrics.gauge(
                "webhook_subscription_index_webhooks",
                "Webhooks in the subscription index.",
            ),
            housekeeping: metrics.gauge(
                "webhook_housekeeping_timestamp_seconds",
                "Unix time at which this process last created or confirmed the log partitions of the days ahead; 0 \
                 before the first.",
            ),
            released: metrics.counter(
                "webhook_deliveries_released_total",
                "Deliveries released from the outbox to the broker: held, spilled, deferred, recovered or manually \
                 retried ones.",
            ),
            oldest_partition: metrics.gauge(
                "webhook_log_oldest_partition_timestamp_seconds",
                "Unix time at which the oldest partition of the delivery log begins; 0 before it was read.",
            ),
            newest_partition: metrics.gauge(
                "webhook_log_newest_partition_timestamp_seconds",
                "Unix time at which the newest partition of the delivery log begins; 0 before it was read.",
            ),
            notifications: metrics.counters(
                "webhook_notifications_total",
                "Attempts to notify administrators of a webhook's health, by channel and result.",
            ),
            backlog: BacklogMetrics::new(metrics),
        }
    }
}

impl BacklogMetrics {
    fn new(metrics: &Metrics) -> Self {
        Self {
            webhooks: metrics.gauges(
                "webhook_endpoints",
                "Webhooks by status, from the last database snapshot.",
            ),
            deliveries: metrics.gauges(
                "webhook_deliveries_backlog",
                "Deliveries not yet delivered or failed, by state, from the last database snapshot.",
            ),
            oldest_due: metrics.gauge(
                "webhook_deliveries_oldest_due_age_seconds",
                "Lateness of the most overdue retry at the last database snapshot; 0 when none is overdue.",
            ),
            read: metrics.gauge(
                "webhook_backlog_snapshot_timestamp_seconds",
                "Unix time of the last successful backlog snapshot; 0 before the first.",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
