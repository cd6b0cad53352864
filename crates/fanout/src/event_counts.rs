//! Counts what the CRM publishes, for the search "did it go?". Counted in memory and written every ten seconds, never on the
//! way to an acknowledgement: a process that is killed loses the counts of ten seconds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{EventTally, EventType};
use jiff::Timestamp;
use runtime::Periodic;
use runtime::periodic::Next;
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use wire::CrmEvent;

const WRITING: Periodic = Periodic {
    failure: "cannot write the counts of published events",
    every: Duration::from_secs(10),
    after_failure: Duration::from_secs(10),
};

/// The counts that are not written yet. Clones share them.
#[derive(Clone, Default)]
pub struct EventCounts(Arc<Mutex<EventTally>>);

impl EventCounts {
    /// Counts an event of a known type.
    pub fn add_known(&self, event: &CrmEvent<'_>, event_type: EventType, matched: bool, at: Timestamp) {
        self.tally().add_known(&event.account, event_type, matched, at);
    }

    /// Counts an event of a type that the catalogue does not have.
    pub fn add_unknown(&self, event: &CrmEvent<'_>, at: Timestamp) {
        self.tally().add_unknown(&event.account, &event.event_type, at);
    }

    /// Writes the counts until `stop`, and what is left then.
    pub async fn write_periodically(self, database: Database, stop: CancellationToken) {
        WRITING.run(stop, || self.write(&database)).await;
        if let Err(error) = self.write(&database).await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "the counts of the last events are lost");
        }
    }

    async fn write(&self, database: &Database) -> Result<Next, StoreError> {
        let counts = self.tally().take();
        if counts.is_empty() {
            return Ok(Next::Pause);
        }
        match database.add_event_counts(&counts).await {
            Ok(()) => Ok(Next::Pause),
            Err(error) => {
                self.tally().put_back(counts);
                Err(error)
            }
        }
    }

    fn tally(&self) -> MutexGuard<'_, EventTally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
