//! Leaving deliveries to the relay: held ones until their webhook is resumed, others until it absorbs them.

use deadpool_postgres::Transaction;
use domain::{DeliveryState, ReleasePace};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::{DeliveryRecord, SetAside};
use crate::error::StoreError;
use crate::partitions::day_of;

/// One that waits already stays as it is. What is only kept back by its receiver's slowness may be released at once,
/// slowly at first.
const LEAVE: &str = "
    WITH given AS (
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::timestamptz[], $4::uuid[], $5::text[], $6::bool[], $7::bool[])
            AS t (delivery_id, created_on, created_at, webhook_id, trigger, held, returned)
    ), released AS (
        INSERT INTO releases (webhook_id, per_second)
        SELECT DISTINCT webhook_id, $8::float8 FROM given WHERE NOT held ORDER BY webhook_id ON CONFLICT DO NOTHING
    )
    INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held, returned)
    SELECT * FROM given ON CONFLICT DO NOTHING";

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
    fn add(&mut self, record: &DeliveryRecord, set_aside: SetAside) {
        self.delivery_id.push(record.delivery.as_uuid());
        self.created_on.push(day_of(record.created_at));
        self.created_at.push(record.created_at);
        self.webhook_id.push(record.webhook.0);
        self.trigger.push(set_aside.trigger.as_str());
        self.held.push(record.state == DeliveryState::Held);
        self.returned.push(set_aside.returned);
    }
}

/// `taken` are the records that the log took: a repeat of a delivery that is done waits for nothing.
pub(super) async fn leave_to_relay(transaction: &Transaction<'_>, taken: &[&DeliveryRecord]) -> Result<(), StoreError> {
    let mut columns = Columns::default();
    for record in taken {
        if let Some(set_aside) = record.set_aside {
            columns.add(record, set_aside);
        }
    }
    if columns.delivery_id.is_empty() {
        return Ok(());
    }
    let statement = transaction.prepare_cached(LEAVE).await?;
    let Columns { delivery_id, created_on, created_at, webhook_id, trigger, held, returned } = &columns;
    let pace = ReleasePace::START.per_second();
    transaction
        .execute(&statement, &[delivery_id, created_on, created_at, webhook_id, trigger, held, returned, &pace])
        .await?;
    Ok(())
}
