//! PostgreSQL: webhooks and their secrets, the delivery log, the outbox, sessions, API tokens, migrations.
//!
//! One file per table family, every statement visible as SQL beside the code that reads its rows. The caller decides
//! the next state of a delivery. Every query that serves an account names the account.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audit;
mod backlog;
pub mod bearer;
pub mod changes;
mod clock;
mod connect;
mod connection;
mod counts;
mod database;
mod database_url;
pub mod delivery_log;
mod error;
pub mod event_counts;
pub mod event_sample;
pub mod find;
mod held_expiry;
mod horizon;
pub mod idempotency;
pub mod mail;
mod migrations;
pub mod notifications;
pub mod outcomes;
mod partitions;
mod read_clock;
pub mod recent_counts;
pub mod reconcile;
pub mod recover;
pub mod release;
mod retention;
mod rights;
mod search_indexes;
mod secret_keys;
mod server;
pub mod sessions;
mod settings;
pub mod sso;
pub mod stats;
mod telemetry;
pub mod test_log;
pub mod test_requests;
mod tls;
pub mod tokens;
pub mod webhooks;

pub use backlog::Backlog;
pub use clock::Clock;
pub use database::Database;
pub use database_url::{DatabaseUrl, InvalidDatabaseUrl};
pub use error::StoreError;
pub use migrations::{SchemaError, SchemaState};
pub use partitions::PARTITIONS_AHEAD;
pub use read_clock::watch_clock;
pub use retention::Removed;
pub use secret_keys::{InvalidSecretKey, Rekeyed, SecretKey, SecretKeys};
pub use settings::{DatabaseRootsError, DatabaseSettings};
pub use telemetry::{PoolUse, watch_pools};
