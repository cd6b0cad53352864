//! Maintains the topology while a process runs: a deleted object is declared again within half a minute, and at once
//! when a publish finds its exchange missing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use runtime::with_causes;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};

use super::Topology;
use super::declare::{DeclareError, Declarer};
use crate::connection::Connection;
use crate::telemetry::Telemetry;

/// Interval of the checks. Each is two dozen requests, with a response time of about a millisecond.
const EVERY: Duration = Duration::from_secs(30);
/// Minimum pause between two checks on demand.
const LEAST: Duration = Duration::from_secs(1);
/// Timeout for a check on demand.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maintains the topology over a process's publishing connection.
pub(crate) struct Keeper {
    topology: Topology,
    telemetry: Arc<Telemetry>,
    wanted: Notify,
    looked: watch::Sender<u64>,
}

/// What was logged already.
#[derive(Default)]
struct Known {
    told: HashSet<String>,
    /// Bindings that we may not create.
    forbidden: HashSet<String>,
}

impl Keeper {
    pub(crate) fn new(topology: Topology, telemetry: Arc<Telemetry>) -> Self {
        Self {
            topology,
            telemetry,
            wanted: Notify::new(),
            looked: watch::Sender::new(0),
        }
    }

    /// Checks now and periodically, unless the broker blocks the connection; ends when dropped.
    pub(crate) async fn keep(&self, connection: &Connection, is_blocked: impl Fn() -> bool) {
        let mut known = Known::default();
        loop {
            if !is_blocked() {
                self.look(connection, &mut known).await;
                self.looked.send_modify(|looks| *looks += 1);
            }
            sleep(LEAST).await;
            // Ends early on demand, else by the timeout.
            let _ = timeout(EVERY - LEAST, self.wanted.notified()).await;
        }
    }

    /// Changes at the end of each check.
    pub(crate) fn looks(&self) -> watch::Receiver<u64> {
        self.looked.subscribe()
    }

    /// Requests a check and waits for its end: afterwards missing objects exist again, if they may be declared.
    pub(crate) async fn look_now(&self) {
        let mut looked = self.looked.subscribe();
        let before = *looked.borrow_and_update();
        self.wanted.notify_one();
        // A running check may have begun before the object was missed.
        let _ = timeout(PATIENCE, looked.wait_for(|looks| *looks > before)).await;
    }

    async fn look(&self, connection: &Connection, known: &mut Known) {
        let mut declarer = Declarer::on(connection);
        let mut troubles = HashSet::new();
        for object in &self.topology.objects {
            let name = object.to_string();
            if known.forbidden.contains(&name) {
                continue;
            }
            match declarer.declare_if_missing(object).await {
                Ok(false) => {}
                Ok(true) => {
                    warn!(%object, "a missing part of the topology was declared again");
                    self.telemetry.declared_again();
                }
                // The others would get no reply either; the owner of the connection logs its end.
                Err(error) if !error.is_answer() => {
                    return debug!(%object, error = &error as &dyn std::error::Error, "the topology cannot be checked");
                }
                Err(DeclareError::Forbidden { .. }) if object.is_binding() => {
                    known.forbidden.insert(name);
                }
                Err(error) => {
                    let trouble = with_causes(&error);
                    if !known.told.contains(&trouble) {
                        error!(%object, error = trouble, "part of the topology is missing and cannot be declared");
                    }
                    troubles.insert(trouble);
                }
            }
        }
        known.told = troubles;
    }
}
