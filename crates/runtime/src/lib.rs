//! The infrastructure of both programs: logs, metrics, the HTTP server, health, shutdown, trace context, exit codes, and
//! secrets in files.
//!
//! Nothing here knows what an event, a job or a delivery is, and nothing here talks to the broker, the database or a
//! customer, or reads the environment.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod crypto;
mod error_causes;
pub mod exit;
mod healthcheck;
pub mod http_server;
pub mod logs;
pub mod metrics;
pub mod periodic;
mod program;
mod rate_limit;
pub mod readiness;
mod rotated_url;
mod secret_file;
pub mod shutdown;
pub mod telemetry_server;
pub mod trace_context;

pub use crypto::install_crypto_provider;
pub use error_causes::with_causes;
pub use exit::UsageError;
pub use healthcheck::{Unhealthy, healthcheck};
pub use metrics::Metrics;
pub use periodic::Periodic;
pub use program::{Program, REVISION, VERSION};
pub use rate_limit::RateLimit;
pub use readiness::{Condition, Readiness};
pub use rotated_url::RotatedUrl;
pub use secret_file::read_secret_file;
pub use telemetry_server::TelemetryServer;
pub use trace_context::TraceContext;
