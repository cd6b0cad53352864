//! What a sender tells Prometheus.

use domain::{Outcome, PausedReason, Trigger};
use runtime::Metrics;
use runtime::metrics::{Counter, Family, Gauge, Histogram, Label};

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// A 2xx answer.
    Delivered,
    /// No attempt left.
    Failed,
}

impl Label for Finished {
    const NAME: &'static str = "result";

    fn all() -> &'static [Self] {
        &[Self::Delivered, Self::Failed]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// Success or not: the outcome of an attempt, coarse enough for a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// 2xx.
    Yes,
    /// Anything else.
    No,
}

impl Label for Success {
    const NAME: &'static str = "outcome";

    fn all() -> &'static [Self] {
        &[Self::Yes, Self::No]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Yes => "success",
            Self::No => "failure",
        }
    }
}

/// Why a webhook was paused without anybody asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonLabel(pub PausedReason);

impl Label for ReasonLabel {
    const NAME: &'static str = "reason";

    fn all() -> &'static [Self] {
        &[Self(PausedReason::RepeatedFailures), Self(PausedReason::Gone)]
    }

    fn value(self) -> &'static str {
        self.0.as_str()
    }
}

/// The metrics of one sender process.
pub struct SenderMetrics {
    /// HTTP attempts finished.
    pub attempts: Family<(Outcome, Trigger), Counter>,
    /// How long they took.
    pub attempt_duration: Family<Success, Histogram>,
    /// From an event's acceptance to the start of its first attempt.
    pub first_attempt_lag: Histogram,
    /// From an event's acceptance to its delivery's end.
    pub end_to_end: Family<Finished, Histogram>,
    /// Deliveries that reached an end.
    pub finished: Family<Finished, Counter>,
    /// Retries handed to the ladder.
    pub retries: Counter,
    /// Jobs whose delivery is held, because the webhook is paused.
    pub held: Counter,
    /// Jobs put aside, because the webhook has more under way than it absorbs.
    pub spilled: Counter,
    /// Webhooks that outcomes written by this process have paused.
    pub auto_paused: Family<ReasonLabel, Counter>,
    /// Jobs moved to the side queue.
    pub rejected: Counter,
    /// HTTP attempts under way.
    pub in_flight: Gauge,
    /// Outcomes written per batch.
    pub batch_records: Histogram,
    /// How long a batch took to be committed.
    pub batch_duration: Histogram,
}

impl SenderMetrics {
    /// Declares the metrics, every combination of labels at 0. `slots` is how many attempts may be under way.
    pub fn new(metrics: &Metrics, slots: usize) -> Self {
        metrics.gauge("webhook_sender_slots", "Concurrent HTTP attempts this process may make.").set(slots as f64);
        Self {
            attempts: metrics
                .counters("webhook_delivery_attempts_total", "HTTP attempts finished, by outcome and trigger."),
            attempt_duration: metrics.histograms(
                "webhook_delivery_attempt_duration_seconds",
                "Time of one HTTP attempt, to the end of the answer's head or to the failure.",
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0],
            ),
            first_attempt_lag: metrics.histogram(
                "webhook_first_attempt_lag_seconds",
                "Time from an event's acceptance to the start of its first attempt.",
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0],
            ),
            end_to_end: metrics.histograms(
                "webhook_delivery_end_to_end_seconds",
                "Time from an event's acceptance to its delivery's end.",
                &[0.01, 0.05, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 90.0, 300.0, 390.0, 600.0, 1800.0, 2400.0, 3600.0],
            ),
            finished: metrics.counters("webhook_deliveries_finished_total", "Deliveries that reached their end."),
            retries: metrics.counter("webhook_retries_scheduled_total", "Retries handed to the ladder."),
            held: metrics.counter("webhook_deliveries_held_total", "Deliveries held because their webhook is paused."),
            spilled: metrics.counter(
                "webhook_deliveries_spilled_total",
                "Deliveries put aside in the database because their webhook has more under way than it absorbs.",
            ),
            auto_paused: metrics
                .counters("webhook_endpoints_auto_paused_total", "Webhooks paused without anybody asking, by reason."),
            rejected: metrics
                .counter("webhook_jobs_rejected_total", "Jobs moved to webhooks.deliveries.rejected; normally none."),
            in_flight: metrics.gauge("webhook_sender_in_flight_requests", "HTTP attempts under way in this process."),
            batch_records: metrics.histogram(
                "webhook_outcome_batch_records",
                "Outcomes written to the database in one statement.",
                &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0],
            ),
            batch_duration: metrics.histogram(
                "webhook_outcome_batch_duration_seconds",
                "Time until a batch of outcomes was committed, waiting for an absent database included.",
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0],
            ),
        }
    }
}
