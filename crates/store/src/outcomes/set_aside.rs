//! Leaving deliveries to the relay: held ones until their webhook is resumed, others until it absorbs them.

use deadpool_postgres::Transaction;
use jiff::civil::Date;
use uuid::Uuid;

use super::DeliveryRecord;
use crate::error::StoreError;
use crate::partitions::day_of;

/// Only what the log took: a repeat of a delivery that is done waits for nothing. One that waits already stays as it is.
const LEAVE: &str =
    "INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held, returned)
    SELECT d.id, d.created_on, d.created_at, d.webhook_id, given.trigger, d.state = 'held', given.returned
    FROM unnest($1::uuid[], $2::date[], $3::text[], $4::bool[]) AS given (id, created_on, trigger, returned)
    JOIN deliveries d ON d.id = given.id AND d.created_on = given.created_on
    WHERE d.state IN ('held', 'queued')
    ON CONFLICT DO NOTHING";

/// What only its receiver's slowness keeps back may be released at once, slowly at first.
const RELEASE: &str = "INSERT INTO releases (webhook_id, per_second)
    SELECT DISTINCT webhook_id, $2::float8 FROM unnest($1::uuid[]) AS given (webhook_id)
    ORDER BY webhook_id ON CONFLICT DO NOTHING";

pub(super) async fn leave_to_relay(
    transaction: &Transaction<'_>,
    records: &[DeliveryRecord],
) -> Result<(), StoreError> {
    let waiting = || records.iter().filter_map(|record| record.set_aside.map(|set_aside| (record, set_aside)));
    let ids: Vec<Uuid> = waiting().map(|(record, _)| record.delivery.as_uuid()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let days: Vec<Date> = waiting().map(|(record, _)| day_of(record.created_at)).collect();
    let triggers: Vec<&str> = waiting().map(|(_, wait)| if wait.manual { "manual" } else { "resume" }).collect();
    let returned: Vec<bool> = waiting().map(|(_, wait)| wait.returned).collect();
    let statement = transaction.prepare_cached(LEAVE).await?;
    transaction.execute(&statement, &[&ids, &days, &triggers, &returned]).await?;
    let spilled: Vec<Uuid> = waiting()
        .filter(|(record, _)| record.state == domain::DeliveryState::Queued)
        .map(|(record, _)| record.webhook.0)
        .collect();
    if !spilled.is_empty() {
        let statement = transaction.prepare_cached(RELEASE).await?;
        transaction.execute(&statement, &[&spilled, &domain::ReleasePace::START.per_second()]).await?;
    }
    Ok(())
}
