//! Writes deliveries to the outbox: held ones until their webhook is resumed, spilled and deferred ones until it can
//! take them.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{DeferralCause, DeliveryPhase, ReleaseRate};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::record::{DeliveryRecord, OutboxEntry};
use crate::connection::Transaction;
use crate::error::StoreError;
use crate::partitions::day_of;

/// An existing entry stays unchanged. Spilled deliveries may be released at once, slowly at first.
const WRITE: &str = "
    /* outcomes.outbox.write */ WITH given AS (
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::timestamptz[], $4::uuid[], $5::text[], $6::bool[], $7::bool[])
            AS t (delivery_id, created_on, created_at, webhook_id, trigger, held, returned)
    ), released AS (
        INSERT INTO releases (webhook_id, per_second)
        SELECT DISTINCT webhook_id, $8::float8 FROM given WHERE NOT held ORDER BY webhook_id ON CONFLICT DO NOTHING
    )
    INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held, returned)
    SELECT * FROM given ON CONFLICT DO NOTHING";

/// Informs the relay at the webhook's next turn, which may be a day away: a signal that says nothing new is not added.
const SIGNAL: &str = "/* outcomes.outbox.signal */ INSERT INTO release_signals (webhook_id, kind, wait_until)
    SELECT webhook_id, kind, now() + make_interval(secs => wait)
    FROM unnest($1::uuid[], $2::text[], $3::float8[]) AS t (webhook_id, kind, wait)
    WHERE NOT EXISTS (SELECT FROM release_signals s WHERE s.webhook_id = t.webhook_id AND s.kind = t.kind
        AND s.wait_until >= now() + make_interval(secs => wait) - interval '1 second')";

/// In the order of the statement's parameters.
#[derive(Default)]
struct Columns {
    delivery_id: Vec<Uuid>,
    created_on: Vec<Date>,
    created_at: Vec<Timestamp>,
    webhook_id: Vec<Uuid>,
    trigger: Vec<&'static str>,
    held: Vec<bool>,
    returned: Vec<bool>,
}

impl Columns {
    fn add(&mut self, record: &DeliveryRecord, outbox: OutboxEntry) {
        self.delivery_id.push(record.delivery.id.as_uuid());
        self.created_on.push(day_of(record.delivery.accepted_at));
        self.created_at.push(record.delivery.accepted_at);
        self.webhook_id.push(record.delivery.webhook.0);
        self.trigger.push(outbox.trigger.into());
        self.held.push(record.disposition.phase() == DeliveryPhase::Held);
        self.returned.push(outbox.returned);
    }
}

/// `taken` are the accepted records: a duplicate of a finished delivery has no entry.
pub(super) async fn write_outbox(transaction: &Transaction<'_>, taken: &[&DeliveryRecord]) -> Result<(), StoreError> {
    let mut columns = Columns::default();
    let mut signals = BTreeMap::new();
    for record in taken {
        let Some(outbox) = record.disposition.outbox() else {
            continue;
        };
        columns.add(record, outbox);
        if let Some(deferral) = outbox.deferral {
            let wait = signals
                .entry((record.delivery.webhook.0, deferral.cause))
                .or_insert(Duration::ZERO);
            *wait = deferral.wait.max(*wait);
        }
    }
    if columns.delivery_id.is_empty() {
        return Ok(());
    }
    let statement = transaction.prepare_cached(WRITE).await?;
    let Columns {
        delivery_id,
        created_on,
        created_at,
        webhook_id,
        trigger,
        held,
        returned,
    } = &columns;
    let rate = ReleaseRate::START.per_second();
    transaction
        .execute(
            &statement,
            &[
                delivery_id,
                created_on,
                created_at,
                webhook_id,
                trigger,
                held,
                returned,
                &rate,
            ],
        )
        .await?;
    signal(transaction, &signals).await
}

/// One signal per webhook and cause, however many deliveries of the batch have it.
async fn signal(
    transaction: &Transaction<'_>,
    signals: &BTreeMap<(Uuid, DeferralCause), Duration>,
) -> Result<(), StoreError> {
    if signals.is_empty() {
        return Ok(());
    }
    let webhooks: Vec<Uuid> = signals.keys().map(|(webhook, _)| *webhook).collect();
    let kinds: Vec<&str> = signals.keys().map(|(_, cause)| cause.into()).collect();
    let waits: Vec<f64> = signals.values().map(Duration::as_secs_f64).collect();
    let statement = transaction.prepare_cached(SIGNAL).await?;
    transaction.execute(&statement, &[&webhooks, &kinds, &waits]).await?;
    Ok(())
}
