//! Reports local errors of the egress as a readiness condition.

use std::time::Duration;

use outbound::{EgressHealth, Outbound};
use runtime::Condition;
use tokio_util::sync::CancellationToken;

/// Polling interval.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps the condition current until `stop`. Attempts continue meanwhile: only they can show that the fault is over.
pub async fn follow(outbound: Outbound, condition: Condition, stop: CancellationToken) {
    loop {
        match trouble(outbound.health()) {
            None => condition.ready(),
            Some(reason) => condition.not_ready(reason),
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

fn trouble(health: EgressHealth) -> Option<&'static str> {
    match health {
        EgressHealth { names: false, .. } => Some("names cannot be resolved"),
        EgressHealth { proxy: false, .. } => Some("the egress proxy does not work"),
        EgressHealth { network: false, .. } => Some("connections cannot be opened on this host"),
        EgressHealth { names: true, proxy: true, network: true } => None,
    }
}
