//! The loop of tests: take a request, hand it to a task of its own, answer, acknowledge.
//!
//! Tests have few places of their own, so that slow ones take none from deliveries.

use std::sync::Arc;

use broker::{Consumer, Incoming, Publisher};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;
use wire::TestRequest;

use crate::run_test::TestRunner;

/// Tests under way at once in this process, which is also how many requests it takes.
pub const TESTS_AT_ONCE: u16 = 16;

/// The loop's parts.
pub struct TestLoop {
    /// Makes the tests.
    pub runner: Arc<TestRunner>,
    /// Sends answers.
    pub publisher: Publisher,
}

impl TestLoop {
    /// Runs until `stop`, then waits for the tests under way.
    pub async fn run(self, mut consumer: Consumer, stop: CancellationToken) {
        let (places, tests) = (Arc::new(Semaphore::new(TESTS_AT_ONCE.into())), TaskTracker::new());
        loop {
            let next = async {
                // What was taken before a connection was lost is still under way, so the prefetch alone is no limit.
                let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
                (place, consumer.next().await)
            };
            let (place, incoming) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let (runner, publisher) = (Arc::clone(&self.runner), self.publisher.clone());
            tests.spawn(async move {
                serve(&runner, &publisher, incoming).await;
                drop(place);
            });
        }
        consumer.stop().await;
        tests.close();
        tests.wait().await;
        consumer.rest().await;
    }
}

/// A request that no answer can be made to is acknowledged all the same: nobody could do more about it.
async fn serve(runner: &TestRunner, publisher: &Publisher, incoming: Incoming) {
    let answer = match TestRequest::decode(incoming.body.clone()) {
        Ok(request) => runner.run(&request).await,
        Err(error) => {
            warn!(%error, "a request for a test cannot be read");
            None
        }
    };
    let message = answer.and_then(|answer| incoming.answer(answer.encode()));
    if let Some(message) = message
        && publisher.publish(&message.content_type(wire::TEST_ANSWER)).await.is_err()
    {
        return;
    }
    incoming.acknowledgement.acknowledge();
}
