//! Format and levels of the log.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// Default levels. Libraries that report each of their reconnections at `info` are quietened, since this program
/// reports its own, and so are lapin, which calls every lost connection an error, and deadpool, which warns of each one
/// in a pool. tokio-postgres logs the parameters of statements below `warn`: URLs, payloads.
pub const DEFAULT_LEVELS: &str =
    "info,lapin=off,tokio_postgres=warn,deadpool=off,hickory_proto=warn,hickory_resolver=warn";

/// Format and levels of the log.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// Levels by target, in the syntax of `RUST_LOG`, in addition to the defaults; known to be valid.
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
    /// Checks levels in the syntax of `RUST_LOG`.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the setting's name.
    pub fn check_levels(text: &str) -> Result<String, String> {
        match EnvFilter::builder().parse(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(format!("must be levels such as info or info,sender=debug ({error})")),
        }
    }

    /// The default levels followed by the configured ones: `debug` alone does not enable the quietened libraries.
    pub(super) fn levels_in_force(&self) -> String {
        format!("{DEFAULT_LEVELS},{}", self.levels)
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be json or text".to_owned()),
        }
    }
}
