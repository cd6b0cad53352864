//! What a scrape sees.

use domain::{EventType, Outcome, Trigger};
use strum::{IntoStaticStr, VariantArray};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
enum Role {
    Publisher,
    Consumer,
}

impl EnumLabel for Role {
    const NAME: &'static str = "role";
}

fn assert_line(metrics: &Metrics, line: &str) {
    let text = metrics.text();
    assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
}

#[test]
fn every_combination_of_labels_is_there_from_the_start() {
    let metrics = Metrics::new();
    let attempts = metrics.counters::<(Outcome, Trigger)>("webhook_delivery_attempts_total", "Attempts.");
    let text = metrics.text();
    let zeros = text
        .lines()
        .filter(|line| line.starts_with("webhook_delivery_attempts_total{") && line.ends_with(" 0"));
    assert_eq!(zeros.count(), Outcome::VARIANTS.len() * Trigger::VARIANTS.len());
    attempts.with((Outcome::Timeout, Trigger::Manual)).inc();
    assert_line(
        &metrics,
        r#"webhook_delivery_attempts_total{outcome="timeout",trigger="manual"} 1"#,
    );
}

#[test]
fn each_combination_counts_for_itself() {
    let metrics = Metrics::new();
    let counters = metrics.counters::<(Role, Outcome, Trigger)>("webhook_three_total", "Three labels.");
    let all = || {
        Role::all().flat_map(|role| {
            Outcome::all().flat_map(move |outcome| Trigger::all().map(move |trigger| (role, outcome, trigger)))
        })
    };
    for (number, labels) in (1..).zip(all()) {
        counters.with(labels).inc_by(number);
    }
    for (number, (role, outcome, trigger)) in (1..).zip(all()) {
        let labels = format!(r#"outcome="{outcome}",role="{}",trigger="{trigger}""#, role.value());
        assert_line(&metrics, &format!("webhook_three_total{{{labels}}} {number}"));
    }
}

#[test]
fn strangers_cannot_make_series() {
    let metrics = Metrics::new();
    let events = metrics.counters::<EventTypeLabel>("webhook_events_total", "Events.");
    events.with(EventTypeLabel(EventType::parse("deal.won"))).inc();
    events.with(EventTypeLabel(EventType::parse("no.such.type"))).inc();
    assert_line(&metrics, r#"webhook_events_total{event_type="deal.won"} 1"#);
    assert_line(&metrics, r#"webhook_events_total{event_type="other"} 1"#);
    assert_eq!(EventTypeLabel::all().count(), EventType::COUNT + 1);
}

#[test]
fn gauges_and_histograms() {
    let metrics = Metrics::new();
    metrics.gauge("webhook_slots", "Slots.").set(512.0);
    metrics
        .gauges::<Role>("webhook_amqp_connected", "Connected.")
        .with(Role::Consumer)
        .set(1.0);
    metrics
        .histogram("webhook_lag_seconds", "Lag.", &[0.5, 5.0])
        .observe(1.0);
    metrics
        .histograms::<Role>("webhook_wait_seconds", "Wait.", &[1.0])
        .with(Role::Publisher)
        .observe(2.0);
    for line in [
        "webhook_slots 512",
        r#"webhook_amqp_connected{role="consumer"} 1"#,
        r#"webhook_amqp_connected{role="publisher"} 0"#,
        r#"webhook_lag_seconds_bucket{le="0.5"} 0"#,
        r#"webhook_lag_seconds_bucket{le="5"} 1"#,
        r#"webhook_wait_seconds_count{role="publisher"} 1"#,
        r#"webhook_wait_seconds_count{role="consumer"} 0"#,
    ] {
        assert_line(&metrics, line);
    }
}

#[test]
fn the_process_and_its_build_are_described() {
    let metrics = Metrics::new();
    assert_line(
        &metrics,
        &format!(r#"webhook_build_info{{revision="{REVISION}",version="{VERSION}"}} 1"#),
    );
    assert!(metrics.text().contains("\nprocess_resident_memory_bytes "));
}

#[test]
#[should_panic(expected = "used only once")]
fn a_name_is_taken_once() {
    let metrics = Metrics::new();
    metrics.counter("webhook_once_total", "Once.");
    metrics.counter("webhook_once_total", "Twice.");
}

#[test]
#[should_panic(expected = "the metric webhook-dash is declared wrongly")]
fn a_name_is_well_formed() {
    Metrics::new().counter("webhook-dash", "No dash in a name.");
}
