//! Graceful shutdown: a signal stops the intake, work in progress is finished, and a deadline bounds the wait.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{exit, logs};

/// Returns a token that SIGTERM or SIGINT cancels. A second signal ends the process at once with status 1, after at
/// most a second for its last log lines: unfinished messages are redelivered by the broker.
///
/// Must be called within a Tokio runtime.
///
/// # Errors
/// When the operating system refuses the signal handlers.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "shutting down: finishing work in progress");
        cancelled.cancel();
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name, "second signal: exiting at once");
        logs::flush();
        std::process::exit(i32::from(exit::FAILED));
    });
    Ok(token)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Work was still in progress when the grace period ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{unfinished} tasks were still at work when the grace period of {grace:?} ended")]
pub struct DrainError {
    /// How many tracked tasks had not ended.
    pub unfinished: usize,
    /// The time they had.
    pub grace: Duration,
}

/// Closes the tracker and waits until every task on it has ended, for at most `grace`. The intake of new work must have
/// stopped before: a task spawned on a closed tracker still runs, and is awaited.
///
/// # Errors
/// [`DrainError`] on a timeout; the tasks continue until the runtime is dropped.
pub async fn drain(tracker: &TaskTracker, grace: Duration) -> Result<(), DrainError> {
    tracker.close();
    tokio::time::timeout(grace, tracker.wait())
        .await
        .map_err(|_| DrainError {
            unfinished: tracker.len(),
            grace,
        })
}
