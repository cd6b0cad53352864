//! The log: one line per event on standard output, as JSON for a collector or as text for people.
//!
//! A JSON line begins with `timestamp`, `level`, `target`, `message`, `service` and `version`; the fields of the event
//! and of the spans around it follow at the same level, the innermost first where names collide. Only `serve`
//! writes a log: the other commands keep standard output for their results.

mod count;
mod json;

use std::io::IsTerminal;

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::metrics::Metrics;
use crate::settings::{LogFormat, LogSettings};
use crate::{Program, VERSION};
use count::CountEvents;
use json::JsonLines;

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The levels are not valid; never with settings that were loaded.
    #[error("the log levels are not valid")]
    Levels(#[from] ParseError),
    /// The process has a log already.
    #[error("the log is already set up")]
    Twice(#[from] TryInitError),
}

/// Starts the log of the process and counts its lines by level in `webhook_log_events_total`.
///
/// # Errors
/// When the process has a log already.
pub fn init(program: Program, settings: &LogSettings, metrics: &Metrics) -> Result<(), LogsError> {
    let levels = EnvFilter::builder().parse(&settings.levels)?;
    let subscriber = Registry::default().with(lines(program, settings.format)).with(CountEvents::new(metrics));
    Ok(subscriber.with(levels).try_init()?)
}

fn lines(program: Program, format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    match format {
        LogFormat::Json => JsonLines::new(program.name(), VERSION, std::io::stdout).boxed(),
        // A log that cannot be written has nowhere to complain to; by default the library would try, and panic when
        // standard error is gone too.
        LogFormat::Text => fmt::layer().with_ansi(std::io::stdout().is_terminal()).log_internal_errors(false).boxed(),
    }
}
