//! The log of a whole process: its levels, its form, and the metric that counts it.

use runtime::{Metrics, Program, Settings};

use crate::child::Child;
use crate::settings::REQUIRED;

#[test]
#[ignore = "a child of the tests below"]
fn write_a_log() {
    let settings = Settings::load(Program::Sender, None).unwrap();
    let metrics = Metrics::new();
    runtime::logs::init(Program::Sender, &settings.log, &metrics).unwrap();
    tracing::debug!("not written by default");
    tracing::info!(target: "lapin::io", "not written by default");
    let _span = tracing::info_span!("job", delivery_id = "msg_1").entered();
    tracing::warn!(attempt = 2, "the first line");
    tracing::info!("the last line");
    runtime::logs::flush();
    println!("{}", metrics.text());
    assert!(runtime::logs::init(Program::Sender, &settings.log, &Metrics::new()).is_err());
    println!("the end");
}

async fn log(variables: &[(&str, &str)]) -> Child {
    Child::start("logs::write_a_log", &[&REQUIRED, variables].concat())
}

#[tokio::test]
async fn away_from_a_terminal_lines_are_json_and_only_info_and_above_is_written() {
    let mut child = log(&[("RUST_LOG", "")]).await;
    let line: serde_json::Value = serde_json::from_str(&child.line_with("{\"timestamp\":").await).unwrap();
    assert_eq!(line["message"], "the first line");
    assert_eq!((&line["level"], &line["service"]), (&"WARN".into(), &"sender".into()));
    assert_eq!((&line["attempt"], &line["delivery_id"]), (&2.into(), &"msg_1".into()));
    for expected in ["debug\"} 0", "error\"} 0", "info\"} 1", "trace\"} 0", "warn\"} 1"] {
        let counted = child.line_with("webhook_log_events_total{").await;
        assert!(counted.ends_with(expected), "{counted}");
    }
    child.line_with("the end").await;
    assert!(child.end().await.success());
}

#[tokio::test]
async fn rust_log_sets_the_levels_and_text_is_for_people() {
    let mut child = log(&[("RUST_LOG", "debug,lapin=info"), ("WEBHOOKS_LOG__FORMAT", "text")]).await;
    let line = child.line_with("not written by default").await;
    assert!(line.contains("DEBUG") && !line.contains('{'), "{line}");
    let line = child.line_with("lapin::io").await;
    assert!(line.contains("INFO"), "{line}");
    let line = child.line_with("the first line").await;
    assert!(
        line.contains("delivery_id=\"msg_1\"") && line.contains("attempt=2"),
        "{line}"
    );
    assert!(child.end().await.success());
}
