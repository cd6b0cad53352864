//! Readiness: a set of named conditions, each reported by the part that knows it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// The conditions a process needs before it is ready. Cheap to clone; every clone is the same set.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    conditions: Vec<NamedCondition>,
    shutting_down: bool,
}

#[derive(Debug)]
struct NamedCondition {
    name: &'static str,
    /// Why it does not hold; `None` if it holds.
    unmet: Option<Cow<'static, str>>,
}

/// A condition that does not hold, and why, as `/readyz` lists it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unmet {
    /// The condition's name, such as `broker consumer`.
    pub condition: &'static str,
    /// Why it does not hold, in words that may be shown to anyone who can reach the telemetry port.
    pub reason: Cow<'static, str>,
}

impl Readiness {
    /// An empty set, which is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition, which does not hold until its handle says so.
    #[must_use]
    pub fn condition(&self, name: &'static str) -> Condition {
        let index = self.with(|state| {
            state.conditions.push(NamedCondition {
                name,
                unmet: Some("not started yet".into()),
            });
            state.conditions.len() - 1
        });
        Condition {
            readiness: self.clone(),
            index,
        }
    }

    /// Makes the process not ready for good: shutdown has begun.
    pub fn shut_down(&self) {
        self.with(|state| state.shutting_down = true);
    }

    /// The unmet conditions; empty when the process is ready.
    #[must_use]
    pub fn unmet(&self) -> Vec<Unmet> {
        self.with(|state| {
            let stopping = state.shutting_down.then_some(Unmet {
                condition: "running",
                reason: "the process is shutting down".into(),
            });
            let conditions = state.conditions.iter().filter_map(|condition| {
                condition.unmet.clone().map(|reason| Unmet {
                    condition: condition.name,
                    reason,
                })
            });
            stopping.into_iter().chain(conditions).collect()
        })
    }

    /// Whether every condition holds and the process is not shutting down.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.unmet().is_empty()
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // Every change is a single assignment, so a panic elsewhere leaves no inconsistent state.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The handle of one condition. Dropping it marks the condition as unmet, so that a task that dies cannot leave the
/// process ready.
#[derive(Debug)]
pub struct Condition {
    readiness: Readiness,
    index: usize,
}

impl Condition {
    /// The condition holds.
    pub fn ready(&self) {
        self.set(None);
    }

    /// The condition does not hold. `reason` is shown on `/readyz`: no secrets, no customer's data.
    pub fn not_ready(&self, reason: impl Into<Cow<'static, str>>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, unmet: Option<Cow<'static, str>>) {
        self.readiness.with(|state| state.conditions[self.index].unmet = unmet);
    }
}

impl Drop for Condition {
    fn drop(&mut self) {
        self.not_ready("stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_all_conditions_hold() {
        let readiness = Readiness::new();
        assert!(readiness.is_ready());
        let broker = readiness.condition("broker consumer");
        let database = readiness.condition("database");
        broker.ready();
        let unmet = |condition, reason: &'static str| Unmet {
            condition,
            reason: reason.into(),
        };
        assert_eq!(readiness.unmet(), [unmet("database", "not started yet")]);
        database.ready();
        assert!(readiness.is_ready());
        broker.not_ready("connecting");
        assert_eq!(readiness.unmet(), [unmet("broker consumer", "connecting")]);
    }

    #[test]
    fn a_part_that_ends_is_not_ready() {
        let readiness = Readiness::new();
        let condition = readiness.condition("broker consumer");
        condition.ready();
        drop(condition);
        assert_eq!(
            readiness.unmet(),
            [Unmet {
                condition: "broker consumer",
                reason: "stopped".into()
            }]
        );
    }

    #[test]
    fn a_process_that_is_shutting_down_is_not_ready() {
        let readiness = Readiness::new();
        let condition = readiness.condition("broker consumer");
        condition.ready();
        readiness.clone().shut_down();
        assert_eq!(readiness.unmet().len(), 1);
        assert_eq!(readiness.unmet()[0].reason, "the process is shutting down");
    }
}
