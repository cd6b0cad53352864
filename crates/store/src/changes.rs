//! Telling processes that a webhook changed: LISTEN/NOTIFY, with a poll behind it for what notifications cannot reach
//! (a connection that died silently, a pooler in between).

use std::time::Duration;

use domain::{AccountName, WebhookId};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tracing::{info, warn};

use crate::database::Database;
use crate::error::StoreError;

/// How often the number of changes is compared with what was told. A change is found to be missing at the second look,
/// and must be seen within a second.
const POLL: Duration = Duration::from_millis(300);
/// A database that does not answer the poll by then is away.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);
/// Notifications read from the connection and not yet told. When nobody takes them they wait in the server, the poll
/// goes unanswered, and the connection is given up: everything is then read again.
const UNREAD: usize = 4096;
/// Pause before the next try to connect.
const RECONNECT: Duration = Duration::from_millis(500);

const CHANGE_NUMBER: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM webhook_change_number";

/// What a process has to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// One webhook was added, edited, paused, resumed or deleted.
    Webhook {
        /// Which.
        webhook: WebhookId,
        /// Tenant that owns it.
        account: AccountName,
    },
    /// Anything may have changed: listening began, or something was missed.
    Everything,
    /// Changes are not heard at present; what is cached cannot be trusted until `Everything` comes.
    Lost,
}

/// Listens for ever, and tells every change through `changes`. Ends when the receiver is dropped.
pub async fn listen(database: Database, changes: mpsc::Sender<Change>) {
    let mut first_failure = true;
    while !changes.is_closed() {
        match listen_once(&database, &changes, &mut first_failure).await {
            Ok(()) => return,
            Err(error) if first_failure => {
                first_failure = false;
                warn!(error = &error as &dyn std::error::Error, "changes of webhooks are not heard; trying again");
            }
            Err(_) => {}
        }
        if changes.send(Change::Lost).await.is_err() {
            return;
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Returns `Ok` when nobody receives any more.
async fn listen_once(
    database: &Database,
    changes: &mpsc::Sender<Change>,
    first_failure: &mut bool,
) -> Result<(), StoreError> {
    let (config, tls) = database.dedicated();
    let (client, mut connection) = config.connect(tls).await?;
    let (notify, mut notifications) = mpsc::channel(UNREAD);
    let driver = tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message
                && notify.send(notification.payload().to_owned()).await.is_err()
            {
                break;
            }
        }
    });
    let listened = follow(&client, &mut notifications, changes, first_failure).await;
    driver.abort();
    listened
}

async fn follow(
    client: &Client,
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
    info!("listening for changes of webhooks");
    let (mut behind, mut next_poll) = (false, Instant::now() + POLL);
    loop {
        let change = tokio::select! {
            () = changes.closed() => return Ok(()),
            notification = notifications.recv() => match notification {
                Some(payload) => told(&payload, &mut heard),
                None => return Err(StoreError::Unavailable("the listening connection was lost".into())),
            },
            () = tokio::time::sleep_until(next_poll) => {
                next_poll = Instant::now() + POLL;
                missed(change_number(client).await?, &mut heard, &mut behind)
            }
        };
        if let Some(change) = change
            && changes.send(change).await.is_err()
        {
            return Ok(());
        }
    }
}

async fn change_number(client: &Client) -> Result<i64, StoreError> {
    match timeout(POLL_TIMEOUT, client.query_one(CHANGE_NUMBER, &[])).await {
        Ok(row) => Ok(row?.get(0)),
        Err(elapsed) => Err(StoreError::Unavailable(Box::new(elapsed))),
    }
}

/// A notification says `<number> <webhook id> <account>`.
fn told(payload: &str, heard: &mut i64) -> Option<Change> {
    let mut words = payload.splitn(3, ' ');
    let number: i64 = words.next()?.parse().ok()?;
    let webhook = words.next()?.parse().ok()?;
    let account = words.next()?.parse().ok()?;
    *heard = (*heard).max(number);
    Some(Change::Webhook { webhook, account })
}

/// A number drawn but not told at two polls in a row belongs to a lost notification (or to a transaction that was
/// rolled back: then reading everything again is merely needless). One poll is not enough: the change may be about to
/// commit.
fn missed(drawn: i64, heard: &mut i64, behind: &mut bool) -> Option<Change> {
    let was_behind = std::mem::replace(behind, drawn > *heard);
    if !(was_behind && *behind) {
        return None;
    }
    (*heard, *behind) = (drawn, false);
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
        assert_eq!(told(&format!("7 {webhook} acme"), &mut heard), Some(Change::Webhook { webhook, account }));
        assert_eq!(heard, 7);
        assert_eq!(told("nonsense", &mut heard), None);
    }

    #[test]
    fn a_change_unheard_at_two_polls_was_missed() {
        let (mut heard, mut behind) = (3, false);
        assert_eq!(missed(3, &mut heard, &mut behind), None);
        assert_eq!(missed(4, &mut heard, &mut behind), None);
        heard = 4;
        assert_eq!(missed(4, &mut heard, &mut behind), None);
        assert_eq!(missed(6, &mut heard, &mut behind), None);
        assert_eq!(missed(6, &mut heard, &mut behind), Some(Change::Everything));
        assert_eq!(missed(6, &mut heard, &mut behind), None);
    }
}
