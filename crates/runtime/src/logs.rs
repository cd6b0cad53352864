//! The log: one line per event on standard output, as JSON for a collector or as text for people.
//!
//! A JSON line begins with `timestamp`, `level`, `target`, `message`, `service` and `version`; the fields of the event
//! and of the spans around it follow at the same level, the innermost first where names collide. Only `serve` writes a
//! log: the other commands keep standard output for their results. Logging never blocks on the reader of standard
//! output ([`writer`]).

mod count;
mod json;
mod panics;
mod settings;
mod writer;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::{FilterFn, ParseError, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::metrics::Metrics;
use crate::{Program, VERSION};
use count::CountEvents;
use json::JsonLines;
pub use settings::{DEFAULT_LEVELS, LogFormat, LogSettings};
use writer::Lines;

/// How long the end of the process waits for its last lines to be read.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
/// The log of the process.
static LINES: OnceLock<Lines> = OnceLock::new();

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The levels are not valid; never with settings that were loaded.
    #[error("the log levels are not valid")]
    Levels(#[from] ParseError),
    /// The thread that writes it cannot be started, or there is no standard output.
    #[error("the log cannot be written")]
    Output(#[from] io::Error),
    /// The process has a log already.
    #[error("the log is already set up")]
    Twice(#[from] TryInitError),
}

/// Starts the log of the process. Counts its lines by level in `webhook_log_events_total`, and dropped ones in
/// `webhook_log_lines_dropped_total`. Panics are logged instead of being printed.
///
/// # Errors
/// When the process has a log already, or no standard output.
pub fn init(program: Program, settings: &LogSettings, metrics: &Metrics) -> Result<(), LogsError> {
    let lines = Lines::to_standard_output(metrics)?;
    let format = formatted(program, settings.format, lines.clone());
    let subscriber = Registry::default().with(format).with(CountEvents::new(metrics));
    subscriber
        .with(levels(settings)?)
        .with(without_parameters())
        .try_init()?;
    LINES.get_or_init(|| lines);
    panics::log(flush);
    Ok(())
}

fn levels(settings: &LogSettings) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(settings.levels_in_force())
}

/// The PostgreSQL client logs each statement with its parameters, which are customers' data: suppressed at every level.
fn without_parameters() -> FilterFn {
    filter_fn(|metadata| *metadata.level() <= Level::WARN || !metadata.target().starts_with("tokio_postgres"))
}

/// Waits until all lines so far are written, for at most a second. The end of the process does so by itself
/// ([`crate::exit::report`]).
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(FLUSH_WITHIN);
    }
}

fn formatted(program: Program, format: LogFormat, lines: Lines) -> Box<dyn Layer<Registry> + Send + Sync> {
    match format {
        LogFormat::Json => JsonLines::new(program.name(), VERSION, lines).boxed(),
        // A failing log cannot report its own failure; by default the library would print it, and panic when standard
        // error is closed too.
        LogFormat::Text => fmt::layer()
            .with_ansi(io::stdout().is_terminal())
            .log_internal_errors(false)
            .with_writer(lines)
            .boxed(),
    }
}

#[cfg(test)]
mod tests;
