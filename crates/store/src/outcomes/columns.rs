//! A batch of records in columns: one array per parameter.

use domain::Next;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::record::{AttemptRecord, DeliveryRecord};
use crate::partitions::day_of;

/// In the order of the statement's parameters.
#[derive(Default)]
pub(super) struct Columns<'a> {
    id: Vec<Uuid>,
    created_on: Vec<Date>,
    account: Vec<&'a str>,
    webhook_id: Vec<Uuid>,
    event_id: Vec<&'a str>,
    event_type: Vec<&'a str>,
    state: Vec<&'static str>,
    attempts: Vec<i32>,
    step: Vec<i32>,
    payload: Vec<&'a [u8]>,
    traceparent: Vec<Option<&'a str>>,
    created_at: Vec<Timestamp>,
    retry_in: Vec<Option<f64>>,
    error: Vec<Option<&'a str>>,
    trigger: Vec<Option<&'static str>>,
    at: Vec<Option<Timestamp>>,
    outcome: Vec<Option<&'static str>>,
    http_status: Vec<Option<i16>>,
    response_time_ms: Vec<Option<i32>>,
    attempt_error: Vec<Option<&'a str>>,
    response_excerpt: Vec<Option<&'a [u8]>>,
    deferred_for: Vec<Option<f64>>,
    subject: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(records: &'a [DeliveryRecord]) -> Self {
        let mut columns = Self::default();
        for record in records {
            columns.add_delivery(record);
            columns.add_attempt(record.attempt.as_ref());
        }
        columns
    }

    fn add_delivery(&mut self, record: &'a DeliveryRecord) {
        let DeliveryRecord {
            delivery,
            disposition,
            attempts,
            step,
            attempt: _,
        } = record;
        self.id.push(delivery.id.as_uuid());
        self.created_on.push(day_of(delivery.accepted_at));
        self.account.push(delivery.account.as_str());
        self.webhook_id.push(delivery.webhook.0);
        self.event_id.push(&delivery.event_id);
        self.event_type.push(&delivery.event_type);
        self.subject.push(delivery.subject.as_deref());
        self.state.push(disposition.state().into());
        self.attempts.push(saturating(*attempts));
        self.step.push(saturating(*step));
        self.payload.push(&delivery.payload);
        self.traceparent.push(delivery.traceparent.as_deref());
        self.created_at.push(delivery.accepted_at);
        self.retry_in
            .push(disposition.retry_in().map(|delay| delay.as_secs_f64()));
        self.error.push(disposition.error());
    }

    fn add_attempt(&mut self, attempt: Option<&'a AttemptRecord>) {
        self.trigger.push(attempt.map(|attempt| attempt.trigger.into()));
        self.at.push(attempt.map(|attempt| attempt.at));
        self.outcome.push(attempt.map(|attempt| attempt.outcome.into()));
        self.http_status.push(
            attempt
                .and_then(|attempt| attempt.http_status)
                .and_then(|s| i16::try_from(s).ok()),
        );
        self.response_time_ms
            .push(attempt.map(|attempt| saturating(attempt.response_time_ms)));
        self.attempt_error
            .push(attempt.and_then(|attempt| attempt.error.as_deref()));
        let excerpt = attempt.map(|attempt| attempt.response_excerpt.as_slice());
        self.response_excerpt
            .push(excerpt.filter(|excerpt| !excerpt.is_empty()));
        let deferred = attempt.filter(|attempt| matches!(attempt.next, Next::Deferred(_)));
        self.deferred_for
            .push(deferred.map(|attempt| attempt.deferred_for.as_secs_f64()));
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 23] {
        [
            &self.id,
            &self.created_on,
            &self.account,
            &self.webhook_id,
            &self.event_id,
            &self.event_type,
            &self.state,
            &self.attempts,
            &self.step,
            &self.payload,
            &self.traceparent,
            &self.created_at,
            &self.retry_in,
            &self.error,
            &self.trigger,
            &self.at,
            &self.outcome,
            &self.http_status,
            &self.response_time_ms,
            &self.attempt_error,
            &self.response_excerpt,
            &self.deferred_for,
            &self.subject,
        ]
    }
}

fn saturating(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
