//! PostgreSQL: webhooks and their secrets, the delivery log, API tokens, migrations.
//!
//! One file per table family, every statement visible as SQL beside the code that reads its rows. No business rules:
//! what a delivery's next state is, the caller decides. Every query that serves an account names the account.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audit;
mod backlog;
pub mod bearer;
pub mod changes;
mod counts;
mod database;
pub mod delivery_log;
mod error;
pub mod idempotency;
pub mod mail;
mod migrations;
pub mod notifications;
pub mod outcomes;
mod partitions;
pub mod recent_counts;
pub mod reconcile;
pub mod recover;
pub mod release;
mod retention;
mod secret_keys;
pub mod sessions;
pub mod sso;
pub mod stats;
mod telemetry;
pub mod test_log;
pub mod test_requests;
pub mod tokens;
pub mod webhooks;

pub use backlog::Backlog;
pub use database::{Database, DatabaseSettingsError, DatabaseUrl, InvalidUrl};
pub use error::StoreError;
pub use migrations::{SchemaError, SchemaState};
pub use partitions::PARTITIONS_AHEAD;
pub use retention::Forgotten;
pub use secret_keys::{SecretKey, SecretKeys};
pub use telemetry::{PoolUse, watch_pools};
