//! The Test button's way to a sender: a question over the broker. What is to be tested is in the database.

use std::time::Duration;

use broker::{Message, NoReply, Requester, topology};
use console::{NoAnswer, Tester};
use futures_util::future::BoxFuture;
use tracing::warn;
use wire::{TestAnswer, TestAttempt, TestRequest};

/// What a test takes beside the POST itself: two ways over the broker, the form, the log.
const MARGIN: Duration = Duration::from_secs(5);

/// Asks senders.
pub struct AskSender {
    requester: Requester,
    patience: Duration,
}

impl AskSender {
    /// `attempt` is the time a sender gives a POST.
    pub fn new(requester: Requester, attempt: Duration) -> Self {
        Self { requester, patience: attempt + MARGIN }
    }

    async fn ask(&self, request: TestRequest) -> Result<TestAttempt, NoAnswer> {
        let question = Message::new(topology::DELIVERY_EXCHANGE, topology::TESTS, request.encode())
            .content_type(wire::TEST_REQUEST)
            .message_id(&request.test.to_string());
        let answer = self.requester.ask(question, self.patience).await.map_err(|no_reply| match no_reply {
            NoReply::TimedOut => NoAnswer::Late,
            NoReply::NotConnected => NoAnswer::BrokerAway,
        })?;
        match TestAnswer::decode(answer) {
            Ok(TestAnswer::Attempted(attempt)) => Ok(attempt),
            Ok(TestAnswer::NotAttempted) => Err(NoAnswer::NotMade),
            Err(error) => {
                warn!(%error, test = %request.test, "a sender's answer cannot be read");
                Err(NoAnswer::NotMade)
            }
        }
    }
}

impl Tester for AskSender {
    fn test(&self, request: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoAnswer>> {
        Box::pin(self.ask(request))
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}
