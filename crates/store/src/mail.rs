//! Notifications to send by mail. One is claimed with a lease, so that no transaction is open while the mail server
//! responds; if a process dies, another one claims it later.
//!
//! A webhook has one mail an hour, and one when it is paused: the newest of its notifications, which counts the others.
//! An account has twenty an hour, and the account with the fewest is next.

use std::time::Duration;

use domain::NotificationKind;
use tokio_postgres::Row;

use crate::database::Database;
use crate::error::StoreError;
use crate::notifications::{Notification, notification};

/// A notification to send, claimed by this process.
pub struct Mail {
    /// The notification.
    pub notification: Notification,
    /// The current webhook; `None` when it is deleted.
    pub webhook: Option<MailedWebhook>,
    /// Numbers of earlier notifications of the webhook since its last mail, by kind.
    pub earlier: Vec<(NotificationKind, i64)>,
    /// Other webhooks of the account with notifications that were not mailed.
    pub others: i64,
    /// Attempts, this one included. Also identifies this claim.
    pub tries: u32,
}

/// The parts of a webhook that a mail shows.
pub struct MailedWebhook {
    /// Its name.
    pub name: String,
    /// Its whole URL, of which a mail may show the host only: receivers put keys into the rest.
    pub url: String,
    /// Its held deliveries.
    pub held: i64,
}

/// Older notifications are outdated, such as those from before mail was configured. The lease of two minutes is far
/// longer than an attempt.
const CLAIM: &str = "/* mail.claim */ WITH claimed AS (
        UPDATE notifications SET mail_next_at = now() + interval '2 minutes', mail_tries = mail_tries + 1
        WHERE id = (SELECT n.id FROM notifications n,
                LATERAL (SELECT count(*) AS mails FROM notifications m WHERE m.account = n.account AND m.mail_tries > 0
                    AND m.mailed_at > now() - interval '1 hour') AS lately
            WHERE n.mailed_at IS NULL AND n.kind = ANY ($1) AND n.mail_next_at <= now() AND n.created_at > now() - interval '24 hours'
                AND NOT n.superseded AND lately.mails < 20
                AND NOT EXISTS (SELECT FROM notifications newer WHERE newer.webhook_id = n.webhook_id
                    AND NOT newer.superseded AND (newer.created_at, newer.id) > (n.created_at, n.id))
                AND (n.kind = 'webhook.auto_paused' OR NOT EXISTS (SELECT FROM notifications mailed
                    WHERE mailed.webhook_id = n.webhook_id AND mailed.mailed_at > now() - interval '1 hour'))
            ORDER BY lately.mails, n.mail_next_at, n.id LIMIT 1 FOR UPDATE OF n SKIP LOCKED)
        RETURNING id, account, webhook_id, kind, message, created_at, read_at, mail_tries
    )
    SELECT claimed.*, w.name, w.url,
        (SELECT coalesce(sum(held), 0)::bigint FROM held_counts h WHERE h.webhook_id = claimed.webhook_id) AS held,
        (SELECT count(DISTINCT o.webhook_id) FROM notifications o WHERE o.account = claimed.account
            AND o.webhook_id <> claimed.webhook_id AND o.mailed_at IS NULL
            AND o.created_at > now() - interval '24 hours') AS others
    FROM claimed LEFT JOIN webhooks w ON w.id = claimed.webhook_id AND w.account = claimed.account";

const EARLIER: &str = "/* mail.earlier */ SELECT kind, count(*) AS times FROM notifications
    WHERE account = $1 AND webhook_id = $2 AND mailed_at IS NULL AND kind = ANY ($5) AND (created_at, id) < ($3, $4)
        AND created_at > now() - interval '24 hours'
    GROUP BY kind ORDER BY kind";

/// Together with those that it counted.
const DONE: &str = "/* mail.done */ WITH done AS (
        UPDATE notifications SET mailed_at = now() WHERE id = $1 AND mail_tries = $2
        RETURNING account, webhook_id, created_at, id
    )
    UPDATE notifications earlier SET mailed_at = now() FROM done
    WHERE earlier.account = done.account AND earlier.webhook_id = done.webhook_id AND earlier.mailed_at IS NULL
        AND (earlier.created_at, earlier.id) < (done.created_at, done.id)";

const LATER: &str = "/* mail.later */ UPDATE notifications SET mail_next_at = now() + make_interval(secs => $3)
    WHERE id = $1 AND mail_tries = $2";

impl Database {
    /// Claims a due notification of the last 24 hours; `None` when there is none.
    pub async fn claim_mail(&self) -> Result<Option<Mail>, StoreError> {
        let connection = self.connection().await?;
        let Some(row) = connection.query_opt(CLAIM, &[&NotificationKind::names()]).await? else {
            return Ok(None);
        };
        let claimed = notification(&row)?;
        let account = claimed.account.as_str();
        let webhook = claimed.webhook.0;
        let earlier = connection
            .query(
                EARLIER,
                &[
                    &account,
                    &webhook,
                    &claimed.created_at,
                    &claimed.id,
                    &NotificationKind::names(),
                ],
            )
            .await?;
        let earlier = earlier.iter().map(earlier_kind).collect::<Result<_, _>>()?;
        Ok(Some(mail(&row, claimed, earlier)))
    }

    /// Marks a claimed notification as mailed, or as given up.
    ///
    /// # Errors
    /// It is then claimed again.
    pub async fn mail_done(&self, mail: &Mail) -> Result<(), StoreError> {
        let claim = i32::try_from(mail.tries).unwrap_or(i32::MAX);
        self.connection()
            .await?
            .execute(DONE, &[&mail.notification.id, &claim])
            .await?;
        Ok(())
    }

    /// Makes a claimed notification due again after `pause`.
    ///
    /// # Errors
    /// It is then claimed again when its lease ends.
    pub async fn mail_later(&self, mail: &Mail, pause: Duration) -> Result<(), StoreError> {
        let claim = i32::try_from(mail.tries).unwrap_or(i32::MAX);
        self.connection()
            .await?
            .execute(LATER, &[&mail.notification.id, &claim, &pause.as_secs_f64()])
            .await?;
        Ok(())
    }
}

fn earlier_kind(row: &Row) -> Result<(NotificationKind, i64), StoreError> {
    let kind = row
        .get::<_, &str>("kind")
        .parse()
        .map_err(|_| StoreError::UnknownValue("kind"))?;
    Ok((kind, row.get("times")))
}

fn mail(row: &Row, notification: Notification, earlier: Vec<(NotificationKind, i64)>) -> Mail {
    let name: Option<String> = row.get("name");
    Mail {
        notification,
        webhook: name.map(|name| MailedWebhook {
            name,
            url: row.get("url"),
            held: row.get("held"),
        }),
        earlier,
        others: row.get("others"),
        tries: u32::try_from(row.get::<_, i32>("mail_tries")).unwrap_or_default(),
    }
}
