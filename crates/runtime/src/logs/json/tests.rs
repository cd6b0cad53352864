//! The form of a JSON line, which collectors are configured for.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::JsonLines;

/// A writer whose text can be read back.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Memory {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What `act` logs, one object for each line.
fn logged(act: impl FnOnce()) -> Vec<Value> {
    let memory = Memory::default();
    let subscriber = Registry::default().with(JsonLines::new("sender", "1.2.3", memory.clone()));
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_holds_its_own_fields_and_those_of_the_spans_around_it() {
    let lines = logged(|| {
        let outer = tracing::info_span!(
            "job",
            trace_id = "4bf9",
            delivery_id = "msg_1",
            host = tracing::field::Empty
        );
        outer.record("host", "example.com");
        let _outer = outer.entered();
        let _inner = tracing::info_span!("attempt", attempt = 2).entered();
        tracing::info!(target: "sender::attempt", outcome = %"success", duration_ms = 1.5, retried = true, "attempt made");
    });
    let mut line = lines[0].clone();
    let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
    assert!(
        timestamp.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(),
        "{timestamp}"
    );
    assert_eq!(
        line,
        json!({
            "level": "INFO",
            "target": "sender::attempt",
            "message": "attempt made",
            "service": "sender",
            "version": "1.2.3",
            "outcome": "success",
            "duration_ms": 1.5,
            "retried": true,
            "attempt": 2,
            "trace_id": "4bf9",
            "delivery_id": "msg_1",
            "host": "example.com",
        })
    );
}

#[test]
fn a_name_stands_once_and_the_innermost_wins() {
    let lines = logged(|| {
        let _span = tracing::info_span!("job", attempt = 1, service = "forged", "type" = "deal.won").entered();
        tracing::warn!(attempt = 2, version = "forged", "again");
    });
    assert_eq!(lines[0]["attempt"], 2);
    assert_eq!(lines[0]["service"], "sender");
    assert_eq!(lines[0]["version"], "1.2.3");
    assert_eq!(lines[0]["type"], "deal.won");
}

#[test]
fn hostile_text_cannot_begin_a_line_of_its_own() {
    let lines = logged(|| tracing::error!(reason = "a\n{\"level\":\"INFO\"}\u{1b}[31m", "one\r\nline"));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"], "one\r\nline");
}

#[test]
fn an_error_is_written_with_its_causes() {
    let cause = io::Error::other("connection refused");
    let error = crate::UsageError("the configuration is not valid:\n  WEBHOOKS_X__Y is wrong".to_owned());
    let chain = Chain(cause);
    let lines = logged(|| {
        tracing::error!(error = &chain as &dyn std::error::Error, "first");
        tracing::error!(error = &error as &dyn std::error::Error, "second");
    });
    assert_eq!(lines[0]["error"], "cannot start: connection refused");
    assert_eq!(
        lines[1]["error"],
        "the configuration is not valid:\n  WEBHOOKS_X__Y is wrong"
    );
}

#[derive(Debug, thiserror::Error)]
#[error("cannot start")]
struct Chain(#[source] io::Error);
