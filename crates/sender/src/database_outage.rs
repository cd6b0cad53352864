//! Detects a database outage and its length: one state for all callers in the process.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

/// Only an outage of this length is logged; single failures are retried silently.
const LOGGED_AFTER: Duration = Duration::from_secs(1);

/// The state. Clones share it.
#[derive(Clone)]
pub struct DatabaseOutage {
    shared: Arc<Shared>,
}

struct Shared {
    patience: Duration,
    outage: Mutex<Option<Outage>>,
    is_long: watch::Sender<bool>,
}

struct Outage {
    since: Instant,
    logged: bool,
}

impl DatabaseOutage {
    /// An outage is long after `patience`: the sender then stops consuming. The broker closes channels that hold
    /// messages for half an hour, and counts that against the messages.
    pub fn new(patience: Duration) -> Self {
        let outage = Mutex::new(None);
        let is_long = watch::Sender::new(false);
        Self {
            shared: Arc::new(Shared {
                patience,
                outage,
                is_long,
            }),
        }
    }

    /// A query got no response.
    pub fn failed(&self, error: &(dyn Error + 'static)) {
        let mut state = self.lock();
        let outage = state.get_or_insert_with(|| Outage {
            since: Instant::now(),
            logged: false,
        });
        let lasted = outage.since.elapsed();
        if lasted >= LOGGED_AFTER && !std::mem::replace(&mut outage.logged, true) {
            warn!(
                error,
                "the database does not respond; deliveries and outcomes wait for it"
            );
        }
        if lasted >= self.shared.patience {
            self.set_long(true);
        }
    }

    /// A query, or the recorder, got a response.
    pub fn answered(&self) {
        let ended = self.lock().take();
        if let Some(Outage { since, logged: true }) = ended {
            info!(seconds = since.elapsed().as_secs(), "the database responds again");
        }
        self.set_long(false);
    }

    /// Whether there is a long outage now.
    #[cfg(test)]
    pub fn is_long(&self) -> bool {
        *self.shared.is_long.borrow()
    }

    /// Waits for a long outage.
    pub async fn becomes_long(&self) {
        let mut is_long = self.shared.is_long.subscribe();
        is_long
            .wait_for(|is_long| *is_long)
            .await
            .expect("its sender is shared by this");
    }

    fn set_long(&self, long: bool) {
        self.shared
            .is_long
            .send_if_modified(|is_long| std::mem::replace(is_long, long) != long);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Outage>> {
        self.shared.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_long_once_nobody_got_an_answer_for_the_whole_time() {
        let outage = DatabaseOutage::new(Duration::from_millis(20));
        let error = std::io::Error::other("away");
        outage.failed(&error);
        assert!(!outage.is_long());
        tokio::time::advance(Duration::from_millis(25)).await;
        outage.answered();
        outage.failed(&error);
        assert!(!outage.is_long(), "somebody got an answer meanwhile");
        tokio::time::advance(Duration::from_millis(25)).await;
        outage.failed(&error);
        outage.failed(&error);
        assert!(outage.is_long());
        outage.answered();
        assert!(!outage.is_long());
    }
}
