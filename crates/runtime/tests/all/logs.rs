//! The log of a whole process: its levels, its form, and the metric that counts it.

use runtime::logs::{DEFAULT_LEVELS, LogFormat, LogSettings};
use runtime::{Metrics, Program};

use crate::child::Child;

#[test]
#[ignore = "a child of the tests below"]
fn write_a_log() {
    let settings = LogSettings {
        format: std::env::var("FORMAT").unwrap().parse::<LogFormat>().unwrap(),
        levels: std::env::var("LEVELS").unwrap(),
    };
    let metrics = Metrics::new();
    runtime::logs::init(Program::Sender, &settings, &metrics).unwrap();
    tracing::debug!("not written by default");
    tracing::info!(target: "lapin::io", "not written by default");
    let _span = tracing::info_span!("job", delivery_id = "msg_1").entered();
    tracing::warn!(attempt = 2, "the first line");
    tracing::info!("the last line");
    runtime::logs::flush();
    println!("{}", metrics.text());
    assert!(runtime::logs::init(Program::Sender, &settings, &Metrics::new()).is_err());
    println!("the end");
}

fn log(format: &str, levels: &str) -> Child {
    Child::start("logs::write_a_log", &[("FORMAT", format), ("LEVELS", levels)])
}

#[tokio::test]
async fn json_lines_are_objects_and_only_info_and_above_is_written() {
    let mut child = log("json", DEFAULT_LEVELS);
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
async fn levels_add_to_the_default_and_text_is_for_people() {
    let mut child = log("text", "debug,lapin=info");
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
