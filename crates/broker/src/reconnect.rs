//! Connections that are opened again whenever they end, without a limit on attempts.
//!
//! Each role of the process (publisher, consumer, requester) runs its connection in a task of its own, so that no caller
//! of the role can lose or leak it.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::with_causes;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::connection::Connector;
use crate::telemetry::{Role, Telemetry};

/// A changed reason for a failed connect is logged at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The connection of one role, from one session to the next: waits in between, and logs each change once, however many
/// attempts it takes.
pub(crate) struct Reconnecting {
    role: &'static str,
    broker: String,
    backoff: Backoff,
    /// The wait before the next attempt.
    pause: Duration,
    /// The reason for a failed connect, as last logged.
    failing: Option<(Instant, String)>,
}

impl Reconnecting {
    /// `role` is its name in the log.
    pub(crate) fn new(role: &'static str, connector: &Connector) -> Self {
        Self {
            role,
            broker: connector.url().to_string(),
            backoff: Backoff::default(),
            pause: Duration::ZERO,
            failing: None,
        }
    }

    /// Opens a session, however long that takes. May be dropped at any time; the next call then does not wait before its
    /// first attempt.
    pub(crate) async fn open<S, E, F>(&mut self, mut attempt: impl FnMut() -> F) -> S
    where
        E: Error,
        F: Future<Output = Result<S, E>>,
    {
        loop {
            sleep(std::mem::take(&mut self.pause)).await;
            match attempt().await {
                Ok(session) => {
                    self.backoff.succeeded();
                    return session;
                }
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&mut self, error: &dyn Error) {
        let reason = with_causes(error);
        let is_new = |(at, logged): &(Instant, String)| *logged != reason && at.elapsed() >= AGAIN_AFTER;
        if self.failing.as_ref().is_none_or(is_new) {
            warn!(
                broker = self.broker,
                error = reason,
                "{} cannot connect to the broker; retrying",
                self.role
            );
            self.failing = Some((Instant::now(), reason));
        }
        self.back_off();
    }

    /// Logs that the session is in use.
    pub(crate) fn connected(&mut self) {
        self.failing = None;
        info!(broker = self.broker, "{} connected", self.role);
    }

    /// Logs the loss of the session; the next one follows after a backoff.
    pub(crate) fn lost(&mut self, error: &dyn Error) {
        warn!(
            broker = self.broker,
            error = with_causes(error),
            "{} lost its connection",
            self.role
        );
        self.back_off();
    }

    /// The next session follows after a backoff.
    pub(crate) fn back_off(&mut self) {
        self.pause = self.backoff.next();
    }

    /// The next session follows after this time.
    pub(crate) fn pause(&mut self, pause: Duration) {
        self.pause = pause;
    }
}

/// The session of a role that many callers share. The role's metric and readiness condition follow it.
pub(crate) struct Current<S> {
    session: watch::Sender<Option<S>>,
    role: Role,
    telemetry: Arc<Telemetry>,
}

impl<S> Current<S> {
    /// No session yet. The receiver is for the callers.
    pub(crate) fn new(role: Role, telemetry: &Arc<Telemetry>) -> (Self, watch::Receiver<Option<S>>) {
        let (session, receiver) = watch::channel(None);
        let telemetry = Arc::clone(telemetry);
        let current = Self {
            session,
            role,
            telemetry,
        };
        (current, receiver)
    }

    /// Hands a session to the callers.
    pub(crate) fn set(&self, session: S) {
        self.telemetry.connected(self.role, true);
        self.session.send_replace(Some(session));
    }

    /// Lets waiting callers look at the session again.
    pub(crate) fn changed(&self) {
        self.session.send_modify(|_| {});
    }

    /// The session has ended.
    pub(crate) fn clear(&self) {
        self.telemetry.connected(self.role, false);
        self.session.send_replace(None);
    }
}

impl<S> Drop for Current<S> {
    fn drop(&mut self) {
        self.clear();
    }
}
