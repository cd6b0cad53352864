//! Who makes the tests: not this crate, which reaches neither senders nor customers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use wire::{TestAttempt, TestRequest};

use super::limits::TestLimits;

/// Has a sender test what is stored under the request's id.
pub trait Tester: Send + Sync {
    /// The attempt that a sender made.
    ///
    /// # Errors
    /// [`NoAnswer`] when none is known to have been made.
    fn test(&self, request: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoAnswer>>;

    /// How long [`Tester::test`] takes at most.
    fn patience(&self) -> Duration;
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No sender answered within [`Tester::patience`].
    #[error("no sender answered in time")]
    Late,
    /// The broker cannot be reached, or was lost while a sender was at it.
    #[error("the broker is away")]
    BrokerAway,
    /// A sender answered that it cannot; its log says why.
    #[error("the sender could not make the test")]
    NotMade,
}

impl NoAnswer {
    /// The sentence for people.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Late => "No sender answered in time; is one running?",
            Self::BrokerAway => "The message broker is not available at the moment",
            Self::NotMade => "The sender could not make the test; its log says why",
        }
    }
}

/// The tester, and how much is asked of it. Clones share the limits.
#[derive(Clone)]
pub struct Tests {
    pub(super) tester: Arc<dyn Tester>,
    pub(super) limits: Arc<TestLimits>,
}

impl Tests {
    /// Tests made by `tester`, none asked for yet.
    pub fn by(tester: Arc<dyn Tester>) -> Self {
        Self { tester, limits: Arc::default() }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.tester.patience()
    }
}
