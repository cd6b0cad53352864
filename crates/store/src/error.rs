//! What can go wrong, by what the caller can do about it.

use tokio_postgres::error::SqlState;

/// A statement did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, overloaded, restarting, or not set up as it should be: the same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refused what it was given; the same call will fail again.
    #[error("the database refused the statement: {}", detail(.0))]
    Refused(#[source] tokio_postgres::Error),
    /// A stored secret does not decrypt with any configured key.
    #[error("a stored secret does not decrypt with the configured keys")]
    Secret,
    /// A row holds a value this version does not know.
    #[error("column `{0}` holds a value that this version does not know")]
    UnknownValue(&'static str),
}

impl StoreError {
    /// True when the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// True when the server gave the statement up because it took too long.
    pub fn is_timeout(&self) -> bool {
        let Self::Unavailable(source) = self else { return false };
        source.downcast_ref::<tokio_postgres::Error>().and_then(|error| error.code()) == Some(&SqlState::QUERY_CANCELED)
    }

    /// True when a row has no partition to go to.
    pub(crate) fn is_missing_partition(&self) -> bool {
        matches!(self, Self::Refused(error)
            if error.code() == Some(&SqlState::CHECK_VIOLATION)
                && error.as_db_error().is_some_and(|e| e.constraint().is_none()))
    }
}

fn detail(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |e| format!("{} ({})", e.message(), e.code().code()))
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if blames_the_data(&error) { Self::Refused(error) } else { Self::Unavailable(Box::new(error)) }
    }
}

/// Whether other data might have been accepted. Everything else can be mended without touching the data, a wrong
/// password or a missing table included, and nothing may be given up for it.
fn blames_the_data(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else { return is_encoding(error) };
    // Cardinality violations (one row twice), data exceptions, constraint violations, program limits exceeded.
    ["21", "22", "23", "54"].iter().any(|class| state.code().starts_with(class))
}

/// Errors made on our side of the wire while a value was turned into bytes or back.
fn is_encoding(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing") || text.starts_with("error deserializing")
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}
