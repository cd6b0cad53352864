//! Waiting for a condition, never for a length of time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// The pause between two looks at a condition: short beside any deadline, long beside the cost of looking.
const PAUSE: Duration = Duration::from_millis(20);

/// The condition did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("waited {waited:?} in vain for {what}")]
pub struct TimedOut {
    what: String,
    waited: Duration,
}

/// Waits until `condition` answers true, looking again every few milliseconds.
///
/// `what` finishes the sentence "waited in vain for …". A look that itself hangs is cut off at the deadline.
///
/// # Errors
/// [`TimedOut`] when `within` passes first.
pub async fn until(
    within: Duration,
    what: impl Into<String>,
    mut condition: impl AsyncFnMut() -> bool,
) -> Result<(), TimedOut> {
    until_some(within, what, async || condition().await.then_some(())).await
}

/// Waits until `find` answers with a value and returns it; otherwise like [`until`].
///
/// # Errors
/// [`TimedOut`] when `within` passes first.
pub async fn until_some<T>(
    within: Duration,
    what: impl Into<String>,
    mut find: impl AsyncFnMut() -> Option<T>,
) -> Result<T, TimedOut> {
    let look = async {
        loop {
            if let Some(found) = find().await {
                return found;
            }
            sleep(PAUSE).await;
        }
    };
    timeout_at(Instant::now() + within, look).await.map_err(|_| TimedOut {
        what: what.into(),
        waited: within,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_as_soon_as_the_condition_holds() {
        let mut looks = 0;
        until(Duration::from_secs(10), "the third look", async || {
            looks += 1;
            looks == 3
        })
        .await
        .unwrap();
        assert_eq!(looks, 3);
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_cut_off_and_the_error_says_what_was_missing() {
        let error = until_some(Duration::from_millis(30), "a reply", async || {
            std::future::pending::<Option<()>>().await
        })
        .await
        .unwrap_err();
        assert_eq!(error.to_string(), "waited 30ms in vain for a reply");
    }
}
