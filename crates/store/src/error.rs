//! Errors, by what the caller can do about them.

use tokio_postgres::error::SqlState;

/// A statement failed. Every function that runs one returns it: the variants say when.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is unavailable, overloaded, restarting, or misconfigured: the same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refused the data; the same call will fail again.
    #[error("the database refused the statement: {}", detail(.0))]
    Refused(#[source] tokio_postgres::Error),
    /// Clock skew: one of two clocks is wrong, and it is not known which.
    #[error("the clocks of the database and of this machine differ by {} s", .0.as_secs())]
    ClocksDiffer(jiff::SignedDuration),
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

    /// True when the server cancelled the statement because of a timeout, for a lock or in total.
    pub fn is_timeout(&self) -> bool {
        self.is_locked() || self.unavailable_state() == Some(&SqlState::QUERY_CANCELED)
    }

    /// True when another transaction holds a lock: other statements can succeed.
    pub fn is_locked(&self) -> bool {
        self.unavailable_state() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }

    fn unavailable_state(&self) -> Option<&SqlState> {
        let Self::Unavailable(source) = self else { return None };
        source
            .downcast_ref::<tokio_postgres::Error>()
            .and_then(tokio_postgres::Error::code)
    }

    /// True when a row has no partition.
    pub(crate) fn is_missing_partition(&self) -> bool {
        matches!(self, Self::Refused(error)
            if error.code() == Some(&SqlState::CHECK_VIOLATION)
                && error.as_db_error().is_some_and(|e| e.constraint().is_none()))
    }
}

fn detail(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |e| format!("{} ({})", e.message(), e.code().code()),
    )
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if blames_the_data(&error) {
            Self::Refused(error)
        } else {
            Self::Unavailable(Box::new(error))
        }
    }
}

/// Whether other data might have been accepted. Everything else can be fixed without touching the data, a wrong
/// password or a missing table included, so no data may be discarded for it.
fn blames_the_data(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else {
        return is_encoding(error);
    };
    // Cardinality violations (one row twice), data exceptions, constraint violations, program limits exceeded.
    ["21", "22", "23", "54"]
        .iter()
        .any(|class| state.code().starts_with(class))
}

/// Errors of converting a value to or from bytes, on our side.
pub(crate) fn is_encoding(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing") || text.starts_with("error deserializing")
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}
