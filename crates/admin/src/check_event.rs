//! Checks an event before the CRM publishes it. Nothing is published and nothing is stored.

use std::cell::LazyCell;

use domain::verdict::{self, Outlook};
use domain::{AccountName, EventData, EventType, Judgement, WebhookId};
use store::Database;
use strum::VariantArray;
use wire::cloud_event::{self, EventMessage};
use wire::event_body::event_body;
use wire::{CrmEvent, Rejection, RejectionReason};

use crate::error::AdminError;
use crate::service::Admin;

/// The result of the check of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedEvent {
    /// It would be delivered to the webhooks that subscribe to it.
    Accepted(AcceptedEvent),
    /// No webhook would get it.
    Refused {
        /// Why.
        reason: CheckRefusal,
        /// A sentence for people.
        detail: String,
    },
}

/// An event that would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedEvent {
    /// Its type.
    pub event_type: EventType,
    /// Its CloudEvents id.
    pub event_id: String,
    /// The account that it belongs to.
    pub account: AccountName,
    /// Every webhook of the account, those that would get it first.
    pub webhooks: Vec<CheckedWebhook>,
    /// The exact body that they would get. Without a `time` in the event, its `timestamp` is the present.
    pub body: String,
}

/// Whether a webhook would get an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedWebhook {
    /// The webhook.
    pub id: WebhookId,
    /// Its name.
    pub name: String,
    /// Whether it would get the event, and why.
    pub outlook: Outlook,
}

/// Why no webhook would get an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckRefusal {
    /// It would be moved to the rejected queue.
    Rejected(RejectionReason),
    /// The catalogue does not have its type: it would be counted and dropped.
    UnknownType,
    /// It is an event of another account, whether that exists or not.
    OtherAccount,
}

impl CheckRefusal {
    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let rejected = RejectionReason::VARIANTS.iter().copied().map(Self::Rejected);
        rejected.chain([Self::UnknownType, Self::OtherAccount]).map(Self::name)
    }

    /// Its name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rejected(reason) => reason.into(),
            Self::UnknownType => "unknown_type",
            Self::OtherAccount => "other_account",
        }
    }
}

impl CheckedEvent {
    /// The result in a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Refused { detail, .. } => detail.clone(),
            Self::Accepted(event) => {
                let receivers = event.webhooks.iter().filter(|webhook| webhook.outlook.would_get);
                let of = event.webhooks.len();
                format!("Accepted; {} of {of} webhooks would get it", receivers.count())
            }
        }
    }
}

impl Admin {
    /// Decodes a message as `fanout` does and matches it with the account's webhooks.
    ///
    /// # Errors
    /// [`AdminError::Store`].
    pub async fn check_event(&self, account: &AccountName, message: &[u8]) -> Result<CheckedEvent, AdminError> {
        check_event(&self.database, self.largest_event, Some(account), message).await
    }
}

/// Like [`Admin::check_event`], without the other parts of [`Admin`]; `account` is the only one whose events are accepted, `None` for
/// all.
///
/// # Errors
/// [`AdminError::Store`].
pub async fn check_event(
    database: &Database,
    largest_event: usize,
    account: Option<&AccountName>,
    message: &[u8],
) -> Result<CheckedEvent, AdminError> {
    let event = match cloud_event::decode_within(largest_event, &EventMessage::structured(message)) {
        Ok(event) => event,
        Err(rejection) => return Ok(rejection.into()),
    };
    let event_type = match known_type(&event, account) {
        Ok(event_type) => event_type,
        Err(refused) => return Ok(refused),
    };
    let webhooks = database.webhook_outlines(&event.account).await?;
    let data = LazyCell::new(|| EventData::parse(&event.data));
    let mut webhooks: Vec<_> = webhooks
        .into_iter()
        .map(|webhook| {
            let conditions = if webhook.conditions.is_empty() {
                Judgement::Holds
            } else {
                webhook.conditions.judge(&data, event.actor.as_deref())
            };
            let outlook = verdict::outlook(event_type, &webhook.facts, conditions);
            CheckedWebhook {
                id: webhook.id,
                name: webhook.name,
                outlook,
            }
        })
        .collect();
    webhooks.sort_by_key(|webhook| !webhook.outlook.would_get);
    let body = event_body(&event, database.clock().now());
    Ok(CheckedEvent::Accepted(AcceptedEvent {
        event_type,
        event_id: event.id.into_owned(),
        account: event.account,
        webhooks,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}

/// The account comes first: nothing is said about an event of another one.
fn known_type(event: &CrmEvent<'_>, account: Option<&AccountName>) -> Result<EventType, CheckedEvent> {
    let refused = |reason, detail: &str| CheckedEvent::Refused {
        reason,
        detail: detail.to_owned(),
    };
    if let Some(account) = account.filter(|account| **account != event.account) {
        let detail = format!("Attribute `account` must be `{account}`, which is yours; without one it is `default`");
        return Err(refused(CheckRefusal::OtherAccount, &detail));
    }
    EventType::parse(&event.event_type).ok_or_else(|| {
        let detail = "The catalogue does not have the event's type: the event would be counted, and sent to nobody";
        refused(CheckRefusal::UnknownType, detail)
    })
}

impl From<Rejection> for CheckedEvent {
    fn from(rejection: Rejection) -> Self {
        Self::Refused {
            reason: CheckRefusal::Rejected(rejection.reason),
            detail: rejection.detail,
        }
    }
}
