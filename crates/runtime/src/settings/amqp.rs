//! `[amqp]`: the broker connection.

use std::path::PathBuf;

use super::connection_url::{self, ConnectionUrl};
use super::reader::Reader;

const URL: &str = "amqp.url";

/// The broker.
#[derive(Clone, Debug)]
pub struct AmqpSettings {
    /// `amqp://` or `amqps://`, with the password and the virtual host in it.
    pub url: ConnectionUrl,
    /// The file that the URL was read from, if any: read again when no connection can be opened.
    pub url_file: Option<PathBuf>,
}

impl AmqpSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let url_file = reader.secret_file(URL);
        let url = reader.required_secret(URL, connection_url::amqp, ConnectionUrl::to_string);
        Some(Self { url: url?, url_file })
    }

    /// Checks a broker's URL as the settings do.
    ///
    /// # Errors
    /// A sentence that repeats nothing of the text.
    pub fn check_url(text: &str) -> Result<ConnectionUrl, String> {
        connection_url::amqp(text)
    }
}
