//! Sections of a few values each: `[amqp]`, `[api]`, `[audit]`, `[auto_pause]`, `[events]`, `[limits]`,
//! `[log]`, `[release]`, `[retention]`, `[retry]`, `[secrets]`, `[sender]`, `[shutdown]` and `[telemetry]`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use broker::BrokerSettings;
use domain::connection_url::redacted;
use domain::{AutoPause, ReleaseRate, RetryPolicy};
use runtime::Program;
use runtime::logs::{DEFAULT_LEVELS, LogSettings};
use store::SecretKeys;

use crate::duration;
use crate::effective::HIDDEN;
use crate::parse::{parsed, socket_address, whole_number, yes_or_no};
use crate::reader::Reader;

/// The rate limit of the admin API.
#[derive(Clone, Copy, Debug)]
pub struct ApiSettings {
    /// Requests per minute and token, in one process; 0 for no limit.
    pub per_minute: u32,
}

/// Retention of the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct AuditSettings {
    /// Days; separate from the delivery log, which is far larger.
    pub days: u16,
}

/// Limits on CRM events.
#[derive(Clone, Copy, Debug)]
pub struct EventsSettings {
    /// A message with a larger body is moved to the queue of rejected events.
    pub max_bytes: usize,
}

/// Limits for one account or one receiver host.
#[derive(Clone, Copy, Debug)]
pub struct LimitsSettings {
    /// Maximum number of webhooks of an account. One event becomes a request to each subscribed one.
    pub webhooks_per_account: u32,
    /// Maximum requests in flight from one sender to one receiver host.
    pub per_host_concurrency: usize,
}

/// The release rate after a resume.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseSettings {
    /// Maximum held deliveries per second to one webhook.
    pub per_second: ReleaseRate,
}

/// Retention of the delivery log.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Days; older partitions are dropped, including held deliveries.
    pub days: u16,
}

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

/// The time limit of a graceful shutdown.
#[derive(Clone, Copy, Debug)]
pub struct ShutdownSettings {
    /// From the signal to the exit. The supervisor's kill timeout must be longer.
    pub grace: Duration,
}

/// Metrics and health.
#[derive(Clone, Copy, Debug)]
pub struct TelemetrySettings {
    /// Address and port of `/metrics`, `/healthz` and `/readyz`, without authentication: do not expose it to customers.
    pub listen: SocketAddr,
}

pub(crate) fn amqp(reader: &mut Reader) -> Option<BrokerSettings> {
    const URL: &str = "amqp.url";
    let url_file = reader.secret_file(URL);
    let url = reader.required_secret(URL, parsed, redacted)?;
    Some(BrokerSettings { url, url_file })
}

pub(crate) fn api(reader: &mut Reader) -> ApiSettings {
    ApiSettings {
        per_minute: reader.value("api.per_minute", "3000", whole_number(0..=1_000_000)),
    }
}

pub(crate) fn audit(reader: &mut Reader) -> AuditSettings {
    AuditSettings {
        days: reader.value("audit.days", "365", whole_number(1..=3650)),
    }
}

/// 0 never pauses a webhook.
pub(crate) fn auto_pause(reader: &mut Reader) -> AutoPause {
    AutoPause {
        after: reader.value("auto_pause.after", "10", whole_number(0..=1_000_000)),
        within: reader.value("auto_pause.within", "0s", duration::between("0s", "24h")),
        suspended: false,
    }
}

pub(crate) fn events(reader: &mut Reader) -> EventsSettings {
    // 16 MiB is RabbitMQ's own limit since 4.0; a log row must hold the payload too.
    EventsSettings {
        max_bytes: reader.value("events.max_bytes", "262144", whole_number(1024..=16 * 1024 * 1024)),
    }
}

pub(crate) fn limits(reader: &mut Reader) -> LimitsSettings {
    LimitsSettings {
        webhooks_per_account: reader.value("limits.webhooks_per_account", "1000", whole_number(1..=100_000)),
        per_host_concurrency: reader.value("limits.per_host_concurrency", "128", whole_number(1..=65_536)),
    }
}

pub(crate) fn log(reader: &mut Reader) -> LogSettings {
    let default = if std::io::stdout().is_terminal() {
        "text"
    } else {
        "json"
    };
    LogSettings {
        format: reader.value("log.format", default, parsed),
        levels: reader.value("log.levels", DEFAULT_LEVELS, LogSettings::check_levels),
    }
}

pub(crate) fn release(reader: &mut Reader) -> ReleaseSettings {
    let per_second: u16 = reader.value("release.per_second", "50", whole_number(1..=1000));
    ReleaseSettings {
        per_second: ReleaseRate::new(per_second.into()),
    }
}

pub(crate) fn retention(reader: &mut Reader) -> RetentionSettings {
    RetentionSettings {
        days: reader.value("retention.days", "30", whole_number(1..=3650)),
    }
}

pub(crate) fn retry(reader: &mut Reader) -> RetryPolicy {
    const DELAYS: &str = "retry.delays";
    let delays = reader.list(DELAYS, &["1m", "5m", "30m"], duration::parse);
    let client_errors = reader.value("retry.client_errors", "false", yes_or_no);
    RetryPolicy::new(delays, client_errors).unwrap_or_else(|error| {
        reader.refuse(DELAYS, format!("cannot be used: {error}"));
        RetryPolicy::default()
    })
}

pub(crate) fn secrets(reader: &mut Reader) -> Option<SecretKeys> {
    let current = reader.required_secret("secrets.key", parsed, |_| HIDDEN.to_owned());
    let previous = reader.secret_list("secrets.previous_keys", parsed);
    Some(SecretKeys::new(current?, previous))
}

pub(crate) fn sender(reader: &mut Reader) -> SenderSettings {
    const CONCURRENCY: &str = "sender.concurrency";
    const PER_WEBHOOK: &str = "sender.per_webhook_concurrency";
    let concurrency = reader.value(CONCURRENCY, "512", whole_number(1..=65_536));
    // A lower total lowers this default too.
    let default = concurrency.min(64).to_string();
    let per_webhook_concurrency = reader.value(PER_WEBHOOK, &default, whole_number(1..=65_536));
    if reader.sound(&[CONCURRENCY, PER_WEBHOOK]) && per_webhook_concurrency > concurrency {
        let reason = format!("is {per_webhook_concurrency}, more than the {concurrency} of {CONCURRENCY}");
        reader.refuse(PER_WEBHOOK, reason);
    }
    SenderSettings {
        concurrency,
        per_webhook_concurrency,
        database_patience: reader.value("sender.database_patience", "60s", duration::between("1s", "10m")),
    }
}

pub(crate) fn shutdown(reader: &mut Reader) -> ShutdownSettings {
    ShutdownSettings {
        grace: reader.value("shutdown.grace", "25s", duration::between("1ms", "1h")),
    }
}

pub(crate) fn telemetry(reader: &mut Reader, program: Program) -> TelemetrySettings {
    // Different ports, so that both programs start on one machine without any setting.
    let default = match program {
        Program::Fanout => "127.0.0.1:9101",
        Program::Sender => "127.0.0.1:9102",
    };
    TelemetrySettings {
        listen: reader.value("telemetry.listen", default, socket_address),
    }
}
