//! One attempt: sign, post, and judge what came of it.

use std::time::{Duration, SystemTime};

use domain::{AttemptFacts, Next, Outcome, RetryPolicy, parse_retry_after, sign};
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

/// Makes the attempt that `job` asks for. `None` when none can be made: the webhook is gone or its secret unreadable.
pub async fn attempt(outbound: &Outbound, policy: &RetryPolicy, target: &Target, job: &DeliveryJob) -> Option<Judged> {
    let at = now();
    let ended = match target {
        Target::Ready(endpoint) => {
            let (id, timestamp) = (job.delivery.to_string(), at.as_second());
            let signature = sign(&endpoint.keys, &id, timestamp, &job.payload);
            let (id, signature, body) = (id.as_str(), signature.as_str(), job.payload.clone());
            outbound.post(Post { target: &endpoint.target, id, timestamp, signature, body }).await
        }
        Target::NotAllowed => not_allowed(),
        Target::SecretUnreadable | Target::Deleted => return None,
    };
    Some(judge(policy, job, at, ended))
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

fn judge(policy: &RetryPolicy, job: &DeliveryJob, at: Timestamp, ended: outbound::Attempt) -> Judged {
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
        response_time_ms: u32::try_from(ended.response_time.as_millis()).unwrap_or(u32::MAX),
        error: ended.error.map(str::to_owned),
        response_excerpt: ended.response_excerpt,
    };
    Judged { record, next }
}

/// Now, to the microsecond, which is what Postgres keeps.
pub fn now() -> Timestamp {
    let now = Timestamp::try_from(SystemTime::now()).expect("the system clock is within the calendar");
    Timestamp::from_microsecond(now.as_microsecond()).expect("a timestamp cut to microseconds is a timestamp")
}
