//! What outcomes mean for their webhooks: counters, the pause, and what administrators are told, in the transaction that
//! records the outcomes. What follows from what, `domain` decides.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use domain::{AutoPause, HealthEffect, WebhookHealth, WebhookId};
use uuid::Uuid;

use super::DeliveryRecord;
use crate::error::StoreError;
use crate::notifications::{NewNotification, add_notifications};
use crate::webhooks::health_of;

/// Something about a webhook changed that people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// Which webhook.
    pub webhook: WebhookId,
    /// What changed.
    pub effect: HealthEffect,
}

/// Locked in the order of their ids, so that senders wait for each other and never in a circle.
const LOCK: &str = "SELECT id, account, name, consecutive_failures, failed_attempts, paused_reason
    FROM webhooks WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

/// Names no column whose change every process is told.
const COUNT: &str = "UPDATE webhooks w SET consecutive_failures = given.consecutive_failures,
        failed_attempts = given.failed_attempts
    FROM unnest($1::uuid[], $2::int[], $3::int[]) AS given (id, consecutive_failures, failed_attempts)
    WHERE w.id = given.id";

const PAUSE: &str = "UPDATE webhooks SET paused_reason = $2, paused_at = now() WHERE id = $1";

struct Patient {
    account: String,
    name: String,
    before: WebhookHealth,
    now: WebhookHealth,
    effects: Vec<HealthEffect>,
}

/// `taken` are the records that may change their webhook's health, in the order in which they count, and others.
pub(super) async fn apply(
    transaction: &Transaction<'_>,
    taken: &[&DeliveryRecord],
    auto_pause: AutoPause,
) -> Result<Vec<HealthChange>, StoreError> {
    let bearing: Vec<_> = taken.iter().filter_map(|record| Some((record.webhook, record.attempt.as_ref()?))).collect();
    if bearing.is_empty() {
        return Ok(Vec::new());
    }
    let mut patients = lock(transaction, bearing.iter().map(|(webhook, _)| webhook.0).collect()).await?;
    for (webhook, attempt) in bearing {
        let Some(patient) = patients.get_mut(&webhook.0) else { continue };
        let (now, effect) = patient.now.after_attempt(attempt.trigger, attempt.next, auto_pause);
        patient.now = now;
        patient.effects.extend(effect);
    }
    write(transaction, &patients).await?;
    let changes = patients.iter().flat_map(|(id, patient)| {
        patient.effects.iter().map(|effect| HealthChange { webhook: WebhookId(*id), effect: *effect })
    });
    Ok(changes.collect())
}

async fn lock(transaction: &Transaction<'_>, ids: Vec<Uuid>) -> Result<BTreeMap<Uuid, Patient>, StoreError> {
    let statement = transaction.prepare_cached(LOCK).await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    let patient = |row: &tokio_postgres::Row| {
        let before = health_of(row)?;
        let (account, name) = (row.get("account"), row.get("name"));
        Ok((row.get("id"), Patient { account, name, before, now: before, effects: Vec::new() }))
    };
    rows.iter().map(patient).collect()
}

async fn write(transaction: &Transaction<'_>, patients: &BTreeMap<Uuid, Patient>) -> Result<(), StoreError> {
    let changed: Vec<_> = patients.iter().filter(|(_, patient)| patient.now != patient.before).collect();
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let ids: Vec<Uuid> = changed.iter().map(|(id, _)| **id).collect();
    let failures: Vec<i32> = changed.iter().map(|(_, patient)| count(patient.now.consecutive_failures)).collect();
    let attempts: Vec<i32> = changed.iter().map(|(_, patient)| count(patient.now.failed_attempts)).collect();
    let statement = transaction.prepare_cached(COUNT).await?;
    transaction.execute(&statement, &[&ids, &failures, &attempts]).await?;
    for (id, patient) in &changed {
        if let (None, Some(reason)) = (patient.before.paused, patient.now.paused) {
            transaction.execute(PAUSE, &[*id, &reason.as_str()]).await?;
        }
    }
    add_notifications(transaction, &told(patients)).await
}

fn told(patients: &BTreeMap<Uuid, Patient>) -> Vec<NewNotification<'_>> {
    let mut told = Vec::new();
    for (id, patient) in patients {
        told.extend(patient.effects.iter().map(|effect| NewNotification {
            account: &patient.account,
            webhook: WebhookId(*id),
            kind: effect.kind(),
            message: effect.message(&patient.name),
        }));
    }
    told
}
