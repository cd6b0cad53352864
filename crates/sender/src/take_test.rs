//! The loop of test deliveries: consume a request, process it in a task of its own, reply, acknowledge.
//!
//! Test deliveries have a few slots of their own, so that slow ones take none from deliveries.

use std::sync::Arc;

use broker::{Consumer, Incoming, Intake, PublishError, Publisher, topology};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;
use wire::TestRequest;

use crate::run_test::TestRunner;

/// Test deliveries in flight at once in this process, and the prefetch of requests.
pub const TESTS: Intake = Intake {
    queue: topology::TESTS,
    messages: 16,
    bytes: 4 * 1024 * 1024,
};

/// The loop's parts.
pub struct TestLoop {
    /// Makes the test deliveries.
    pub runner: Arc<TestRunner>,
    /// Sends replies.
    pub publisher: Publisher,
}

impl TestLoop {
    /// Runs until `stop`, then waits for the test deliveries in flight.
    pub async fn run(self, mut consumer: Consumer, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(TESTS.messages.into()));
        let tests = TaskTracker::new();
        loop {
            let next = async {
                // Requests consumed before a connection was lost are still in flight, so the prefetch alone is no
                // limit.
                let place = Arc::clone(&places)
                    .acquire_owned()
                    .await
                    .expect("the semaphore is never closed");
                (place, consumer.next().await)
            };
            let (place, incoming) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let runner = Arc::clone(&self.runner);
            let publisher = self.publisher.clone();
            tests.spawn(async move {
                serve(&runner, &publisher, incoming).await;
                drop(place);
            });
        }
        consumer.cancel().await;
        tests.close();
        tests.wait().await;
        consumer.close().await;
    }
}

/// A request whose reply cannot be sent is acknowledged all the same: redelivering it would not help.
async fn serve(runner: &TestRunner, publisher: &Publisher, incoming: Incoming) {
    let answer = match TestRequest::decode(incoming.body.clone()) {
        Ok(request) => runner.run(&request).await,
        Err(error) => {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot decode a test delivery request"
            );
            None
        }
    };
    let message = answer.and_then(|answer| incoming.answer(answer.encode()));
    if let Some(message) = message {
        match publisher.publish(&message.content_type(wire::TEST_ANSWER)).await {
            Ok(()) => {}
            Err(PublishError::Refused(refusal)) => warn!(%refusal, "cannot send the reply to a test delivery request"),
            Err(PublishError::Closed) => return,
        }
    }
    incoming.acknowledgement.acknowledge();
}
