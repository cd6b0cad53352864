//! One connection and all operations on it. This is the only way to the server, so that no statement can wait without a
//! limit, and no connection in an unknown state is used again.
//!
//! The server's own timeouts end with the server: a vanished host, a frozen process or a network that drops all packets
//! enforces none. So each response has a timeout on our side, and a connection that is silent for longer is closed,
//! with all idle ones in the pool. So is a connection whose response was not awaited to the end, and one whose refusal
//! concerns the connection and not the statement: read-only after a failover, shut down, without permissions.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use futures_util::{FutureExt, TryStreamExt, pin_mut};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, SimpleQueryMessage, Statement, ToStatement};

use crate::error::StoreError;

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];
type TypedParameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// A connection, while it is held.
pub(crate) struct Connection {
    /// `None` only while it is dropped.
    held: Option<Held>,
    /// Timeout for a response; `None` for no limit.
    patience: Option<Duration>,
    unsound: AtomicBool,
}

enum Held {
    /// Returned to its pool.
    Pooled(Object),
    /// Closed with its holder.
    Alone(ClientWrapper),
}

impl Connection {
    pub(crate) fn pooled(object: Object, patience: Option<Duration>) -> Self {
        Self {
            held: Some(Held::Pooled(object)),
            patience,
            unsound: AtomicBool::new(false),
        }
    }

    pub(crate) fn alone(client: ClientWrapper, patience: Option<Duration>) -> Self {
        Self {
            held: Some(Held::Alone(client)),
            patience,
            unsound: AtomicBool::new(false),
        }
    }

    pub(crate) async fn query<T>(&self, statement: &T, parameters: Parameters<'_>) -> Result<Vec<Row>, StoreError>
    where
        T: ?Sized + ToStatement,
    {
        self.answer(self.client().query(statement, parameters)).await
    }

    pub(crate) async fn query_one<T>(&self, statement: &T, parameters: Parameters<'_>) -> Result<Row, StoreError>
    where
        T: ?Sized + ToStatement,
    {
        self.answer(self.client().query_one(statement, parameters)).await
    }

    pub(crate) async fn query_opt<T>(
        &self,
        statement: &T,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, StoreError>
    where
        T: ?Sized + ToStatement,
    {
        self.answer(self.client().query_opt(statement, parameters)).await
    }

    /// Passes each row to `take`, without holding them all. The timeout applies to each row.
    pub(crate) async fn for_each_row<T>(
        &self,
        statement: &T,
        parameters: Parameters<'_>,
        mut take: impl FnMut(&Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>
    where
        T: ?Sized + ToStatement,
    {
        let rows = self
            .answer(self.client().query_raw(statement, parameters.iter().copied()))
            .await?;
        pin_mut!(rows);
        while let Some(row) = self.answer(rows.try_next()).await? {
            take(&row)?;
        }
        Ok(())
    }

    /// Planned for these parameters, not prepared.
    pub(crate) async fn query_typed(
        &self,
        statement: &str,
        parameters: TypedParameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.answer(self.client().query_typed(statement, parameters)).await
    }

    pub(crate) async fn execute<T>(&self, statement: &T, parameters: Parameters<'_>) -> Result<u64, StoreError>
    where
        T: ?Sized + ToStatement,
    {
        self.answer(self.client().execute(statement, parameters)).await
    }

    /// Planned for these parameters, not prepared.
    pub(crate) async fn execute_typed(
        &self,
        statement: &str,
        parameters: TypedParameters<'_>,
    ) -> Result<u64, StoreError> {
        self.answer(self.client().execute_typed(statement, parameters)).await
    }

    /// Statements without parameters.
    pub(crate) async fn batch_execute(&self, statements: &str) -> Result<(), StoreError> {
        self.answer(self.client().batch_execute(statements)).await
    }

    /// Runs a statement without parameters, unprepared; returns the first column of its first row.
    pub(crate) async fn ask(&self, statement: &str) -> Result<Option<String>, StoreError> {
        let messages = self.answer(self.client().simple_query(statement)).await?;
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    pub(crate) async fn prepare(&self, statement: &str) -> Result<Statement, StoreError> {
        self.answer(self.client().prepare(statement)).await
    }

    /// Prepared once per connection.
    pub(crate) async fn prepare_cached(&self, statement: &str) -> Result<Statement, StoreError> {
        self.answer(self.client().prepare_cached(statement)).await
    }

    /// Rolled back when it is dropped without a commit.
    pub(crate) async fn transaction(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.batch_execute("BEGIN").await?;
        Ok(Transaction {
            connection: self,
            open: true,
        })
    }

    /// A transaction with a lock timeout of its own.
    pub(crate) async fn transaction_without_long_locks(
        &mut self,
        longest: Duration,
    ) -> Result<Transaction<'_>, StoreError> {
        self.batch_execute(&format!("BEGIN; SET LOCAL lock_timeout = {}", longest.as_millis()))
            .await?;
        Ok(Transaction {
            connection: self,
            open: true,
        })
    }

    fn client(&self) -> &ClientWrapper {
        match self.held.as_ref().expect("it is held until it is dropped") {
            Held::Pooled(object) => object,
            Held::Alone(client) => client,
        }
    }

    /// Awaits a response of the server: every operation goes through here.
    async fn answer<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        let unanswered = Unanswered(&self.unsound);
        let answered = match self.patience {
            None => answer.await,
            Some(patience) => match timeout(patience, answer).await {
                Ok(answered) => answered,
                Err(_) => {
                    self.close_idle();
                    return Err(StoreError::Unavailable(Box::new(Silent(patience))));
                }
            },
        };
        unanswered.over();
        answered.map_err(|error| {
            if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
                self.close_idle();
            }
            if !leaves_sound(&error) {
                self.unsound.store(true, Ordering::Release);
            }
            error.into()
        })
    }

    /// The idle connections of the pool lead to the same server by the same route: detecting each by itself would take
    /// a timeout each.
    fn close_idle(&self) {
        if let Some(Held::Pooled(object)) = &self.held
            && let Some(pool) = Object::pool(object)
        {
            pool.retain(|_, _| false);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let (true, Some(Held::Pooled(object))) = (*self.unsound.get_mut(), self.held.take()) {
            // Dropped outside of its pool, it is closed.
            drop(Object::take(object));
        }
    }
}

/// A transaction, with the same operations as a connection.
pub(crate) struct Transaction<'a> {
    connection: &'a Connection,
    open: bool,
}

impl Transaction<'_> {
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.open = false;
        self.connection.batch_execute("COMMIT").await
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open && !self.connection.unsound.load(Ordering::Acquire) {
            // Sent at the first poll; later statements are processed after it.
            let _ = self.connection.client().batch_execute("ROLLBACK").now_or_never();
        }
    }
}

/// Set while a response is awaited. If the future is dropped before the end, as by an outer timeout, the response of
/// this statement is still to come on the connection.
struct Unanswered<'a>(&'a AtomicBool);

impl Unanswered<'_> {
    fn over(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The server, or the network to it, does not respond.
#[derive(Debug, thiserror::Error)]
#[error("no response within {} s", .0.as_secs())]
struct Silent(Duration);

/// After a refusal because of the data, or of another transaction's lock, the connection can be used again.
fn leaves_sound(error: &Error) -> bool {
    let Some(state) = error.code() else {
        return crate::error::is_encoding(error);
    };
    // Refusals that concern the data: cardinality, data, constraints, serialization and deadlocks, program limits.
    ["21", "22", "23", "40", "54"]
        .iter()
        .any(|class| state.code().starts_with(class))
        || [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE].contains(state)
}

#[cfg(test)]
mod tests;
