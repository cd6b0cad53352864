//! Tasks that repeat until shutdown.

use std::error::Error;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::error_causes::with_causes;

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

/// A failure that persists is logged again this often.
const LOGGED_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// A task that repeats a round until shutdown. The first round is at once; rounds never overlap; one in progress at shutdown is
/// finished.
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
    /// Repeats `round` until `stop`. Of failures in a row those are logged that differ from the one before, and one every ten
    /// minutes; then the success that ends them.
    pub async fn run<F, E>(self, stop: CancellationToken, mut round: impl FnMut() -> F)
    where
        F: Future<Output = Result<Next, E>>,
        E: Error + 'static,
    {
        let mut failing: Option<Logged> = None;
        while !stop.is_cancelled() {
            let pause = match round().await {
                Ok(next) => {
                    // At shutdown a round may have ended early.
                    if failing.take().is_some() && !stop.is_cancelled() {
                        info!(failure = self.failure, "a periodic task succeeds again");
                    }
                    self.pause(next)
                }
                Err(error) => {
                    let text = with_causes(&error);
                    if failing.as_ref().is_none_or(|logged| logged.is_outdated(&text)) {
                        warn!(error = &error as &dyn Error, "{}; retrying", self.failure);
                        failing = Some(Logged {
                            text,
                            at: Instant::now(),
                        });
                    }
                    self.after_failure
                }
            };
            stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    fn pause(self, next: Next) -> Duration {
        match next {
            Next::Pause => self.every,
            Next::AtOnce => Duration::ZERO,
            Next::After(pause) => pause,
        }
    }
}

/// The failure that was logged last.
struct Logged {
    text: String,
    at: Instant,
}

impl Logged {
    fn is_outdated(&self, text: &str) -> bool {
        self.text != text || self.at.elapsed() >= LOGGED_AGAIN_AFTER
    }
}

#[cfg(test)]
mod tests {
    use std::io;

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

    #[tokio::test(start_paused = true)]
    async fn another_failure_is_logged_and_the_same_one_after_ten_minutes() {
        let logged = Logged {
            text: "down".to_owned(),
            at: Instant::now(),
        };
        assert!(!logged.is_outdated("down") && logged.is_outdated("disk full"));
        tokio::time::advance(LOGGED_AGAIN_AFTER).await;
        assert!(logged.is_outdated("down"));
    }

    #[tokio::test]
    async fn a_task_that_is_stopped_before_it_begins_does_nothing() {
        let stop = CancellationToken::new();
        stop.cancel();
        let round = || async { panic!("a round") };
        TASK.run::<_, io::Error>(stop, round).await;
    }
}
