//! Webhooks, for administrators, senders and fanout's subscription index.

mod auto_paused;
mod deleted;
mod headers;
mod manage;
mod outline;
mod pause;
mod read;
mod search;
mod secret;

pub use auto_paused::{AutoPaused, AutoPausedWebhook};
pub use deleted::DeletedWebhook;
pub use manage::{Creation, Edit, EditOutcome, NewWebhook};
pub use outline::WebhookOutline;
pub use read::{StatusCounts, StoredEndpoint, Subscription};
pub use search::WebhookFilter;

use domain::{AccountName, Conditions, EventType, EventTypeSet, PausedReason, WebhookHealth, WebhookId, WebhookStatus};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::error::StoreError;

/// A webhook as its administrator sees it. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Tenant that owns it.
    pub account: AccountName,
    /// Its name.
    pub name: String,
    /// Normalised endpoint URL.
    pub url: String,
    /// What it is for, in an administrator's words; may be empty.
    pub description: String,
    /// Its subscriptions.
    pub event_types: EventTypeSet,
    /// All of which must hold for an event.
    pub conditions: Conditions,
    /// Deliveries a second at most.
    pub max_per_second: Option<i32>,
    /// Names of its request headers.
    pub header_names: Vec<String>,
    /// Pause and failures, the source of its status.
    pub health: WebhookHealth,
    /// When it was paused.
    pub paused_at: Option<Timestamp>,
    /// Held deliveries: until it is resumed, or since then not yet released.
    pub held: i64,
    /// When the event of the oldest held delivery was accepted.
    pub oldest_held_at: Option<Timestamp>,
    /// Number of edits.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

impl Webhook {
    /// Active, paused or in error.
    pub fn status(&self) -> WebhookStatus {
        self.health.status()
    }
}

/// The columns that [`webhook`] reads, of a row of `webhooks` named `w`.
const COLUMNS: &str = "w.id, w.account, w.name, w.url, w.description, w.max_per_second, w.event_types,
    w.conditions::text AS conditions, w.paused_reason, w.paused_at,
    w.consecutive_failures, w.failed_attempts, w.version, w.created_at, w.updated_at,
    coalesce((SELECT h.names FROM webhook_headers h WHERE h.webhook_id = w.id), '{}') AS header_names,
    (SELECT coalesce(sum(c.held), 0)::bigint FROM held_counts c WHERE c.webhook_id = w.id) AS held,
    (SELECT d.created_at FROM waiting_deliveries d WHERE d.webhook_id = w.id AND d.held
     ORDER BY d.created_at, d.delivery_id LIMIT 1) AS oldest_held_at";

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: WebhookId(row.get("id")),
        account: row
            .get::<_, &str>("account")
            .parse()
            .map_err(|_| StoreError::UnknownValue("account"))?,
        name: row.get("name"),
        url: row.get("url"),
        description: row.get("description"),
        event_types: event_types(&row.get::<_, Vec<&str>>("event_types")),
        conditions: Conditions::from_json(row.get("conditions")),
        max_per_second: row.get("max_per_second"),
        header_names: row.get("header_names"),
        health: health_of(row)?,
        paused_at: row.get("paused_at"),
        held: row.get("held"),
        oldest_held_at: row.get("oldest_held_at"),
        version: row.get("version"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
    })
}

/// Reads the three columns of a webhook's health.
pub(crate) fn health_of(row: &Row) -> Result<WebhookHealth, StoreError> {
    let paused: Option<&str> = row.get("paused_reason");
    let paused = paused
        .map(str::parse::<PausedReason>)
        .transpose()
        .map_err(|_| StoreError::UnknownValue("paused_reason"))?;
    let count = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
    let consecutive_failures = count("consecutive_failures");
    let failed_attempts = count("failed_attempts");
    Ok(WebhookHealth {
        consecutive_failures,
        failed_attempts,
        paused,
    })
}

/// Unknown names are ignored: a newer process may have stored them.
fn event_types(names: &[&str]) -> EventTypeSet {
    if names.contains(&EventTypeSet::EVERY_NAME) {
        return EventTypeSet::EVERY;
    }
    names.iter().filter_map(|name| EventType::parse(name)).collect()
}

/// The names to store. Beside `*` stand the names of all types there are: a release that does not know `*` ignores it, and
/// so misses none of these.
pub(crate) fn names(event_types: EventTypeSet) -> Vec<&'static str> {
    let every = event_types.is_every().then_some(EventTypeSet::EVERY_NAME);
    every
        .into_iter()
        .chain(event_types.iter().map(EventType::name))
        .collect()
}
