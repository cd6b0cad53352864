//! The process's metrics, in the Prometheus text format.
//!
//! Each program declares its metrics in one file, as a struct built from a [`Metrics`]. Labels are enums
//! ([`Label`]), so a label can take no value that is not written in the code, and every combination exists from the
//! start with the value 0: `rate()` then sees the first failure too.

mod domain_labels;
mod family;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};

pub use domain_labels::EventTypeLabel;
pub use family::{EnumLabel, Family, Label, Labels};
/// A number that goes up and down.
pub use prometheus::Gauge;
/// How observations spread over buckets.
pub use prometheus::Histogram;
/// A number that only grows. Its name ends in `_total`.
pub use prometheus::IntCounter as Counter;

use crate::{REVISION, VERSION};

/// The `Content-Type` of [`Metrics::text`].
pub const TEXT_FORMAT: &str = prometheus::TEXT_FORMAT;

/// The metrics of this process. Cheap to clone; every clone is the same set.
///
/// The functions that add one panic when the name is taken or malformed, or the labels do not fit: such a metric is a
/// mistake in the program, found by the first test that builds its metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A set that holds the operating system's view of the process (`process_*`) and `webhook_build_info`.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::new(),
        };
        metrics.add(ProcessCollector::for_self());
        let build = Opts::new(
            "webhook_build_info",
            "Release and source revision of the running program; always 1.",
        )
        .const_label("version", VERSION)
        .const_label("revision", REVISION);
        metrics
            .register(Gauge::with_opts(build).expect("the name and labels above are well formed"))
            .set(1.0);
        metrics
    }

    /// Adds a counter.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.register(valid(name, Counter::new(name, help)))
    }

    /// Adds a counter for each combination of labels.
    pub fn counters<L: Labels>(&self, name: &str, help: &str) -> Family<L, Counter> {
        let family = prometheus::IntCounterVec::new(Opts::new(name, help), &L::names());
        let family = self.register(valid(name, family));
        Family::of(|values| valid(name, family.get_metric_with_label_values(values)))
    }

    /// Adds a gauge.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.register(valid(name, Gauge::new(name, help)))
    }

    /// Adds a gauge for each combination of labels.
    pub fn gauges<L: Labels>(&self, name: &str, help: &str) -> Family<L, Gauge> {
        let family = self.register(valid(
            name,
            prometheus::GaugeVec::new(Opts::new(name, help), &L::names()),
        ));
        Family::of(|values| valid(name, family.get_metric_with_label_values(values)))
    }

    /// Adds a histogram. `buckets` are upper bounds in the unit the name ends in, ascending.
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(valid(name, Histogram::with_opts(options)))
    }

    /// Adds a histogram for each combination of labels.
    pub fn histograms<L: Labels>(&self, name: &str, help: &str, buckets: &[f64]) -> Family<L, Histogram> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let family = self.register(valid(name, prometheus::HistogramVec::new(options, &L::names())));
        Family::of(|values| valid(name, family.get_metric_with_label_values(values)))
    }

    /// All metrics with their current values, in the Prometheus text format.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("the registry holds only metrics it has checked, and writing to memory cannot fail")
    }

    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> C {
        self.add(collector.clone());
        collector
    }

    fn add(&self, collector: impl Collector + 'static) {
        self.registry
            .register(Box::new(collector))
            .expect("a metric's name is used only once");
    }
}

fn valid<T>(name: &str, metric: prometheus::Result<T>) -> T {
    metric.unwrap_or_else(|error| panic!("the metric {name} is declared wrongly: {error}"))
}

#[cfg(test)]
mod tests;
