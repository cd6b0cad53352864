//! The metrics of a sender.

use domain::{DeferralCause, Outcome, PausedReason, Trigger};
use runtime::Metrics;
use runtime::metrics::{Counter, EnumLabel, Family, Gauge, Histogram, Label};
use strum::{IntoStaticStr, VariantArray};

/// The final state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Finished {
    /// A 2xx response.
    Delivered,
    /// No attempt left.
    Failed,
}

impl EnumLabel for Finished {
    const NAME: &'static str = "result";
}

/// Success or not: an attempt's outcome, coarse enough for a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
pub enum Success {
    /// 2xx.
    #[strum(serialize = "success")]
    Yes,
    /// Anything else.
    #[strum(serialize = "failure")]
    No,
}

impl EnumLabel for Success {
    const NAME: &'static str = "outcome";
}

/// Reason of an auto-pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonLabel(pub PausedReason);

impl Label for ReasonLabel {
    const NAME: &'static str = "reason";

    fn all() -> impl Iterator<Item = Self> {
        [PausedReason::RepeatedFailures, PausedReason::Gone]
            .into_iter()
            .map(Self)
    }

    fn value(self) -> &'static str {
        self.0.into()
    }
}

/// The metrics of one sender process.
pub struct SenderMetrics {
    /// HTTP attempts finished.
    pub attempts: Family<(Outcome, Trigger), Counter>,
    /// Their duration.
    pub attempt_duration: Family<Success, Histogram>,
    /// From an event's acceptance to the start of its first attempt.
    pub first_attempt_lag: Histogram,
    /// From an event's acceptance until its delivery ended.
    pub end_to_end: Family<Finished, Histogram>,
    /// Deliveries that ended.
    pub finished: Family<Finished, Counter>,
    /// Retries published to a delay queue of the retry ladder.
    pub retries: Counter,
    /// Jobs whose delivery is held, because the webhook is paused.
    pub held: Counter,
    /// Deliveries spilled to the outbox.
    pub spilled: Counter,
    /// Webhooks auto-paused by outcomes that this process recorded.
    pub auto_paused: Family<ReasonLabel, Counter>,
    /// Deferred attempts, by cause.
    pub deferred: Family<DeferralCause, Counter>,
    /// 1 while auto-pause for failures is suspended.
    pub auto_pause_suspended: Gauge,
    /// Jobs moved to the rejected queue.
    pub rejected: Counter,
    /// HTTP attempts in flight.
    pub in_flight: Gauge,
    /// Outcomes per batch.
    pub batch_records: Histogram,
    /// Duration of a batch's commit.
    pub batch_duration: Histogram,
}

impl SenderMetrics {
    /// Declares the metrics, every combination of labels at 0. `slots` is the maximum number of attempts in flight.
    pub fn new(metrics: &Metrics, slots: usize) -> Self {
        metrics
            .gauge(
                "webhook_sender_slots",
                "Concurrent HTTP attempts that this process may make (sender.concurrency).",
            )
            .set(slots as f64);
        Self {
            attempts: metrics.counters(
                "webhook_delivery_attempts_total",
                "HTTP attempts finished, by outcome and trigger.",
            ),
            attempt_duration: metrics.histograms(
                "webhook_delivery_attempt_duration_seconds",
                "Duration of one HTTP attempt, until the response head was read or the attempt failed.",
                &[
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0,
                ],
            ),
            first_attempt_lag: metrics.histogram(
                "webhook_first_attempt_lag_seconds",
                "Time from an event's acceptance to the start of its first attempt.",
                &[
                    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
                ],
            ),
            end_to_end: metrics.histograms(
                "webhook_delivery_end_to_end_seconds",
                "Time from an event's acceptance until its delivery is delivered or failed.",
                &[
                    0.01, 0.05, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 90.0, 300.0, 390.0, 600.0, 1800.0, 2400.0, 3600.0,
                ],
            ),
            finished: metrics.counters("webhook_deliveries_finished_total", "Deliveries that ended, by result."),
            retries: metrics.counter(
                "webhook_retries_scheduled_total",
                "Retries published to a delay queue of the retry ladder.",
            ),
            held: metrics.counter(
                "webhook_deliveries_held_total",
                "Deliveries held because their webhook is paused.",
            ),
            spilled: metrics.counter(
                "webhook_deliveries_spilled_total",
                "Deliveries spilled to the outbox (backpressure): their webhook is at its limit, throttled, or finds \
                 no free slot.",
            ),
            auto_paused: metrics.counters(
                "webhook_endpoints_auto_paused_total",
                "Webhooks auto-paused, by reason.",
            ),
            deferred: metrics.counters(
                "webhook_deliveries_deferred_total",
                "Deliveries deferred without having failed, by cause: the receiver's rate limit, a local error, or \
                 no free slot.",
            ),
            auto_pause_suspended: metrics.gauge(
                "webhook_auto_pause_suspended",
                "1 while auto-pause for failures is suspended, because most webhooks began to fail at once.",
            ),
            rejected: metrics.counter(
                "webhook_jobs_rejected_total",
                "Jobs moved to webhooks.deliveries.rejected; normally none.",
            ),
            in_flight: metrics.gauge(
                "webhook_sender_in_flight_requests",
                "HTTP attempts in flight in this process.",
            ),
            batch_records: metrics.histogram(
                "webhook_outcome_batch_records",
                "Outcomes written to the database in one statement.",
                &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0],
            ),
            batch_duration: metrics.histogram(
                "webhook_outcome_batch_duration_seconds",
                "Time to commit a batch of outcomes, including waits for an unavailable database.",
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0],
            ),
        }
    }
}

#[cfg(test)]
mod tests;
