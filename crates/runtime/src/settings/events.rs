//! `[events]`: limits on CRM events.

use super::parse::whole_number;
use super::reader::Reader;

/// Limits on CRM events.
#[derive(Clone, Copy, Debug)]
pub struct EventsSettings {
    /// A message with a larger body is moved to the queue of rejected events.
    pub max_bytes: usize,
}

impl EventsSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        // 16 MiB is RabbitMQ's own limit since 4.0; a log row must hold the payload too.
        Self {
            max_bytes: reader.value("events.max_bytes", "262144", whole_number(1024..=16 * 1024 * 1024)),
        }
    }
}
