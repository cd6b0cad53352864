//! `[log]` and `RUST_LOG`: how log lines look, and which are written.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::reader::Reader;

/// What is written when `RUST_LOG` says nothing: the libraries that report every reconnection of theirs at `info` are
/// held back, since this program reports its own, and so are lapin, which calls every lost connection an error, and
/// deadpool, which warns of each of a pool.
const DEFAULT_LEVELS: &str = "info,lapin=off,tokio_postgres=warn,deadpool=off,hickory_proto=warn,hickory_resolver=warn";

/// How log lines look, and which are written.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// Levels by target, in the language of `RUST_LOG`; known to be valid.
    pub levels: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for a log collector.
    Json,
    /// For people.
    Text,
}

impl LogSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = if std::io::stdout().is_terminal() { "text" } else { "json" };
        let format = reader.value("log.format", default, format);
        let levels = reader.value("log.levels", DEFAULT_LEVELS, levels);
        Self { format, levels }
    }
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("must be json or text".to_owned()),
    }
}

fn levels(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("must be levels such as info or info,sender=debug ({error})")),
    }
}
