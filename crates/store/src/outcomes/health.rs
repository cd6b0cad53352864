//! Consequences of outcomes for their webhooks: counters, auto-pause and notifications, in the transaction that records
//! the outcomes. `domain` decides them.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{AutoPause, HealthEffect, Next, WebhookHealth, WebhookId};
use uuid::Uuid;

use super::record::DeliveryRecord;
use crate::connection::Transaction;
use crate::error::StoreError;
use crate::notifications::{NewNotification, add_notifications};
use crate::webhooks::health_of;

/// A change of a webhook that administrators are notified of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// Which webhook.
    pub webhook: WebhookId,
    /// What changed.
    pub effect: HealthEffect,
}

/// Locked in the order of their ids, so that concurrent senders cannot deadlock.
const LOCK: &str = "/* outcomes.health.lock */
    SELECT id, account, name, url, consecutive_failures, failed_attempts, paused_reason,
        coalesce(extract(epoch FROM now() - failing_since), 0)::float8 AS failing_for
    FROM webhooks WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

/// Sets no column whose change notifies the processes.
const COUNT: &str = "/* outcomes.health.count */
    UPDATE webhooks w SET consecutive_failures = given.consecutive_failures,
        failed_attempts = given.failed_attempts,
        failing_since = CASE
            WHEN given.consecutive_failures = 0 THEN NULL
            WHEN given.recovered THEN now()
            ELSE coalesce(w.failing_since, now())
        END
    FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bool[])
        AS given (id, consecutive_failures, failed_attempts, recovered)
    WHERE w.id = given.id";

const PAUSE: &str = "/* outcomes.health.pause */
    UPDATE webhooks SET paused_reason = $2, paused_at = now() WHERE id = $1";

struct LockedWebhook {
    account: String,
    name: String,
    url: String,
    before: WebhookHealth,
    now: WebhookHealth,
    failing_for: Duration,
    /// A success in this batch ended its consecutive failures: later ones began in this batch.
    recovered: bool,
    effects: Vec<HealthEffect>,
}

impl LockedWebhook {
    fn changed(&self) -> bool {
        let fails_anew = self.recovered && self.now.consecutive_failures > 0;
        self.now != self.before || fails_anew
    }
}

/// `taken` are the accepted records in the order in which they count, relevant ones among them.
pub(super) async fn apply(
    transaction: &Transaction<'_>,
    taken: &[&DeliveryRecord],
    auto_pause: AutoPause,
) -> Result<Vec<HealthChange>, StoreError> {
    let made = taken
        .iter()
        .filter_map(|record| Some((record.delivery.webhook, record.attempt.as_ref()?)));
    let bearing: Vec<_> = made
        .filter(|(_, attempt)| !matches!(attempt.next, Next::Deferred(_) | Next::Expired))
        .collect();
    if bearing.is_empty() {
        return Ok(Vec::new());
    }
    let mut locked = lock(transaction, bearing.iter().map(|(webhook, _)| webhook.0).collect()).await?;
    for (webhook, attempt) in bearing {
        let Some(current) = locked.get_mut(&webhook.0) else {
            continue;
        };
        // The receiver at a former URL says nothing about the one at this URL.
        if attempt.url.as_deref().is_some_and(|url| url != current.url) {
            continue;
        }
        let (now, effect) = current
            .now
            .after_attempt(attempt.trigger, attempt.next, auto_pause, current.failing_for);
        current.now = now;
        if now.consecutive_failures == 0 {
            current.failing_for = Duration::ZERO;
            current.recovered = true;
        }
        current.effects.extend(effect);
    }
    write(transaction, &locked).await?;
    let changes = locked.iter().flat_map(|(id, current)| {
        current.effects.iter().map(|effect| HealthChange {
            webhook: WebhookId(*id),
            effect: *effect,
        })
    });
    Ok(changes.collect())
}

async fn lock(transaction: &Transaction<'_>, ids: Vec<Uuid>) -> Result<BTreeMap<Uuid, LockedWebhook>, StoreError> {
    let statement = transaction.prepare_cached(LOCK).await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    let current = |row: &tokio_postgres::Row| {
        let before = health_of(row)?;
        let account = row.get("account");
        let name = row.get("name");
        let url = row.get("url");
        let failing_for = Duration::try_from_secs_f64(row.get("failing_for")).unwrap_or_default();
        let current = LockedWebhook {
            account,
            name,
            url,
            before,
            now: before,
            failing_for,
            recovered: false,
            effects: Vec::new(),
        };
        Ok((row.get("id"), current))
    };
    rows.iter().map(current).collect()
}

async fn write(transaction: &Transaction<'_>, locked: &BTreeMap<Uuid, LockedWebhook>) -> Result<(), StoreError> {
    let changed: Vec<_> = locked.iter().filter(|(_, current)| current.changed()).collect();
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let ids: Vec<Uuid> = changed.iter().map(|(id, _)| **id).collect();
    let failures: Vec<i32> = changed
        .iter()
        .map(|(_, current)| count(current.now.consecutive_failures))
        .collect();
    let attempts: Vec<i32> = changed
        .iter()
        .map(|(_, current)| count(current.now.failed_attempts))
        .collect();
    let recovered: Vec<bool> = changed.iter().map(|(_, current)| current.recovered).collect();
    let statement = transaction.prepare_cached(COUNT).await?;
    transaction
        .execute(&statement, &[&ids, &failures, &attempts, &recovered])
        .await?;
    for (id, current) in &changed {
        if let (None, Some(reason)) = (current.before.paused, current.now.paused) {
            transaction.execute(PAUSE, &[*id, &<&str>::from(reason)]).await?;
        }
    }
    add_notifications(transaction, &notifications(locked)).await
}

fn notifications(locked: &BTreeMap<Uuid, LockedWebhook>) -> Vec<NewNotification<'_>> {
    let mut told = Vec::new();
    for (id, current) in locked {
        told.extend(current.effects.iter().map(|effect| NewNotification {
            account: &current.account,
            webhook: WebhookId(*id),
            kind: effect.kind(),
            message: effect.message(&current.name),
        }));
    }
    told
}
