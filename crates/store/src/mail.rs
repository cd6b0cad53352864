//! Notifications to be mailed. One is claimed for a while, so that no transaction is open while a mail server answers;
//! a process that dies meanwhile leaves it to the next.

use std::time::Duration;

use tokio_postgres::Row;

use crate::database::Database;
use crate::error::StoreError;
use crate::notifications::{Notification, notification};

/// A notification to be mailed, claimed by this process.
pub struct Mail {
    /// What is told.
    pub notification: Notification,
    /// The webhook as it is now; `None` when it is gone.
    pub webhook: Option<MailedWebhook>,
    /// Tries, this one included. Also what tells this claim from a later one.
    pub tries: u32,
}

/// What a mail tells of a webhook.
pub struct MailedWebhook {
    /// Its name.
    pub name: String,
    /// Its whole URL, of which a mail may show the host only: receivers put keys into the rest.
    pub url: String,
    /// Deliveries held for it.
    pub held: i64,
}

/// What is older tells nobody anything new, such as all that happened before mail was configured. The lease of two
/// minutes is far longer than a try.
const CLAIM: &str = "WITH claimed AS (
        UPDATE notifications SET mail_next_at = now() + interval '2 minutes', mail_tries = mail_tries + 1
        WHERE id = (SELECT id FROM notifications
            WHERE mailed_at IS NULL AND mail_next_at <= now() AND created_at > now() - interval '24 hours'
            ORDER BY mail_next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, account, webhook_id, kind, message, created_at, read_at, mail_tries
    )
    SELECT claimed.*, w.name, w.url,
        (SELECT coalesce(sum(held), 0)::bigint FROM held_counts h WHERE h.webhook_id = claimed.webhook_id) AS held
    FROM claimed LEFT JOIN webhooks w ON w.id = claimed.webhook_id AND w.account = claimed.account";

const DONE: &str = "UPDATE notifications SET mailed_at = now() WHERE id = $1 AND mail_tries = $2";

const LATER: &str = "UPDATE notifications SET mail_next_at = now() + make_interval(secs => $3)
    WHERE id = $1 AND mail_tries = $2";

impl Database {
    /// Claims a notification of the last 24 hours that is to be mailed now; `None` when there is none.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn claim_mail(&self) -> Result<Option<Mail>, StoreError> {
        self.connection().await?.query_opt(CLAIM, &[]).await?.as_ref().map(mail).transpose()
    }

    /// Writes down that a claimed notification was mailed, or never will be.
    ///
    /// # Errors
    /// When the database is away or refuses; it is then claimed again.
    pub async fn mail_done(&self, mail: &Mail) -> Result<(), StoreError> {
        let claim = i32::try_from(mail.tries).unwrap_or(i32::MAX);
        self.connection().await?.execute(DONE, &[&mail.notification.id, &claim]).await?;
        Ok(())
    }

    /// Has a claimed notification claimed again after `pause`.
    ///
    /// # Errors
    /// When the database is away or refuses; it is then claimed again when its lease ends.
    pub async fn mail_later(&self, mail: &Mail, pause: Duration) -> Result<(), StoreError> {
        let claim = i32::try_from(mail.tries).unwrap_or(i32::MAX);
        self.connection().await?.execute(LATER, &[&mail.notification.id, &claim, &pause.as_secs_f64()]).await?;
        Ok(())
    }
}

fn mail(row: &Row) -> Result<Mail, StoreError> {
    let name: Option<String> = row.get("name");
    Ok(Mail {
        notification: notification(row)?,
        webhook: name.map(|name| MailedWebhook { name, url: row.get("url"), held: row.get("held") }),
        tries: u32::try_from(row.get::<_, i32>("mail_tries")).unwrap_or_default(),
    })
}
