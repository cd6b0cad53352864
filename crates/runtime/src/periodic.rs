//! Tasks that repeat until shutdown.

use std::error::Error;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// When a round that succeeded is followed by the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At the task's interval.
    Pause,
    /// At once: there is more to do.
    AtOnce,
    /// After this time.
    After(Duration),
}

/// A task that repeats a round until shutdown. Its rounds never overlap; one in progress at shutdown is finished.
#[derive(Debug, Clone, Copy)]
pub struct Periodic {
    /// What a failed round could not do, for the log: "cannot create log partitions".
    pub failure: &'static str,
    /// From the end of a round to the next one.
    pub every: Duration,
    /// The same after a failed round.
    pub after_failure: Duration,
}

impl Periodic {
    /// Repeats `round` until `stop`. Of failures in a row the first is logged, and the success that ends them.
    pub async fn run<F, E>(self, stop: CancellationToken, mut round: impl FnMut() -> F)
    where
        F: Future<Output = Result<Next, E>>,
        E: Error + 'static,
    {
        let mut failing = false;
        loop {
            let ended = round().await;
            match &ended {
                Ok(_) if failing => info!(failure = self.failure, "a periodic task succeeds again"),
                Err(error) if !failing => warn!(error = error as &dyn Error, "{}; retrying", self.failure),
                _ => {}
            }
            failing = ended.is_err();
            let pause = match ended {
                Ok(Next::Pause) => self.every,
                Ok(Next::AtOnce) => Duration::ZERO,
                Ok(Next::After(pause)) => pause,
                Err(_) => self.after_failure,
            };
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TASK: Periodic = Periodic {
        failure: "cannot do it",
        every: SECOND,
        after_failure: Duration::from_secs(10),
    };

    /// When the rounds with these results began, and in seconds when the task ended: the last round stops it.
    async fn rounds(results: Vec<io::Result<Next>>) -> Vec<u64> {
        let stop = CancellationToken::new();
        let begun = Instant::now();
        let mut results = results.into_iter();
        let mut times = Vec::new();
        TASK.run(stop.clone(), || {
            times.push(begun.elapsed().as_secs());
            let result = results.next().unwrap();
            if results.len() == 0 {
                stop.cancel();
            }
            async { result }
        })
        .await;
        times.push(begun.elapsed().as_secs());
        times
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_depends_on_how_a_round_ended() {
        let broken = || Err(io::Error::other("down"));
        let results = vec![
            Ok(Next::Pause),
            Ok(Next::AtOnce),
            broken(),
            broken(),
            Ok(Next::After(5 * SECOND)),
            Ok(Next::Pause),
        ];
        assert_eq!(rounds(results).await, [0, 1, 1, 11, 21, 26, 26]);
    }
}
