//! Pages of lists: keyset paging with an opaque cursor, which names the last entry that the client has seen.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::problem::Problem;

const POSITION_BYTES: usize = 8 + 16;
const CHECK_BYTES: usize = 8;

/// A page as it is sent.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of `rows`, of which one more was read to know whether there is a next page.
    pub(crate) fn new<R>(
        mut rows: Vec<R>,
        limit: i64,
        cursor: impl FnOnce(&R) -> String,
        entry: impl FnMut(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(cursor);
        Self { data: rows.into_iter().map(entry).collect(), next_cursor }
    }
}

/// A place in a list that is ordered by time and id, the time in microseconds as the database keeps it.
///
/// The text carries a checksum over the place and the list, so that one that was altered, or belongs to another list,
/// is noticed. It is no protection and needs none: whoever forges a cursor merely picks another place in a list that
/// the token may read anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// When the entry was created.
    pub(crate) at: Timestamp,
    /// The entry.
    pub(crate) id: Uuid,
}

impl Cursor {
    /// The text for a client. `list` names the list among all lists.
    pub(crate) fn encode(&self, list: &str) -> String {
        let position = [&self.at.as_microsecond().to_be_bytes()[..], self.id.as_bytes()].concat();
        let check = checksum(list, &position);
        URL_SAFE_NO_PAD.encode([&position[..], &check].concat())
    }

    /// The place that a text of the same list names.
    ///
    /// # Errors
    /// 400 for any text that [`Cursor::encode`] did not give out.
    pub(crate) fn decode(list: &str, text: &str) -> Result<Self, Problem> {
        Self::read(list, text).ok_or_else(Problem::invalid_cursor)
    }

    fn read(list: &str, text: &str) -> Option<Self> {
        let bytes: [u8; POSITION_BYTES + CHECK_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (position, check) = bytes.split_at(POSITION_BYTES);
        if check != checksum(list, position) {
            return None;
        }
        let (at, id) = position.split_at(8);
        let at = Timestamp::from_microsecond(i64::from_be_bytes(at.try_into().ok()?)).ok()?;
        Some(Self { at, id: Uuid::from_slice(id).ok()? })
    }
}

fn checksum(list: &str, position: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new().chain_update(list).chain_update([0]).chain_update(position).finalize();
    *hash.first_chunk().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor { at: Timestamp::from_microsecond(1_795_413_600_123_456).unwrap(), id: Uuid::from_u128(77) }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let text = cursor().encode("webhooks of acme");
        assert_eq!(Cursor::read("webhooks of acme", &text), Some(cursor()));
    }

    #[test]
    fn a_cursor_of_another_list_or_an_altered_one_is_refused() {
        let text = cursor().encode("webhooks of acme");
        assert_eq!(Cursor::read("webhooks of globex", &text), None);
        for place in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(Cursor::read("webhooks of acme", std::str::from_utf8(&altered).unwrap()), None);
        }
        for other in ["", "AAAA", "%%%", &format!("{text}=")] {
            assert_eq!(Cursor::read("webhooks of acme", other), None);
        }
    }

    #[test]
    fn there_is_a_next_page_only_when_there_is_more() {
        let page = |rows| Page::new(rows, 2, |row: &u8| row.to_string(), |row| row);
        assert_eq!((page(vec![1, 2]).data, page(vec![1, 2]).next_cursor), (vec![1, 2], None));
        assert_eq!((page(vec![1, 2, 3]).data, page(vec![1, 2, 3]).next_cursor), (vec![1, 2], Some("2".to_owned())));
        assert_eq!(page(vec![]).next_cursor, None);
    }
}
