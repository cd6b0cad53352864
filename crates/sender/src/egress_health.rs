//! Reports local errors of the egress as a readiness condition.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use outbound::{EgressHealth, Outbound};
use runtime::periodic::Next;
use runtime::{Condition, Periodic};
use tokio_util::sync::CancellationToken;

/// No round fails.
const HEALTH: Periodic = Periodic {
    failure: "cannot report the health of the egress",
    every: Duration::from_secs(1),
    after_failure: Duration::from_secs(1),
};

/// Keeps the condition current until `stop`. Attempts continue meanwhile: only they can show that the fault is over.
pub async fn follow(outbound: Outbound, condition: Condition, stop: CancellationToken) {
    let report = || {
        match trouble(outbound.health()) {
            None => condition.ready(),
            Some(reason) => condition.not_ready(reason),
        }
        ready(Ok::<_, Infallible>(Next::Pause))
    };
    HEALTH.run(stop, report).await;
}

fn trouble(health: EgressHealth) -> Option<&'static str> {
    match health {
        EgressHealth { names: false, .. } => Some("names cannot be resolved"),
        EgressHealth { proxy: false, .. } => Some("the egress proxy does not work"),
        EgressHealth { network: false, .. } => Some("connections cannot be opened on this host"),
        EgressHealth {
            names: true,
            proxy: true,
            network: true,
        } => None,
    }
}
