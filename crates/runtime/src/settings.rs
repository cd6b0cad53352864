//! One tree of settings for both programs: defaults, then a TOML file, then the environment.
//!
//! Variables begin with `WEBHOOKS_` and nest by `__`, so that `WEBHOOKS_SENDER__CONCURRENCY` is `concurrency` in the
//! file's section `[sender]`. Unknown names are errors, an empty variable counts as unset, and every secret can come
//! from a file instead (`WEBHOOKS_DATABASE__URL_FILE`). Everything is checked before anything is started, and all
//! mistakes are reported together. `deploy/config.example.toml` shows every key with its default.

mod amqp;
mod api;
mod auto_pause;
mod connection_url;
mod database;
mod duration;
mod effective;
mod egress;
mod encryption_key;
mod error;
mod events;
mod given;
mod http;
mod log;
mod notify;
mod parse;
mod reader;
mod release;
mod retention;
mod retry;
mod secrets;
mod sender;
mod shutdown;
mod source;
mod sso;
mod telemetry;
mod unknown;

use std::path::Path;

pub use amqp::AmqpSettings;
pub use api::ApiSettings;
pub use connection_url::ConnectionUrl;
pub use database::DatabaseSettings;
pub use egress::{EgressSettings, ProxyAddress, RootsError};
pub use encryption_key::EncryptionKey;
pub use error::{Problem, SettingsError};
pub use events::EventsSettings;
pub use http::{BasePath, HttpSettings, Origin};
pub use log::{LogFormat, LogSettings};
pub use notify::{MailSettings, NotifySettings, SmtpCredentials, SmtpServer, SmtpTls};
pub use release::ReleaseSettings;
pub use retention::RetentionSettings;
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
    /// Who may vouch for people at the console.
    pub sso: SsoSettings,
    /// Metrics and health.
    pub telemetry: TelemetrySettings,
    /// The ladder of retries, and which outcomes are retried.
    pub retry: domain::RetryPolicy,
    /// When a failing webhook is paused.
    pub auto_pause: domain::AutoPause,
    /// How often the admin API answers.
    pub api: ApiSettings,
    /// How fast a resumed webhook gets what was held.
    pub release: ReleaseSettings,
    /// How administrators are told, beside the broker and the console.
    pub notify: NotifySettings,
    /// How long the delivery log is kept.
    pub retention: RetentionSettings,
    /// How many requests a sender has in flight.
    pub sender: SenderSettings,
    /// How customers' addresses are dialled, and which may be.
    pub egress: EgressSettings,
    /// What is accepted from CRM services.
    pub events: EventsSettings,
    /// How long an orderly end may take.
    pub shutdown: ShutdownSettings,
    /// How log lines look, and which are written.
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
        let sender = SenderSettings::read(&mut reader);
        let egress = EgressSettings::read(&mut reader);
        let events = EventsSettings::read(&mut reader);
        let shutdown = ShutdownSettings::read(&mut reader);
        let log = LogSettings::read(&mut reader);
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
            sender,
            egress,
            events,
            shutdown,
            log,
            effective,
        })
    }

    /// What is in force, as TOML with each value's origin beside it. Secrets are hidden, and so are passwords in URLs.
    #[must_use]
    pub fn redacted(&self) -> String {
        self.effective.to_string()
    }
}

#[cfg(test)]
mod tests;
