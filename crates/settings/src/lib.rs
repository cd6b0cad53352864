//! One tree of settings for both programs: defaults, then a TOML file, then the environment.
//!
//! Each value is parsed once, into the type that its user defines: `broker`, `store`, `outbound` and `runtime` know nothing
//! of this crate. Nothing else in the programs reads the environment.
//!
//! Variables begin with `WEBHOOKS_` and nest by `__`, so that `WEBHOOKS_SENDER__CONCURRENCY` is `concurrency` in the
//! file's section `[sender]`. Unknown names are errors, an empty variable counts as unset, and every secret can come
//! from a file instead (`WEBHOOKS_DATABASE__URL_FILE`). Everything is checked before anything is started, and all
//! mistakes are reported together. `deploy/config.example.toml` shows every key with its default.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod database;
mod duration;
mod effective;
mod egress;
mod error;
mod given;
mod http;
mod notify;
mod parse;
mod reader;
mod sections;
mod smtp_server;
mod source;
mod sso;
mod unknown;
mod warnings;

use std::path::Path;

use broker::BrokerSettings;
use runtime::logs::LogSettings;
use runtime::{Program, UsageError};
use store::{DatabaseSettings, SecretKeys};

pub use egress::EgressSettings;
pub use error::{Problem, SettingsError};
pub use http::{BasePath, HttpSettings};
pub use notify::{MailSettings, NotifySettings};
pub use sections::{
    ApiSettings, AuditSettings, EventsSettings, LimitsSettings, ReleaseSettings, RetentionSettings, SenderSettings,
    ShutdownSettings, TelemetrySettings,
};
pub use smtp_server::{SmtpCredentials, SmtpServer, SmtpTls};
pub use sso::SsoSettings;

use effective::Effective;
use reader::Reader;

/// Every setting, checked. A program ignores the parts that are not its own.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker.
    pub amqp: BrokerSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// The keys that encrypt webhook secrets at rest.
    pub secrets: SecretKeys,
    /// The admin API and console.
    pub http: HttpSettings,
    /// The issuer of SSO tokens.
    pub sso: SsoSettings,
    /// Metrics and health.
    pub telemetry: TelemetrySettings,
    /// The retry policy.
    pub retry: domain::RetryPolicy,
    /// The rule for auto-pause.
    pub auto_pause: domain::AutoPause,
    /// The rate limit of the admin API.
    pub api: ApiSettings,
    /// The release rate after a resume.
    pub release: ReleaseSettings,
    /// Notifications by mail.
    pub notify: NotifySettings,
    /// Retention of the delivery log.
    pub retention: RetentionSettings,
    /// Retention of the audit trail.
    pub audit: AuditSettings,
    /// Limits for one account or one receiver host.
    pub limits: LimitsSettings,
    /// Concurrency of a sender.
    pub sender: SenderSettings,
    /// Egress: how receivers are dialled, and the address policy.
    pub egress: EgressSettings,
    /// Limits on CRM events.
    pub events: EventsSettings,
    /// Time limits of a graceful shutdown.
    pub shutdown: ShutdownSettings,
    /// Format and levels of the log.
    pub log: LogSettings,
    effective: Effective,
}

impl Settings {
    /// Reads the settings of this process: defaults, then `config_file`, then the process's environment.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(program: Program, config_file: Option<&Path>) -> Result<Self, UsageError> {
        Ok(Self::load_from(program, config_file, source::process_environment()?)?)
    }

    /// Reads the settings with `environment` in place of the process's own.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load_from(
        program: Program,
        config_file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source::merge(config_file, environment)?);
        let amqp = sections::amqp(&mut reader);
        let database = database::read(&mut reader);
        let secrets = sections::secrets(&mut reader);
        let http = HttpSettings::read(&mut reader);
        let sso = SsoSettings::read(&mut reader);
        let telemetry = sections::telemetry(&mut reader, program);
        let retry = sections::retry(&mut reader);
        let auto_pause = sections::auto_pause(&mut reader);
        let api = sections::api(&mut reader);
        let release = sections::release(&mut reader);
        let notify = NotifySettings::read(&mut reader, &http.public_url);
        let retention = sections::retention(&mut reader);
        let audit = sections::audit(&mut reader);
        let limits = sections::limits(&mut reader);
        let sender = sections::sender(&mut reader);
        let egress = EgressSettings::read(&mut reader);
        let events = sections::events(&mut reader);
        let shutdown = sections::shutdown(&mut reader);
        let log = sections::log(&mut reader);
        warnings::note(&mut reader, program, &http, &sso, &egress, &shutdown);
        let effective = reader.finish()?;
        let required = "finish() fails when a required setting is missing";
        Ok(Self {
            amqp: amqp.expect(required),
            database: database.expect(required),
            secrets: secrets.expect(required),
            http,
            sso,
            telemetry,
            retry,
            auto_pause,
            api,
            release,
            notify,
            retention,
            audit,
            limits,
            sender,
            egress,
            events,
            shutdown,
            log,
            effective,
        })
    }

    /// Suspicious settings, each as a sentence for the operator.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        self.effective.warnings()
    }

    /// The effective settings, as TOML with each value's origin, after a comment for each of [`Settings::warnings`].
    /// Secrets are hidden, and so are passwords in URLs.
    #[must_use]
    pub fn redacted(&self) -> String {
        self.effective.to_string()
    }
}

#[cfg(test)]
mod tests;
