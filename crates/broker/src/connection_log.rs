//! Logs the changes of a connection: each once, however many attempts are in between.

use std::error::Error;
use std::time::{Duration, Instant};

use runtime::with_causes;
use tracing::{info, warn};

use crate::connection::Connector;

/// A changed reason for a failed connect is logged at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Logs the changes of one of a process's connections.
pub(crate) struct ConnectionLog {
    role: &'static str,
    broker: String,
    /// The reason for a failed connect, as last logged.
    waiting: Option<(Instant, String)>,
}

impl ConnectionLog {
    pub(crate) fn new(role: &'static str, connector: &Connector) -> Self {
        Self {
            role,
            broker: connector.url().to_string(),
            waiting: None,
        }
    }

    /// Logs a successful connect.
    pub(crate) fn connected(&mut self) {
        self.waiting = None;
        info!(broker = self.broker, "{} connected", self.role);
    }

    /// Logs the loss of the connection.
    pub(crate) fn lost(&self, error: &dyn Error) {
        warn!(
            broker = self.broker,
            error = with_causes(error),
            "{} lost its connection",
            self.role
        );
    }

    /// Logs a failed connect.
    pub(crate) fn waits(&mut self, error: &dyn Error) {
        let reason = with_causes(error);
        let is_new = |(at, told): &(Instant, String)| *told != reason && at.elapsed() >= AGAIN_AFTER;
        if self.waiting.as_ref().is_none_or(is_new) {
            warn!(
                broker = self.broker,
                error = reason,
                "{} cannot connect to the broker; retrying",
                self.role
            );
            self.waiting = Some((Instant::now(), reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot declare queue 'q'")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_trouble_is_told_with_its_cause() {
        assert_eq!(
            with_causes(&Outer(io::Error::other("refused"))),
            "cannot declare queue 'q': refused"
        );
        let lapin = lapin::Error::from(io::Error::other("refused"));
        assert_eq!(with_causes(&lapin), "IO error: refused");
    }
}
