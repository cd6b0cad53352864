//! `[database]`: where PostgreSQL is, and how many connections a pool keeps.

use super::connection_url::{self, ConnectionUrl};
use super::parse::whole_number;
use super::reader::Reader;

/// The database.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// `postgres://` or `postgresql://`; `store` reads the rest of it, `sslmode` included.
    pub url: ConnectionUrl,
    /// Connections of a pool at most: `fanout` has one for its work and one for requests.
    pub pool_size: usize,
}

impl DatabaseSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.required_secret("database.url", connection_url::postgres, ConnectionUrl::to_string);
        let pool_size = reader.value("database.pool_size", "8", whole_number(1..=1000));
        Some(Self { url: url?, pool_size })
    }
}
