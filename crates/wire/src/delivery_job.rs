//! The delivery job: a request for one attempt, from fanout to a sender, and from a sender through the retry ladder
//! back to one.

use std::time::Duration;

use bytes::Bytes;
use domain::{DeliveryHead, DeliveryId, Trigger, WebhookId, is_kept_subject};
use jiff::Timestamp;
use prost::Message;

use crate::schema::easycrm as schema;

/// A validated delivery job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryJob {
    /// Which delivery the attempt is for.
    pub delivery: DeliveryHead,
    /// 1-based number of the requested attempt.
    pub attempt: u32,
    /// Steps of the ladder already used.
    pub step: u32,
    /// Why the attempt is made.
    pub trigger: Trigger,
    /// A possible duplicate: deduplicate before sending.
    pub repeat: bool,
    /// How long all attempts of the delivery have been deferred.
    pub deferred_for: Duration,
}

/// A message of `webhooks.deliveries` that is no delivery job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Not protobuf, or of another schema.
    #[error("not a DeliveryJob message")]
    Malformed,
    /// A field has a value that no job of ours has.
    #[error("field `{0}` is missing or not allowed")]
    Field(&'static str),
}

impl DeliveryJob {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let delivery = &self.delivery;
        schema::DeliveryJob {
            delivery_id: Bytes::copy_from_slice(delivery.id.as_bytes()),
            webhook_id: Bytes::copy_from_slice(delivery.webhook.0.as_bytes()),
            account: delivery.account.as_str().to_owned(),
            event_id: delivery.event_id.clone(),
            event_type: delivery.event_type.clone(),
            subject: delivery.subject.clone().unwrap_or_default(),
            accepted_at_us: delivery.accepted_at.as_microsecond(),
            attempt: self.attempt,
            step: self.step,
            trigger: trigger_to_schema(self.trigger).into(),
            repeat: self.repeat,
            payload: delivery.payload.clone(),
            traceparent: delivery.traceparent.clone().unwrap_or_default(),
            deferred_for_ms: u64::try_from(self.deferred_for.as_millis()).unwrap_or(u64::MAX),
        }
        .encode_to_vec()
    }

    /// Reads a message; the payload stays a slice of it.
    ///
    /// # Errors
    /// [`JobError`] when the message can never be understood.
    pub fn decode(message: Bytes) -> Result<Self, JobError> {
        let job = schema::DeliveryJob::decode(message).map_err(|_| JobError::Malformed)?;
        let trigger = schema::Trigger::try_from(job.trigger)
            .ok()
            .and_then(trigger_from_schema);
        let delivery = DeliveryHead {
            id: DeliveryId::from_bytes(sixteen(&job.delivery_id, "delivery_id")?),
            webhook: WebhookId(uuid::Uuid::from_bytes(sixteen(&job.webhook_id, "webhook_id")?)),
            account: job.account.parse().map_err(|_| JobError::Field("account"))?,
            event_id: job.event_id,
            event_type: job.event_type,
            subject: subject(job.subject)?,
            accepted_at: Timestamp::from_microsecond(job.accepted_at_us)
                .map_err(|_| JobError::Field("accepted_at_us"))?,
            payload: job.payload,
            traceparent: Some(job.traceparent).filter(|text| !text.is_empty()),
        };
        Ok(Self {
            delivery,
            attempt: Some(job.attempt)
                .filter(|attempt| *attempt > 0)
                .ok_or(JobError::Field("attempt"))?,
            step: job.step,
            trigger: trigger.ok_or(JobError::Field("trigger"))?,
            repeat: job.repeat,
            deferred_for: Duration::from_millis(job.deferred_for_ms),
        })
    }
}

/// Of jobs of former releases there is none.
fn subject(text: String) -> Result<Option<String>, JobError> {
    match text.as_str() {
        "" => Ok(None),
        subject if is_kept_subject(subject) => Ok(Some(text)),
        _ => Err(JobError::Field("subject")),
    }
}

fn sixteen(bytes: &[u8], field: &'static str) -> Result<[u8; 16], JobError> {
    bytes.try_into().map_err(|_| JobError::Field(field))
}

fn trigger_to_schema(trigger: Trigger) -> schema::Trigger {
    match trigger {
        Trigger::Event => schema::Trigger::Event,
        Trigger::Retry => schema::Trigger::Retry,
        Trigger::Manual => schema::Trigger::Manual,
        Trigger::Resume => schema::Trigger::Resume,
        Trigger::Test => schema::Trigger::Test,
    }
}

fn trigger_from_schema(trigger: schema::Trigger) -> Option<Trigger> {
    match trigger {
        schema::Trigger::Unspecified => None,
        schema::Trigger::Event => Some(Trigger::Event),
        schema::Trigger::Retry => Some(Trigger::Retry),
        schema::Trigger::Manual => Some(Trigger::Manual),
        schema::Trigger::Resume => Some(Trigger::Resume),
        schema::Trigger::Test => Some(Trigger::Test),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> DeliveryJob {
        DeliveryJob {
            delivery: DeliveryHead {
                id: DeliveryId::from_bytes([7; 16]),
                webhook: WebhookId(uuid::Uuid::from_bytes([9; 16])),
                account: "acme".parse().unwrap(),
                event_id: "e-1".into(),
                event_type: "deal.won".into(),
                subject: Some("deals/9001".into()),
                accepted_at: Timestamp::from_microsecond(1_795_413_600_123_456).unwrap(),
                payload: Bytes::from_static(b"{\"\xff"),
                traceparent: None,
            },
            attempt: 2,
            step: 1,
            trigger: Trigger::Retry,
            repeat: true,
            deferred_for: Duration::from_secs(90),
        }
    }

    #[test]
    fn a_job_survives_the_wire() {
        assert_eq!(DeliveryJob::decode(job().encode().into()), Ok(job()));
    }

    #[test]
    fn a_job_of_a_former_release_has_no_subject() {
        let mut former = job();
        former.delivery.subject = None;
        assert_eq!(DeliveryJob::decode(former.encode().into()), Ok(former));
        let mut forged = job();
        forged.delivery.subject = Some("x".repeat(256));
        assert_eq!(
            DeliveryJob::decode(forged.encode().into()),
            Err(JobError::Field("subject"))
        );
    }

    #[test]
    fn what_is_no_job_is_refused_by_name() {
        assert_eq!(DeliveryJob::decode(Bytes::from_static(b"{}")), Err(JobError::Malformed));
        assert_eq!(DeliveryJob::decode(Bytes::new()), Err(JobError::Field("delivery_id")));
        let first = DeliveryJob { attempt: 0, ..job() };
        assert_eq!(
            DeliveryJob::decode(first.encode().into()),
            Err(JobError::Field("attempt"))
        );
    }
}
