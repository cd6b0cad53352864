//! Requirements on the server and its poolers, checked before anything is done there.
//!
//! Queried without prepared statements, which an unsuitable pooler would refuse.

use crate::connect::Limits;
use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;
use crate::migrations::SchemaError;

/// The oldest version that detaches partitions without a lock, and that is tested.
const OLDEST: u32 = 14;
/// Number of comparisons of two sessions: a busy pooler that assigns servers at random may show two each time.
const COMPARISONS: usize = 3;

const PROCESS: &str = "/* server.process */ SELECT pg_backend_pid()";

impl Database {
    /// Checks the server's version, the database's encoding, and that sessions are not shared.
    ///
    /// # Errors
    /// When a requirement is not met, or the database does not respond.
    pub(crate) async fn require_server(&self) -> Result<(), SchemaError> {
        let connect = async || self.connection_apart(Limits::WORK).await.map_err(SchemaError::Database);
        let one = connect().await?;
        let other = connect().await?;
        let said = |answer: Result<Option<String>, StoreError>| answer.map_err(SchemaError::Database);
        let version = said(one.ask("SHOW server_version_num").await)?.and_then(|number| number.parse::<u32>().ok());
        if let Some(found) = version.map(|number| number / 10_000).filter(|found| *found < OLDEST) {
            return Err(SchemaError::OldServer { found, needed: OLDEST });
        }
        if let Some(found) = said(one.ask("SHOW server_encoding").await)?.filter(|found| found != "UTF8") {
            return Err(SchemaError::Encoding { found });
        }
        for _ in 0..COMPARISONS {
            if share_sessions(&one, &other).await.map_err(SchemaError::Database)? {
                return Err(SchemaError::SharedSessions);
            }
        }
        Ok(())
    }
}

/// Whether two sessions are the same one, or one changes: then a pooler assigns a server to each transaction.
async fn share_sessions(one: &Connection, other: &Connection) -> Result<bool, StoreError> {
    let before = one.ask(PROCESS).await?;
    other.batch_execute("BEGIN").await?;
    let shared = other.ask(PROCESS).await? == before || one.ask(PROCESS).await? != before;
    other.batch_execute("ROLLBACK").await?;
    Ok(shared)
}
