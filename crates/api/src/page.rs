//! Pages of lists.

use serde::Serialize;
use web::Cursor;

use crate::problem::Problem;
use crate::query::Query;

/// A page as it is sent.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

/// The parameters `limit` and `cursor`, the latter still to be decoded.
pub(crate) struct PageRequest {
    limit: i64,
    cursor: Option<String>,
}

impl PageRequest {
    /// Takes them.
    pub(crate) fn take(query: &mut Query<'_>) -> Self {
        Self {
            limit: query.limit(),
            cursor: query.cursor(),
        }
    }

    /// The page of the list with this name, which tells it from all other lists.
    ///
    /// # Errors
    /// 400 for a cursor that the list never gave out.
    pub(crate) fn of(self, list: String) -> Result<ListPage, Problem> {
        let decode = |text: String| Cursor::decode(&list, &text).ok_or_else(Problem::invalid_cursor);
        let after = self.cursor.map(decode).transpose()?;
        Ok(ListPage {
            list,
            limit: self.limit,
            after,
        })
    }
}

/// A page of a list, still to be read.
pub(crate) struct ListPage {
    list: String,
    limit: i64,
    /// The last entry of the previous page; `None` on the first.
    pub(crate) after: Option<Cursor>,
}

impl ListPage {
    /// How many rows to read: one more than are shown, to know whether there is a next page.
    pub(crate) fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// The page, of the rows that were read.
    pub(crate) fn answer<R, T>(
        &self,
        mut rows: Vec<R>,
        cursor: impl FnOnce(&R) -> Cursor,
        entry: impl FnMut(R) -> T,
    ) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| cursor(last).encode(&self.list));
        Page {
            data: rows.into_iter().map(entry).collect(),
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn there_is_a_next_page_only_when_there_is_more() {
        let list = ListPage {
            list: "numbers".to_owned(),
            limit: 2,
            after: None,
        };
        let cursor = |row: &u8| Cursor {
            at: Timestamp::UNIX_EPOCH,
            id: Uuid::from_u128((*row).into()),
        };
        let page = |rows| list.answer(rows, cursor, |row| row);
        assert_eq!(
            (page(vec![1, 2]).data, page(vec![1, 2]).next_cursor),
            (vec![1, 2], None)
        );
        let more = page(vec![1, 2, 3]);
        assert_eq!(
            (more.data, more.next_cursor),
            (vec![1, 2], Some(cursor(&2).encode("numbers")))
        );
        assert_eq!(page(vec![]).next_cursor, None);
    }
}
