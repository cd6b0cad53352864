//! The broker as one process uses it. Its publisher, consumers and requester are started in their own files.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::Connector;
use crate::reconnect::Reconnecting;
use crate::telemetry::Telemetry;
use crate::topology::{DeclareError, Topology};

/// Timeout for a confirm, alarms aside. A queue that elects another leader takes some 20 seconds.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(120);

/// What all connections of a process share.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Opens the connections.
    pub connector: Connector,
    /// Declared again at every connection, so that a broker that lost its volume is set up anew.
    pub topology: Topology,
    /// Metrics and readiness of the connections.
    pub telemetry: Arc<Telemetry>,
    /// Timeout for a confirm, after which the publisher reconnects unless the broker has an alarm.
    pub confirmed_within: Duration,
}

impl Broker {
    /// Nothing is connected yet.
    pub fn new(connector: Connector, topology: Topology, telemetry: Telemetry) -> Self {
        Self {
            connector,
            topology,
            telemetry: Arc::new(telemetry),
            confirmed_within: CONFIRMED_WITHIN,
        }
    }

    /// Declares the topology, and waits while the broker is unavailable or lacks an object that we may not declare.
    ///
    /// # Errors
    /// Only [`DeclareError::Differs`]: waiting would not help.
    pub async fn declare(&self) -> Result<(), DeclareError> {
        let attempt = async || match self.topology.declare(&self.connector).await {
            Err(error @ DeclareError::Differs { .. }) => Ok(Err(error)),
            declared => declared.map(Ok),
        };
        Reconnecting::new("start", &self.connector).open(attempt).await
    }
}
