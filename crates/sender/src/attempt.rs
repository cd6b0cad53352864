//! One attempt: sign, post, and classify the result.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{AttemptFacts, Deferral, DeliveryId, Next, Outcome, RetryPolicy, parse_retry_after, sign};
use jiff::Timestamp;
use outbound::Post;
use store::outcomes::AttemptRecord;
use wire::DeliveryJob;

use crate::endpoints::EndpointState;
use crate::ports::{Ports, Receivers};

/// The result of an attempt, and what follows from it.
pub struct ClassifiedAttempt {
    /// For the delivery log.
    pub record: AttemptRecord,
    /// The receiver's rate limit, for everything sent to the webhook.
    pub throttled: Option<Deferral>,
}

/// A finished attempt.
pub struct PostedAttempt {
    /// When it began.
    pub at: Timestamp,
    /// Its result.
    pub ended: outbound::Attempt,
}

impl PostedAttempt {
    /// Duration of the attempt.
    pub fn response_time_ms(&self) -> u32 {
        u32::try_from(self.ended.response_time.as_millis()).unwrap_or(u32::MAX)
    }
}

/// Makes the attempt that `job` requests. `None` when none is possible: the webhook is deleted or paused.
pub async fn attempt(
    ports: &impl Ports,
    policy: &RetryPolicy,
    endpoint: &EndpointState,
    job: &DeliveryJob,
) -> Option<ClassifiedAttempt> {
    let made = make(ports, endpoint, job.delivery.id, &job.delivery.payload, ports.now()).await?;
    Some(classify(policy, job, made, endpoint.url().cloned(), ports.now()))
}

/// Signs `body` and posts it, under this id and with this time. `None` as for [`attempt`].
pub async fn make(
    receivers: &impl Receivers,
    endpoint: &EndpointState,
    id: DeliveryId,
    body: &Bytes,
    at: Timestamp,
) -> Option<PostedAttempt> {
    let ended = match endpoint {
        EndpointState::Ready(endpoint) => {
            let id = id.to_string();
            let timestamp = at.as_second();
            let signature = sign(&endpoint.keys, &id, timestamp, body);
            let id = id.as_str();
            let signature = signature.as_str();
            let body = body.clone();
            receivers
                .post(Post {
                    endpoint: &endpoint.destination,
                    id,
                    timestamp,
                    signature,
                    headers: &endpoint.headers,
                    body,
                })
                .await
        }
        EndpointState::NotAllowed => without_a_request(Outcome::Blocked, "address not allowed"),
        EndpointState::SecretUnreadable => without_a_request(Outcome::LocalError, "signing secret cannot be decrypted"),
        EndpointState::Deleted | EndpointState::Paused | EndpointState::OfAnotherAccount => return None,
    };
    Some(PostedAttempt { at, ended })
}

/// The outcome of an attempt that none of several processes has survived, or so it seems. It is made again later, like any
/// attempt that fails for local error, and not parked by the broker, where no administrator sees it.
pub fn not_survived(policy: &RetryPolicy, job: &DeliveryJob, now: Timestamp) -> ClassifiedAttempt {
    let ended = without_a_request(Outcome::LocalError, "several senders stopped during this attempt");
    classify(policy, job, PostedAttempt { at: now, ended }, None, now)
}

/// The URL was saved under another address policy, or its secret under a key that is not configured.
fn without_a_request(outcome: Outcome, error: &'static str) -> outbound::Attempt {
    outbound::Attempt {
        outcome,
        http_status: None,
        retry_after: None,
        response_time: Duration::ZERO,
        error: Some(error),
        response_excerpt: Vec::new(),
    }
}

/// `now`: a `Retry-After` may be a date.
fn classify(
    policy: &RetryPolicy,
    job: &DeliveryJob,
    made: PostedAttempt,
    url: Option<Arc<str>>,
    now: Timestamp,
) -> ClassifiedAttempt {
    let response_time_ms = made.response_time_ms();
    let PostedAttempt { at, ended } = made;
    let retry_after = ended
        .retry_after
        .as_deref()
        .and_then(|value| parse_retry_after(value, now.as_second()));
    let facts = AttemptFacts {
        outcome: ended.outcome,
        http_status: ended.http_status,
        retry_after,
        trigger: job.trigger,
        step: job.step,
        deferred_for: job.deferred_for,
    };
    let next = match policy.next(&facts) {
        Next::Deferred(deferral) => Next::Deferred(deferral.with_jitter(chance())),
        next => next,
    };
    let throttled = facts.throttled();
    let record = AttemptRecord {
        trigger: job.trigger,
        at,
        url,
        deferred_for: job.deferred_for,
        outcome: ended.outcome,
        http_status: ended.http_status,
        response_time_ms,
        error: ended.error.map(str::to_owned),
        response_excerpt: ended.response_excerpt,
        next,
    };
    ClassifiedAttempt { record, throttled }
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    let random = getrandom::u32().expect("the operating system has random numbers");
    f64::from(random) / f64::from(u32::MAX)
}
