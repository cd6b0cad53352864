//! Log lines by level, as a metric: a rise of warnings shows on a dashboard before anyone reads the log.

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::metrics::{Counter, Family, Label, Metrics};

/// A level as a label.
#[derive(Clone, Copy, PartialEq, Eq)]
struct LevelLabel(Level);

impl Label for LevelLabel {
    const NAME: &'static str = "level";

    fn all() -> impl Iterator<Item = Self> {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        levels.into_iter().map(Self)
    }

    fn value(self) -> &'static str {
        match self.0 {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        }
    }
}

/// Counts written log events.
pub(super) struct CountEvents {
    events: Family<LevelLabel, Counter>,
}

impl CountEvents {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            events: metrics.counters("webhook_log_events_total", "Log events written, by level."),
        }
    }
}

impl<S: Subscriber> Layer<S> for CountEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.events.with(LevelLabel(*event.metadata().level())).inc();
    }
}
