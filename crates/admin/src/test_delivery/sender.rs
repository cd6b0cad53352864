//! The way of test deliveries to a sender, which this crate cannot reach itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use wire::{TestAttempt, TestRequest};

use super::limits::TestLimits;

/// Sends test deliveries through a sender, by a call over the broker.
pub trait TestSender: Send + Sync {
    /// Lets a sender attempt what is stored under the request's id.
    ///
    /// # Errors
    /// [`NoTestResult`] when no attempt is known to have been made.
    fn send_test(&self, request: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoTestResult>>;

    /// How long [`TestSender::send_test`] takes at most.
    fn timeout(&self) -> Duration;
}

/// Why a test delivery has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTestResult {
    /// No sender replied within [`TestSender::timeout`].
    #[error("no sender replied in time")]
    TimedOut,
    /// The broker cannot be reached, or its connection was lost meanwhile.
    #[error("the broker is not available")]
    BrokerUnavailable,
    /// A sender replied that it cannot; its log says why.
    #[error("the sender could not make the attempt")]
    NotAttempted,
}

impl NoTestResult {
    /// The sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::TimedOut => "No sender answered in time; is one running?",
            Self::BrokerUnavailable => "The message broker is not available at the moment",
            Self::NotAttempted => "The sender could not make the test; its log says why",
        }
    }
}

/// The sender of test deliveries, and how often it may be called. Clones share the limits.
#[derive(Clone)]
pub struct TestSending {
    pub(super) sender: Arc<dyn TestSender>,
    pub(super) limits: Arc<TestLimits>,
}

impl TestSending {
    /// Test deliveries sent by `sender`, none of them yet.
    pub fn by(sender: Arc<dyn TestSender>) -> Self {
        Self {
            sender,
            limits: Arc::default(),
        }
    }

    /// How long one takes at most.
    pub fn timeout(&self) -> Duration {
        self.sender.timeout()
    }
}
