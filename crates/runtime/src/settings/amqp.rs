//! `[amqp]`: where the broker is.

use super::connection_url::{self, ConnectionUrl};
use super::reader::Reader;

/// The broker.
#[derive(Clone, Debug)]
pub struct AmqpSettings {
    /// `amqp://` or `amqps://`, with the password and the virtual host in it.
    pub url: ConnectionUrl,
}

impl AmqpSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.required_secret("amqp.url", connection_url::amqp, ConnectionUrl::to_string);
        Some(Self { url: url? })
    }
}
