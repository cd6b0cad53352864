use std::sync::{Arc, Mutex, PoisonError};

use tracing::{Event, Subscriber, debug, info, info_span, warn};
use tracing_subscriber::layer::Context;

use super::*;

/// Remembers where events came from.
#[derive(Clone, Default)]
struct Targets(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Targets {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event.metadata().target().to_owned());
    }
}

/// Where lines come from with `RUST_LOG` set to this.
fn written(rust_log: &str) -> Vec<String> {
    let settings = LogSettings {
        format: LogFormat::Json,
        levels: rust_log.to_owned(),
    };
    let targets = Targets::default();
    let subscriber = Registry::default()
        .with(targets.clone())
        .with(levels(&settings).unwrap())
        .with(without_parameters());
    tracing::subscriber::with_default(subscriber, || {
        let _span = info_span!(target: "fanout", "request").entered();
        debug!(target: "tokio_postgres::query", "a statement with parameters");
        info!(target: "tokio_postgres::connection", "a notice of the server");
        warn!(target: "tokio_postgres::connection", "connection lost");
        debug!(target: "lapin::channel", "a frame");
        info!(target: "fanout", "an event");
        debug!(target: "fanout", "what happens inside");
    });
    std::mem::take(&mut *targets.0.lock().unwrap())
}

#[test]
fn whatever_the_levels_are_no_parameter_of_a_statement_is_logged() {
    let lost = "tokio_postgres::connection";
    assert_eq!(written("info"), [lost, "fanout"]);
    assert_eq!(written("debug"), [lost, "fanout", "fanout"]);
    assert_eq!(
        written("trace,lapin=debug"),
        [lost, "lapin::channel", "fanout", "fanout"]
    );
    for explicit in ["tokio_postgres=trace", "tokio_postgres::query=debug", "[request]=trace"] {
        assert_eq!(
            written(explicit)
                .iter()
                .filter(|target| target.starts_with("tokio"))
                .count(),
            1,
            "{explicit}"
        );
    }
    assert_eq!(written("warn,tokio_postgres=off"), [""; 0]);
}
