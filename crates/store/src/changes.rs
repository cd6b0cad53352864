//! Notifies processes of changed webhooks: LISTEN/NOTIFY, with a poll as fallback for lost notifications (a connection
//! that died silently, a pooler in between).

use std::time::Duration;

use domain::{AccountName, WebhookId};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;

/// Interval at which the number of changes is compared with the received notifications. A lost one is detected at the
/// second poll, and a change must be seen within a second.
const POLL: Duration = Duration::from_millis(300);
/// A database that does not respond to the poll within this time is unavailable.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);
/// Buffer of received notifications. If it is full they wait in the server, the poll times out, and the connection is
/// closed: everything is then read again.
const UNREAD: usize = 4096;
/// Pause before a reconnect.
const RECONNECT: Duration = Duration::from_millis(500);

const CHANGE_NUMBER: &str = "/* changes.change_number */
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM webhook_change_number";

/// What a process has to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// One webhook was created, edited, paused, resumed or deleted.
    Webhook {
        /// Its id.
        webhook: WebhookId,
        /// Tenant that owns it.
        account: AccountName,
    },
    /// Anything may have changed: listening began, or a notification was lost.
    Everything,
    /// Notifications do not arrive at present; caches cannot be trusted until `Everything`.
    Lost,
}

/// Changes that wait to be applied; further ones wait in the database.
pub const CHANGES: usize = 1024;

/// Follows the changes in the background until `stop`: `apply` makes the task that gets them.
pub fn follow_changes<F>(database: Database, stop: CancellationToken, apply: impl FnOnce(mpsc::Receiver<Change>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, changes) = mpsc::channel(CHANGES);
    tokio::spawn(listen(database, sender));
    let applied = apply(changes);
    tokio::spawn(async move { stop.run_until_cancelled(applied).await });
}

/// Listens without end, and sends every change to `changes`. Ends when the receiver is dropped.
pub async fn listen(database: Database, changes: mpsc::Sender<Change>) {
    let mut first_failure = true;
    while !changes.is_closed() {
        match listen_once(&database, &changes, &mut first_failure).await {
            Ok(()) => return,
            Err(error) if first_failure => {
                first_failure = false;
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot listen for webhook changes (LISTEN); retrying"
                );
            }
            Err(_) => {}
        }
        if changes.send(Change::Lost).await.is_err() {
            return;
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Returns `Ok` when the receiver was dropped.
async fn listen_once(
    database: &Database,
    changes: &mpsc::Sender<Change>,
    first_failure: &mut bool,
) -> Result<(), StoreError> {
    let (notify, mut notifications) = mpsc::channel(UNREAD);
    let connection = database.listening_connection(notify).await?;
    follow(&connection, &mut notifications, changes, first_failure).await
}

async fn follow(
    client: &Connection,
    notifications: &mut mpsc::Receiver<String>,
    changes: &mpsc::Sender<Change>,
    first_failure: &mut bool,
) -> Result<(), StoreError> {
    client.batch_execute("LISTEN webhook_changes").await?;
    let mut heard = change_number(client).await?;
    if changes.send(Change::Everything).await.is_err() {
        return Ok(());
    }
    *first_failure = true;
    info!("listening for webhook changes (LISTEN)");
    let mut drawn = heard;
    let mut next_poll = Instant::now() + POLL;
    loop {
        let change = tokio::select! {
            () = changes.closed() => return Ok(()),
            notification = notifications.recv() => match notification {
                Some(payload) => parse_notification(&payload, &mut heard),
                None => return Err(StoreError::Unavailable("the listening connection was lost".into())),
            },
            () = tokio::time::sleep_until(next_poll) => {
                next_poll = Instant::now() + POLL;
                lost_notification(change_number(client).await?, &mut heard, &mut drawn)
            }
        };
        if let Some(change) = change
            && changes.send(change).await.is_err()
        {
            return Ok(());
        }
    }
}

async fn change_number(client: &Connection) -> Result<i64, StoreError> {
    match timeout(POLL_TIMEOUT, client.query_one(CHANGE_NUMBER, &[])).await {
        Ok(row) => Ok(row?.get(0)),
        Err(elapsed) => Err(StoreError::Unavailable(Box::new(elapsed))),
    }
}

/// Parses a NOTIFY payload: `<number> <webhook id> <account>`.
fn parse_notification(payload: &str, heard: &mut i64) -> Option<Change> {
    let mut words = payload.splitn(3, ' ');
    let number: i64 = words.next()?.parse().ok()?;
    let webhook = words.next()?.parse().ok()?;
    let account = words.next()?.parse().ok()?;
    *heard = (*heard).max(number);
    Some(Change::Webhook { webhook, account })
}

/// If the sequence is ahead of the last NOTIFY on two consecutive polls, a notification was lost (or its transaction
/// rolled back, and reading everything is merely superfluous). Numbers drawn since the last poll may be about to be
/// committed.
fn lost_notification(drawn: i64, heard: &mut i64, drawn_before: &mut i64) -> Option<Change> {
    let due = std::mem::replace(drawn_before, drawn);
    if *heard >= due {
        return None;
    }
    *heard = drawn;
    Some(Change::Everything)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_its_webhook() {
        let mut heard = 3;
        let webhook: WebhookId = "0199aaaa-0000-7000-8000-000000000001".parse().unwrap();
        let account: AccountName = "acme".parse().unwrap();
        assert_eq!(
            parse_notification(&format!("7 {webhook} acme"), &mut heard),
            Some(Change::Webhook { webhook, account })
        );
        assert_eq!(heard, 7);
        assert_eq!(parse_notification("nonsense", &mut heard), None);
    }

    #[test]
    fn a_change_unheard_at_two_polls_was_missed() {
        let mut heard = 3;
        let mut drawn = 3;
        assert_eq!(lost_notification(3, &mut heard, &mut drawn), None);
        assert_eq!(lost_notification(4, &mut heard, &mut drawn), None);
        heard = 4;
        assert_eq!(lost_notification(4, &mut heard, &mut drawn), None);
        assert_eq!(lost_notification(6, &mut heard, &mut drawn), None);
        assert_eq!(lost_notification(6, &mut heard, &mut drawn), Some(Change::Everything));
        assert_eq!(lost_notification(6, &mut heard, &mut drawn), None);
    }

    #[test]
    fn changes_that_never_cease_are_not_missed() {
        let mut heard = 0;
        let mut drawn = 0;
        for poll in 1..100 {
            // Thirty between two polls, of which the last two have not been notified yet.
            heard = heard.max(30 * poll - 2);
            assert_eq!(lost_notification(30 * poll, &mut heard, &mut drawn), None);
        }
    }
}
