//! Sends notifications by mail. A task of its own: a mail server that is down, or hangs, delays nothing else.

mod letter;
mod schedule;
mod server;

use std::sync::Arc;
use std::time::Duration;

use runtime::Periodic;
use runtime::periodic::Next;
use settings::Settings;
use store::mail::Mail;
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::metrics::{FanoutMetrics, NotificationChannel, NotificationResult};
use letter::Letters;
use schedule::pause_before_next;
use server::{MailServer, Unsendable};

const MAILS: Periodic = Periodic {
    failure: "cannot read notifications to send by mail",
    every: Duration::from_secs(2),
    after_failure: Duration::from_secs(10),
};

/// Sends notifications by mail, one at a time.
pub struct Mailer {
    database: Database,
    letters: Letters,
    server: MailServer,
    metrics: Arc<FanoutMetrics>,
}

impl Mailer {
    /// A mailer as configured; `None` without a mail server.
    ///
    /// # Errors
    /// When an address or a certificate is invalid.
    pub fn from_settings(
        settings: &Settings,
        database: &Database,
        metrics: &Arc<FanoutMetrics>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(mail) = &settings.notify.mail else {
            return Ok(None);
        };
        Ok(Some(Self {
            database: database.clone(),
            letters: Letters::new(mail, &settings.http)?,
            server: MailServer::new(mail, &settings.egress)?,
            metrics: Arc::clone(metrics),
        }))
    }

    /// Runs until `stop`, in every process; each mail is sent by one of them.
    pub async fn run(self, stop: CancellationToken) {
        // A mail server that hangs does not delay the shutdown.
        stop.run_until_cancelled(MAILS.run(stop.clone(), || self.mail_one()))
            .await;
    }

    async fn mail_one(&self) -> Result<Next, StoreError> {
        let Some(mail) = self.database.claim_mail().await? else {
            return Ok(Next::Pause);
        };
        match self.send(&mail).await {
            Ok(()) => {
                self.count(NotificationResult::Sent);
                self.database.mail_done(&mail).await?;
            }
            Err(error) => {
                self.count(NotificationResult::Failed);
                self.put_off(&mail, &error).await?;
            }
        }
        Ok(Next::AtOnce)
    }

    async fn send(&self, mail: &Mail) -> Result<(), Unsendable> {
        self.server.send(self.letters.write(mail)?).await
    }

    async fn put_off(&self, mail: &Mail, error: &Unsendable) -> Result<(), StoreError> {
        let notification = mail.notification.id;
        let tries = mail.tries;
        let pause = pause_before_next(
            tries,
            self.database.clock().now().duration_since(mail.notification.created_at),
        );
        let given_up = pause.is_none();
        warn!(
            %notification,
            tries,
            given_up,
            error = error as &dyn std::error::Error,
            "cannot send a notification by mail"
        );
        match pause {
            Some(pause) => self.database.mail_later(mail, pause).await,
            None => self.database.mail_done(mail).await,
        }
    }

    fn count(&self, result: NotificationResult) {
        self.metrics
            .notifications
            .with((NotificationChannel::Mail, result))
            .inc();
    }
}

#[cfg(test)]
mod tests;
