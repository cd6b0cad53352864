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

/// A page of a list, still to be read.
pub(crate) struct ListPage {
    list: String,
    limit: i64,
    /// The last entry of the previous page; `None` on the first.
    pub(crate) after: Option<Cursor>,
}

impl ListPage {
    /// The requested page of the list with this name, which distinguishes it from all other lists. `query` has no
    /// parameters left but `limit` and `cursor`.
    ///
    /// # Errors
    /// 422 for parameters that are not valid, 400 for a cursor of another list.
    pub(crate) fn of(list: String, mut query: Query<'_>) -> Result<Self, Problem> {
        let limit = query.limit();
        let cursor = query.cursor();
        query.finish()?;
        let decode = |text: String| Cursor::decode(&list, &text).ok_or_else(Problem::invalid_cursor);
        let after = cursor.map(decode).transpose()?;
        Ok(Self { list, limit, after })
    }

    /// How many rows to read: one more than are shown, to know whether there is a next page.
    pub(crate) fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// The page, of the rows that were read.
    pub(crate) fn answer<R, T>(&self, mut rows: Vec<R>, entry: impl FnMut(R) -> T) -> Page<T>
    where
        Cursor: for<'r> From<&'r R>,
    {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| Cursor::from(last).encode(&self.list));
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

    #[derive(Debug, PartialEq)]
    struct Row(u8);

    impl From<&Row> for Cursor {
        fn from(row: &Row) -> Self {
            Self {
                at: Timestamp::UNIX_EPOCH,
                id: Uuid::from_u128(row.0.into()),
            }
        }
    }

    #[test]
    fn there_is_a_next_page_only_when_there_is_more() {
        let list = ListPage {
            list: "numbers".to_owned(),
            limit: 2,
            after: None,
        };
        let page = |rows: Vec<u8>| list.answer(rows.into_iter().map(Row).collect(), |row: Row| row.0);
        assert_eq!(
            (page(vec![1, 2]).data, page(vec![1, 2]).next_cursor),
            (vec![1, 2], None)
        );
        let more = page(vec![1, 2, 3]);
        assert_eq!(
            (more.data, more.next_cursor),
            (vec![1, 2], Some(Cursor::from(&Row(2)).encode("numbers")))
        );
        assert_eq!(page(vec![]).next_cursor, None);
    }
}
