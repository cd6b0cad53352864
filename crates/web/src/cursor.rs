//! Keyset pagination with an opaque cursor, which names the last entry that the client has seen.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use store::audit::AuditEntry;
use store::delivery_log::Delivery;
use store::notifications::Notification;
use store::tokens::Token;
use store::webhooks::Webhook;
use uuid::Uuid;

const POSITION_BYTES: usize = 8 + 16;
const CHECK_BYTES: usize = 8;

/// A place in a list that is ordered by time and id, the time in microseconds as the database keeps it.
///
/// The text carries a checksum over the place and the list, so that one that was altered, or belongs to another list,
/// is noticed. It is no protection and needs none: whoever forges a cursor merely picks another place in a list that
/// the token may read anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the entry was created.
    pub at: Timestamp,
    /// The entry.
    pub id: Uuid,
}

impl From<&Webhook> for Cursor {
    fn from(webhook: &Webhook) -> Self {
        Self {
            at: webhook.created_at,
            id: webhook.id.0,
        }
    }
}

impl From<&Delivery> for Cursor {
    fn from(delivery: &Delivery) -> Self {
        Self {
            at: delivery.created_at,
            id: delivery.id.as_uuid(),
        }
    }
}

impl From<&Notification> for Cursor {
    fn from(notification: &Notification) -> Self {
        Self {
            at: notification.created_at,
            id: notification.id,
        }
    }
}

impl From<&Token> for Cursor {
    fn from(token: &Token) -> Self {
        Self {
            at: token.created_at,
            id: token.id,
        }
    }
}

impl From<&AuditEntry> for Cursor {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            at: entry.at,
            id: entry.id,
        }
    }
}

impl Cursor {
    /// Time and id, by which the database continues the list.
    pub fn key(self) -> (Timestamp, Uuid) {
        (self.at, self.id)
    }

    /// The text for a client. `list` names the list among all lists.
    pub fn encode(&self, list: &str) -> String {
        let position = [&self.at.as_microsecond().to_be_bytes()[..], self.id.as_bytes()].concat();
        let check = checksum(list, &position);
        URL_SAFE_NO_PAD.encode([&position[..], &check].concat())
    }

    /// The place that a text of the same list names; `None` for any text that [`Cursor::encode`] did not make.
    pub fn decode(list: &str, text: &str) -> Option<Self> {
        let bytes: [u8; POSITION_BYTES + CHECK_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (position, check) = bytes.split_at(POSITION_BYTES);
        if check != checksum(list, position) {
            return None;
        }
        let (at, id) = position.split_at(8);
        let at = Timestamp::from_microsecond(i64::from_be_bytes(at.try_into().ok()?)).ok()?;
        Some(Self {
            at,
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

fn checksum(list: &str, position: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new()
        .chain_update(list)
        .chain_update([0])
        .chain_update(position)
        .finalize();
    *hash.first_chunk().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor {
            at: Timestamp::from_microsecond(1_795_413_600_123_456).unwrap(),
            id: Uuid::from_u128(77),
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let text = cursor().encode("webhooks of acme");
        assert_eq!(Cursor::decode("webhooks of acme", &text), Some(cursor()));
    }

    #[test]
    fn a_cursor_of_another_list_or_an_altered_one_is_refused() {
        let text = cursor().encode("webhooks of acme");
        assert_eq!(Cursor::decode("webhooks of globex", &text), None);
        for place in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                Cursor::decode("webhooks of acme", std::str::from_utf8(&altered).unwrap()),
                None
            );
        }
        for other in ["", "AAAA", "%%%", &format!("{text}=")] {
            assert_eq!(Cursor::decode("webhooks of acme", other), None);
        }
    }
}
