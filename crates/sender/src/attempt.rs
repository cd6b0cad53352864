//! One attempt: sign, post, and judge what came of it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::{AttemptFacts, DeliveryId, Next, Outcome, RetryPolicy, parse_retry_after, sign};
use jiff::Timestamp;
use outbound::{Outbound, Post};
use store::outcomes::AttemptRecord;
use wire::DeliveryJob;

use crate::targets::Target;

/// An attempt's end and what follows from it.
pub struct Judged {
    /// For the log.
    pub record: AttemptRecord,
    /// What follows.
    pub next: Next,
}

/// An attempt as it was made.
pub struct Made {
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub ended: outbound::Attempt,
}

impl Made {
    /// From beginning to end.
    pub fn response_time_ms(&self) -> u32 {
        u32::try_from(self.ended.response_time.as_millis()).unwrap_or(u32::MAX)
    }
}

/// Makes the attempt that `job` asks for. `None` when none can be made: the webhook is gone or its secret unreadable.
pub async fn attempt(outbound: &Outbound, policy: &RetryPolicy, target: &Target, job: &DeliveryJob) -> Option<Judged> {
    let made = make(outbound, target, job.delivery, &job.payload).await?;
    Some(judge(policy, job, made))
}

/// Signs `body` and posts it, under this id. `None` as for [`attempt`].
pub async fn make(outbound: &Outbound, target: &Target, id: DeliveryId, body: &Bytes) -> Option<Made> {
    let at = now();
    let ended = match target {
        Target::Ready(endpoint) => {
            let (id, timestamp) = (id.to_string(), at.as_second());
            let signature = sign(&endpoint.keys, &id, timestamp, body);
            let (id, signature, body) = (id.as_str(), signature.as_str(), body.clone());
            outbound.post(Post { target: &endpoint.target, id, timestamp, signature, body }).await
        }
        Target::NotAllowed => not_allowed(),
        Target::SecretUnreadable | Target::Deleted | Target::Paused => return None,
    };
    Some(Made { at, ended })
}

/// The URL was saved under another address policy; what the connector would answer, without dialling.
fn not_allowed() -> outbound::Attempt {
    outbound::Attempt {
        outcome: Outcome::Blocked,
        http_status: None,
        retry_after: None,
        response_time: Duration::ZERO,
        error: Some("address not allowed"),
        response_excerpt: Vec::new(),
    }
}

fn judge(policy: &RetryPolicy, job: &DeliveryJob, made: Made) -> Judged {
    let response_time_ms = made.response_time_ms();
    let Made { at, ended } = made;
    let retry_after = ended.retry_after.as_deref().and_then(|value| parse_retry_after(value, now().as_second()));
    let next = policy.next(&AttemptFacts {
        outcome: ended.outcome,
        http_status: ended.http_status,
        retry_after,
        trigger: job.trigger,
        step: job.step,
    });
    let record = AttemptRecord {
        trigger: job.trigger,
        at,
        outcome: ended.outcome,
        http_status: ended.http_status,
        response_time_ms,
        error: ended.error.map(str::to_owned),
        response_excerpt: ended.response_excerpt,
        next,
    };
    Judged { record, next }
}

/// Now, to the microsecond, which is what Postgres keeps.
pub fn now() -> Timestamp {
    let now = Timestamp::try_from(SystemTime::now()).expect("the system clock is within the calendar");
    Timestamp::from_microsecond(now.as_microsecond()).expect("a timestamp cut to microseconds is a timestamp")
}
