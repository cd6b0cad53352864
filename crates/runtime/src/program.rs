//! Which of the two programs this process is, and which build of it.

use std::fmt;

/// The release, from the workspace's `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The source revision, when the build was given one in the build-time variable `SOURCE_REVISION`.
pub const REVISION: &str = match option_env!("SOURCE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// One of the two programs. They share one tree of settings; a few defaults differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Consumes events, matches and enqueues; serves the admin API and the console.
    Fanout,
    /// Performs deliveries.
    Sender,
}

impl Program {
    /// The name of the executable, as it stands in logs and error reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Sender => "sender",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
