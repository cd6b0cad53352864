//! `[sender]`: the concurrency of a sender, and its patience with the database.

use std::time::Duration;

use super::duration;
use super::parse::whole_number;
use super::reader::Reader;

const CONCURRENCY: &str = "sender.concurrency";
const PER_WEBHOOK: &str = "sender.per_webhook_concurrency";
const DATABASE_PATIENCE: &str = "sender.database_patience";

/// The concurrency of a sender, and its patience with the database.
#[derive(Clone, Copy, Debug)]
pub struct SenderSettings {
    /// Requests in flight in one process (slots).
    pub concurrency: usize,
    /// Of those, maximum for one webhook.
    pub per_webhook_concurrency: usize,
    /// After a database outage of this length the sender stops consuming jobs.
    pub database_patience: Duration,
}

impl SenderSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let concurrency = reader.value(CONCURRENCY, "512", whole_number(1..=65_536));
        // A lower total lowers this default too.
        let default = concurrency.min(64).to_string();
        let per_webhook_concurrency = reader.value(PER_WEBHOOK, &default, whole_number(1..=65_536));
        if reader.sound(&[CONCURRENCY, PER_WEBHOOK]) && per_webhook_concurrency > concurrency {
            let reason = format!("is {per_webhook_concurrency}, more than the {concurrency} of {CONCURRENCY}");
            reader.refuse(PER_WEBHOOK, reason);
        }
        let database_patience = reader.value(DATABASE_PATIENCE, "60s", duration::between("1s", "10m"));
        Self {
            concurrency,
            per_webhook_concurrency,
            database_patience,
        }
    }
}
