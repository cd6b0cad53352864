//! One tree of settings for both programs: defaults, then a TOML file, then the environment.
//!
//! Variables begin with `WEBHOOKS_` and nest by `__`, so that `WEBHOOKS_SENDER__CONCURRENCY` is `concurrency` in the
//! file's section `[sender]`. Unknown names are errors, an empty variable counts as unset, and every secret can come
//! from a file instead (`WEBHOOKS_DATABASE__URL_FILE`). Everything is checked before anything is started, and all
//! mistakes are reported together. `deploy/config.example.toml` shows every key with its default.

mod amqp;
mod api;
mod audit;
mod auto_pause;
mod connection_url;
mod database;
mod database_url;
mod duration;
mod effective;
mod egress;
mod encryption_key;
mod error;
mod events;
mod given;
mod http;
mod limits;
mod log;
mod notify;
mod parse;
mod reader;
mod release;
mod retention;
mod retry;
mod rotated_url;
mod secrets;
mod sender;
mod shutdown;
mod source;
mod sso;
mod telemetry;
mod unknown;
mod warnings;

use std::path::Path;

pub use amqp::AmqpSettings;
pub use api::ApiSettings;
pub use audit::AuditSettings;
pub use connection_url::ConnectionUrl;
pub use database::{DatabaseRootsError, DatabaseSettings};
pub use database_url::{DatabaseUrl, InvalidDatabaseUrl, Verification};
pub use egress::{EgressSettings, ProxyAddress, RootsError};
pub use encryption_key::EncryptionKey;
pub use error::{Problem, SettingsError};
pub use events::EventsSettings;
pub use http::{BasePath, HttpSettings, Origin};
pub use limits::LimitsSettings;
pub use log::{LogFormat, LogSettings};
pub use notify::{MailSettings, NotifySettings, SmtpCredentials, SmtpServer, SmtpTls};
pub use release::ReleaseSettings;
pub use retention::RetentionSettings;
pub use rotated_url::RotatedUrl;
pub use secrets::SecretsSettings;
pub use sender::SenderSettings;
pub use shutdown::ShutdownSettings;
pub use sso::SsoSettings;
pub use telemetry::TelemetrySettings;

use crate::Program;
use effective::Effective;
use reader::Reader;

/// Every setting, checked. A program ignores the parts that are not its own.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker.
    pub amqp: AmqpSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// The keys that encrypt webhook secrets at rest.
    pub secrets: SecretsSettings,
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
    pub fn load(program: Program, config_file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::load_from(program, config_file, source::process_environment()?)
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
        let amqp = AmqpSettings::read(&mut reader);
        let database = DatabaseSettings::read(&mut reader);
        let secrets = SecretsSettings::read(&mut reader);
        let http = HttpSettings::read(&mut reader);
        let sso = SsoSettings::read(&mut reader);
        let telemetry = TelemetrySettings::read(&mut reader, program);
        let retry = retry::read(&mut reader);
        let auto_pause = auto_pause::read(&mut reader);
        let api = ApiSettings::read(&mut reader);
        let release = ReleaseSettings::read(&mut reader);
        let notify = NotifySettings::read(&mut reader, &http.public_url);
        let retention = RetentionSettings::read(&mut reader);
        let audit = AuditSettings::read(&mut reader);
        let limits = LimitsSettings::read(&mut reader);
        let sender = SenderSettings::read(&mut reader);
        let egress = EgressSettings::read(&mut reader);
        let events = EventsSettings::read(&mut reader);
        let shutdown = ShutdownSettings::read(&mut reader);
        let log = LogSettings::read(&mut reader);
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
