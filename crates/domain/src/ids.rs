//! Identifiers: an account (tenant), a webhook, a delivery. The same bytes in another role are another type.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Why a text is not an id. The text itself is not repeated: it may be hostile or long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a hyphenated UUID.
    #[error("a webhook id is a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
    Webhook,
    /// Not `msg_` and 32 lower-case hexadecimal digits.
    #[error("a delivery id is msg_ followed by 32 lower-case hexadecimal digits")]
    Delivery,
    /// Not 1–128 visible ASCII characters.
    #[error("an account name has 1 to 128 visible ASCII characters")]
    Account,
}

/// A webhook: an endpoint of an account, with its subscriptions. Text form: a hyphenated UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct WebhookId(pub Uuid);

impl WebhookId {
    /// A new id, UUID version 7 (RFC 9562 §5.7): ordered by creation time, which keeps database indexes compact.
    /// Reads the system's clock and random number generator.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for WebhookId {
    type Err = IdError;

    /// Accepts the hyphenated form only (either case), not the braced, URN or unhyphenated ones.
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(IdError::Webhook);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| IdError::Webhook)
    }
}

/// Length in bytes of a [`DeliveryId`].
const DELIVERY_ID_BYTES: usize = 16;

/// Text before the hexadecimal digits of a [`DeliveryId`].
const DELIVERY_ID_PREFIX: &str = "msg_";

/// Separates delivery ids from every other use of SHA-256; a change of the derivation must change it.
const DELIVERY_ID_DOMAIN: &[u8] = b"easycrm-webhooks/delivery-id/v1";

/// A delivery: one event to one webhook, the same on every attempt. Sent as the `webhook-id` header.
/// Text form: `msg_` and 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId([u8; DELIVERY_ID_BYTES]);

impl DeliveryId {
    /// The id of the delivery of an event to a webhook: a pure function of these four, so that an event published or
    /// processed twice gives the same id here and at the receiver.
    ///
    /// The first 16 bytes of SHA-256 over a domain tag and the fields, each preceded by its length: no two different
    /// tuples give the same input.
    pub fn derive(account: &AccountName, source: &str, event_id: &str, webhook: WebhookId) -> Self {
        let mut hash = Sha256::new();
        hash.update(DELIVERY_ID_DOMAIN);
        for field in [
            account.as_str().as_bytes(),
            source.as_bytes(),
            event_id.as_bytes(),
            webhook.0.as_bytes(),
        ] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        let mut bytes = [0; DELIVERY_ID_BYTES];
        bytes.copy_from_slice(&hash.finalize()[..DELIVERY_ID_BYTES]);
        Self(bytes)
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; DELIVERY_ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// The id's bytes, as they stand in messages.
    pub const fn as_bytes(&self) -> &[u8; DELIVERY_ID_BYTES] {
        &self.0
    }

    /// The same bytes in the database's type. Not a UUID of any version.
    pub const fn as_uuid(&self) -> Uuid {
        Uuid::from_bytes(self.0)
    }
}

impl From<Uuid> for DeliveryId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.into_bytes())
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DELIVERY_ID_PREFIX}{}", self.as_uuid().as_simple())
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeliveryId({self})")
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for DeliveryId {
    type Err = IdError;

    /// The exact inverse of `Display`: one spelling for each id.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix(DELIVERY_ID_PREFIX).ok_or(IdError::Delivery)?;
        let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 2 * DELIVERY_ID_BYTES || !digits.bytes().all(lower_hex) {
            return Err(IdError::Delivery);
        }
        Uuid::try_parse(digits).map(Self::from).map_err(|_| IdError::Delivery)
    }
}

/// The longest account name, in bytes.
const ACCOUNT_NAME_MAX: usize = 128;

/// An account: the tenant that owns webhooks and events. 1–128 visible ASCII characters (no space). Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Checks a text that names an account.
    ///
    /// # Errors
    /// [`IdError::Account`] unless it has 1–128 characters, all visible ASCII.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let in_range = (1..=ACCOUNT_NAME_MAX).contains(&text.len());
        if in_range && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(IdError::Account)
        }
    }

    /// `default`: the account of an event without one.
    pub fn default_account() -> Self {
        Self(Arc::from("default"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for AccountName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromStr for AccountName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl Borrow<str> for AccountName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests;
