//! The auto-pause rule in effect: the configured one, suspended while most webhooks fail together (the brake).

use std::sync::{Arc, Mutex, PoisonError};

use domain::{AutoPause, MassFailure, WebhookId};
use runtime::metrics::Gauge;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::metrics::SenderMetrics;

/// The rule, and the observations of this sender's attempts. Clones share it.
#[derive(Clone)]
pub struct AutoPauseGuard(Arc<Shared>);

struct Shared {
    rule: AutoPause,
    origin: Instant,
    seen: Mutex<Seen>,
    suspended: Gauge,
}

#[derive(Default)]
struct Seen {
    mass_failure: MassFailure,
    suspended: bool,
}

impl AutoPauseGuard {
    /// Starts without observations, so `rule` applies.
    pub fn new(rule: AutoPause, metrics: &SenderMetrics) -> Self {
        let seen = Mutex::default();
        let suspended = metrics.auto_pause_suspended.clone();
        Self(Arc::new(Shared {
            rule,
            origin: Instant::now(),
            seen,
            suspended,
        }))
    }

    /// Records the end of an attempt that says something about the receiver.
    pub fn attempt_ended(&self, webhook: WebhookId, host: &str, success: bool) {
        let now = self.0.origin.elapsed();
        self.lock().mass_failure.attempt_ended(webhook, host, success, now);
    }

    /// The rule in effect now.
    pub fn rule(&self) -> AutoPause {
        let mut seen = self.lock();
        let suspended = seen.mass_failure.judge(self.0.origin.elapsed());
        if std::mem::replace(&mut seen.suspended, suspended) != suspended {
            self.0.suspended.set(f64::from(u8::from(suspended)));
            if suspended {
                warn!("auto-pause suspended: most webhooks began to fail within minutes");
            } else {
                info!("auto-pause applies again: most webhooks no longer fail");
            }
        }
        AutoPause {
            suspended,
            ..self.0.rule
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
