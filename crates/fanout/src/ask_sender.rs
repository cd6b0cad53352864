//! Requests test deliveries from a sender by RPC over the broker. The form is in the database.

use std::time::Duration;

use admin::{NoTestResult, TestSender};
use broker::{Message, NoReply, Requester, topology};
use futures_util::future::BoxFuture;
use tracing::warn;
use wire::{TestAnswer, TestAttempt, TestRequest};

/// Time for a test delivery other than the POST itself: two hops over the broker, the form, the log.
const MARGIN: Duration = Duration::from_secs(5);

/// The RPC client of senders.
pub struct AskSender {
    requester: Requester,
    patience: Duration,
}

impl AskSender {
    /// `attempt` is a sender's timeout for a POST.
    pub fn new(requester: Requester, attempt: Duration) -> Self {
        Self {
            requester,
            patience: attempt + MARGIN,
        }
    }

    async fn ask(&self, request: TestRequest) -> Result<TestAttempt, NoTestResult> {
        let question = Message::new(topology::DELIVERY_EXCHANGE, topology::TESTS, request.encode())
            .content_type(wire::TEST_REQUEST)
            .message_id(&request.test.to_string());
        let answer = self
            .requester
            .ask(question, self.patience)
            .await
            .map_err(|no_reply| match no_reply {
                NoReply::TimedOut => NoTestResult::TimedOut,
                NoReply::NotConnected => NoTestResult::BrokerUnavailable,
            })?;
        match TestAnswer::decode(answer) {
            Ok(TestAnswer::Attempted(attempt)) => Ok(attempt),
            Ok(TestAnswer::NotAttempted) => Err(NoTestResult::NotAttempted),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, test_id = %request.test, "cannot decode the reply to a test delivery request");
                Err(NoTestResult::NotAttempted)
            }
        }
    }
}

impl TestSender for AskSender {
    fn send_test(&self, request: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoTestResult>> {
        Box::pin(self.ask(request))
    }

    fn timeout(&self) -> Duration {
        self.patience
    }
}
