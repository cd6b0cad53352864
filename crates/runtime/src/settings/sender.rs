//! `[sender]`: how many requests one sender has in flight.

use super::parse::whole_number;
use super::reader::Reader;

const CONCURRENCY: &str = "sender.concurrency";
const PER_WEBHOOK: &str = "sender.per_webhook_concurrency";

/// How many requests one sender has in flight.
#[derive(Clone, Copy, Debug)]
pub struct SenderSettings {
    /// In one process, to all webhooks together.
    pub concurrency: usize,
    /// Of those, to one webhook at most.
    pub per_webhook_concurrency: usize,
}

impl SenderSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let concurrency = reader.value(CONCURRENCY, "512", whole_number(1..=65_536));
        // Whoever only lowers the whole means its part too.
        let default = concurrency.min(64).to_string();
        let per_webhook_concurrency = reader.value(PER_WEBHOOK, &default, whole_number(1..=65_536));
        if reader.sound(&[CONCURRENCY, PER_WEBHOOK]) && per_webhook_concurrency > concurrency {
            let reason = format!("is {per_webhook_concurrency}, more than the {concurrency} of {CONCURRENCY}");
            reader.refuse(PER_WEBHOOK, reason);
        }
        Self { concurrency, per_webhook_concurrency }
    }
}
