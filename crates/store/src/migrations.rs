//! The schema, in numbered files that are only ever added to. Each runs in a transaction of its own.

use std::time::Duration;

use tokio_postgres::Client;
use tracing::warn;

use crate::database::Database;
use crate::error::StoreError;

const MIGRATIONS: [(i32, &str, &str); 5] = [
    (1, "webhooks_and_deliveries", include_str!("../migrations/0001_webhooks_and_deliveries.sql")),
    (2, "life_of_a_webhook", include_str!("../migrations/0002_life_of_a_webhook.sql")),
    (3, "test_requests", include_str!("../migrations/0003_test_requests.sql")),
    (4, "console", include_str!("../migrations/0004_console.sql")),
    (5, "returned_deliveries", include_str!("../migrations/0005_returned_deliveries.sql")),
];

/// Held while migrating, so that several places may migrate at once: the first does it, the others find it done.
const LOCK: &str = "SELECT pg_advisory_lock(hashtext('easycrm webhooks migrations'))";

const CREATE_LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)";

/// Pause between two looks at a database that is away.
const WAIT: Duration = Duration::from_secs(1);

/// Why a program must not start on this database.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The schema is older than the program.
    #[error("the database has schema version {found}, this program needs {needed}: run `fanout migrate`")]
    Older {
        /// Version found; 0 for an empty database.
        found: i32,
        /// Version needed.
        needed: i32,
    },
    /// The schema is newer than the program.
    #[error(
        "the database has schema version {found}, which this program does not know (it needs {needed}): \
             run the newer program, or its `fanout migrate` on another database"
    )]
    Newer {
        /// Version found.
        found: i32,
        /// Version needed.
        needed: i32,
    },
    /// Stored secrets cannot be read with the keys given.
    #[error(
        "stored secrets were encrypted with a key that is not configured: \
             set WEBHOOKS_SECRETS__KEY, or add the former key to WEBHOOKS_SECRETS__PREVIOUS_KEYS"
    )]
    KeyMissing,
    /// The database does not answer, or refuses us.
    #[error("the database cannot be used")]
    Database(#[source] StoreError),
}

/// How the database's schema relates to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// As this program needs it.
    Current,
    /// Older: `fanout migrate` brings it up.
    Older {
        /// Version found; 0 for an empty database.
        found: i32,
    },
    /// Made by a newer program; this one must not touch it.
    Newer {
        /// Version found.
        found: i32,
    },
}

impl SchemaState {
    /// The version this program needs.
    pub const NEEDED: i32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

    fn of(found: i32) -> Self {
        match found.cmp(&Self::NEEDED) {
            std::cmp::Ordering::Less => Self::Older { found },
            std::cmp::Ordering::Equal => Self::Current,
            std::cmp::Ordering::Greater => Self::Newer { found },
        }
    }
}

impl Database {
    /// Which schema the database has.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn schema_state(&self) -> Result<SchemaState, StoreError> {
        let connection = self.connection().await?;
        if connection.query_one("SELECT to_regclass('schema_migrations') IS NULL", &[]).await?.get(0) {
            return Ok(SchemaState::of(0));
        }
        let row = connection.query_one("SELECT coalesce(max(version), 0) FROM schema_migrations", &[]).await?;
        Ok(SchemaState::of(row.get(0)))
    }

    /// Waits for a database that is away, and checks that this program can work with it: its schema, and the keys of the
    /// secrets in it.
    ///
    /// # Errors
    /// When it cannot; waiting would not help.
    pub async fn wait_until_usable(&self) -> Result<(), SchemaError> {
        let mut said = false;
        loop {
            match self.require_usable().await {
                Err(SchemaError::Database(error)) if error.is_unavailable() => {
                    if !std::mem::replace(&mut said, true) {
                        warn!(error = &error as &dyn std::error::Error, "waiting for the database");
                    }
                    tokio::time::sleep(WAIT).await;
                }
                decided => return decided,
            }
        }
    }

    async fn require_usable(&self) -> Result<(), SchemaError> {
        self.require_schema().await?;
        if self.has_all_keys().await.map_err(SchemaError::Database)? { Ok(()) } else { Err(SchemaError::KeyMissing) }
    }

    /// Checks the schema, once.
    ///
    /// # Errors
    /// When the schema is not this program's, or the database does not answer.
    pub async fn require_schema(&self) -> Result<(), SchemaError> {
        let needed = SchemaState::NEEDED;
        match self.schema_state().await.map_err(SchemaError::Database)? {
            SchemaState::Current => Ok(()),
            SchemaState::Older { found } => Err(SchemaError::Older { found, needed }),
            SchemaState::Newer { found } => Err(SchemaError::Newer { found, needed }),
        }
    }

    /// Brings the schema up to this program's version and makes the coming days' partitions. Returns the names of what
    /// was applied. Safe to repeat, and from several places at once.
    ///
    /// # Errors
    /// When the database is away, or a migration fails; a failed one leaves nothing behind.
    pub async fn migrate(&self) -> Result<Vec<&'static str>, StoreError> {
        let (config, tls) = self.dedicated();
        let (mut client, connection) = config.connect(tls).await?;
        let driver = tokio::spawn(connection);
        let applied = apply_all(&mut client).await;
        drop(client);
        // The lock went with the connection; how the connection itself ended no longer matters.
        let _ = driver.await;
        let applied = applied?;
        self.create_partitions_ahead().await?;
        Ok(applied)
    }
}

async fn apply_all(client: &mut Client) -> Result<Vec<&'static str>, StoreError> {
    client.batch_execute(LOCK).await?;
    client.batch_execute(CREATE_LEDGER).await?;
    let mut applied = Vec::new();
    for (version, name, sql) in MIGRATIONS {
        let transaction = client.transaction().await?;
        let known = "SELECT EXISTS (SELECT FROM schema_migrations WHERE version = $1)";
        if transaction.query_one(known, &[&version]).await?.get(0) {
            continue;
        }
        transaction.batch_execute(sql).await?;
        let record = "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)";
        transaction.execute(record, &[&version, &name]).await?;
        transaction.commit().await?;
        applied.push(name);
    }
    Ok(applied)
}
