//! Schema migrations, in numbered files that are never edited. Each runs in a transaction of its own.

use std::time::Duration;

use tracing::warn;

use crate::connect::Limits;
use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;

const MIGRATIONS: [(i32, &str, &str); 19] = [
    (
        1,
        "webhooks_and_deliveries",
        include_str!("../migrations/0001_webhooks_and_deliveries.sql"),
    ),
    (
        2,
        "life_of_a_webhook",
        include_str!("../migrations/0002_life_of_a_webhook.sql"),
    ),
    (3, "test_requests", include_str!("../migrations/0003_test_requests.sql")),
    (4, "console", include_str!("../migrations/0004_console.sql")),
    (
        5,
        "returned_deliveries",
        include_str!("../migrations/0005_returned_deliveries.sql"),
    ),
    (
        6,
        "manual_retries_stay_manual",
        include_str!("../migrations/0006_manual_retries_stay_manual.sql"),
    ),
    (
        7,
        "sessions_tokens_audit",
        include_str!("../migrations/0007_sessions_tokens_audit.sql"),
    ),
    (
        8,
        "deferred_deliveries",
        include_str!("../migrations/0008_deferred_deliveries.sql"),
    ),
    (
        9,
        "functions_with_fixed_paths",
        include_str!("../migrations/0009_functions_with_fixed_paths.sql"),
    ),
    (
        10,
        "attended_releases",
        include_str!("../migrations/0010_attended_releases.sql"),
    ),
    (
        11,
        "recoveries_by_type",
        include_str!("../migrations/0011_recoveries_by_type.sql"),
    ),
    (
        12,
        "audit_by_account",
        include_str!("../migrations/0012_audit_by_account.sql"),
    ),
    (
        13,
        "tokens_by_account",
        include_str!("../migrations/0013_tokens_by_account.sql"),
    ),
    (
        14,
        "service_tokens",
        include_str!("../migrations/0014_service_tokens.sql"),
    ),
    (
        15,
        "request_headers_and_limits",
        include_str!("../migrations/0015_request_headers_and_limits.sql"),
    ),
    (
        16,
        "find_and_event_counts",
        include_str!("../migrations/0016_find_and_event_counts.sql"),
    ),
    (17, "conditions", include_str!("../migrations/0017_conditions.sql")),
    (
        18,
        "deleted_webhooks",
        include_str!("../migrations/0018_deleted_webhooks.sql"),
    ),
    (
        19,
        "held_expiry_notifications",
        include_str!("../migrations/0019_held_expiry_notifications.sql"),
    ),
];

/// Held while migrating, so that concurrent migrations are safe: the first one applies them, the others find them
/// applied.
const LOCK: &str = "/* migrations.lock */ SELECT pg_advisory_lock(hashtext('easycrm webhooks migrations'))";
const UNLOCK: &str = "/* migrations.unlock */ SELECT pg_advisory_unlock(hashtext('easycrm webhooks migrations'))";

/// While a migration waits for a table, all other statements on that table wait behind it: deliveries would stop for as
/// long as a backup takes.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '3s'";
/// In which the others go on.
const LOCK_PAUSE: Duration = Duration::from_secs(2);

const CREATE_LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)";

/// Pause between two attempts while the database is unavailable.
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
    /// The program's role lacks permissions, without which it would fail within a week.
    #[error(
        "the database's role {role} may not {what}: run `fanout migrate` as the owner of the tables, with the roles of \
         deploy/postgres/roles.sql, or run this program as that owner"
    )]
    Rights {
        /// The program's role.
        role: String,
        /// The missing permission.
        what: String,
    },
    /// Stored secrets cannot be decrypted with the configured keys.
    #[error(
        "stored secrets were encrypted with a key that is not configured: \
             set WEBHOOKS_SECRETS__KEY, or add the former key to WEBHOOKS_SECRETS__PREVIOUS_KEYS"
    )]
    KeyMissing,
    /// The server is too old.
    #[error("the server is PostgreSQL {found}; version {needed} or newer is needed")]
    OldServer {
        /// Major version found.
        found: u32,
        /// Major version needed.
        needed: u32,
    },
    /// The encoding cannot store every event's text.
    #[error("the database's encoding is {found}; UTF8 is needed: create it with ENCODING 'UTF8' TEMPLATE template0")]
    Encoding {
        /// Encoding found.
        found: String,
    },
    /// A pooler assigns servers by transaction or statement.
    #[error(
        "a pooler in front of the database hands out a server for each transaction; notifications, locks and settings \
         of a session need one for each client: set pool_mode = session, or connect to the server itself"
    )]
    SharedSessions,
    /// The database does not respond, or refuses us.
    #[error("the database cannot be used")]
    Database(#[source] StoreError),
}

/// The database's schema, compared with this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// Equal.
    Current,
    /// Older: `fanout migrate` updates it.
    Older {
        /// Version found; 0 for an empty database.
        found: i32,
    },
    /// Newer, made by a newer program; this one must not touch it.
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
    /// The state of the database's schema.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn schema_state(&self) -> Result<SchemaState, StoreError> {
        let connection = self.connection().await?;
        if connection
            .query_one(
                "/* migrations.has_ledger */
    SELECT to_regclass('schema_migrations') IS NULL",
                &[],
            )
            .await?
            .get(0)
        {
            return Ok(SchemaState::of(0));
        }
        let row = connection
            .query_one(
                "/* migrations.version */
    SELECT coalesce(max(version), 0) FROM schema_migrations",
                &[],
            )
            .await?;
        Ok(SchemaState::of(row.get(0)))
    }

    /// Waits for an unavailable database, and checks that this program can work with it: server, schema, permissions,
    /// and the keys of the stored secrets.
    ///
    /// # Errors
    /// When it cannot; waiting would not help.
    pub async fn wait_until_usable(&self) -> Result<(), SchemaError> {
        let url = self.url();
        let mut said = false;
        if url.may_be_in_clear() {
            warn!(database = %url, "the database connection may be unencrypted: set sslmode=require");
        }
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
        self.require_server().await?;
        self.read_clock().await.map_err(SchemaError::Database)?;
        self.require_schema().await?;
        self.require_rights().await?;
        if self.has_all_keys().await.map_err(SchemaError::Database)? {
            Ok(())
        } else {
            Err(SchemaError::KeyMissing)
        }
    }

    /// Checks the schema, once.
    ///
    /// # Errors
    /// When the schema is not this program's, or the database does not respond.
    pub async fn require_schema(&self) -> Result<(), SchemaError> {
        let needed = SchemaState::NEEDED;
        match self.schema_state().await.map_err(SchemaError::Database)? {
            SchemaState::Current => Ok(()),
            SchemaState::Older { found } => Err(SchemaError::Older { found, needed }),
            SchemaState::Newer { found } => Err(SchemaError::Newer { found, needed }),
        }
    }

    /// Applies the missing migrations and creates the partitions of the days ahead. Returns the names of the applied
    /// ones. Idempotent, and safe from several places at once.
    ///
    /// # Errors
    /// When the database is unavailable or unsuitable, or a migration fails; a failed one is rolled back.
    pub async fn migrate(&self) -> Result<Vec<&'static str>, SchemaError> {
        self.require_server().await?;
        self.apply().await.map_err(SchemaError::Database)
    }

    async fn apply(&self) -> Result<Vec<&'static str>, StoreError> {
        let mut connection = self.connection_apart(Limits::MIGRATION).await?;
        connection.batch_execute(LOCK).await?;
        connection.batch_execute(LOCK_TIMEOUT).await?;
        let mut applied = Vec::new();
        while let Err(error) = apply_all(&mut connection, &mut applied).await {
            if !error.is_locked() {
                return Err(error);
            }
            warn!("a table is locked, for example by a backup: the migration is tried again");
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        grant(&mut connection).await?;
        // After an error it is released with the connection, a moment later.
        connection.batch_execute(UNLOCK).await?;
        self.create_partitions_ahead().await?;
        Ok(applied)
    }
}

/// Grants the permissions that this version needs, if the programs have roles.
async fn grant(client: &mut Connection) -> Result<(), StoreError> {
    const ROLES: &str = "/* migrations.roles */ SELECT count(*) = 3 FROM pg_roles
        WHERE rolname IN ('webhooks_log', 'webhooks_fanout', 'webhooks_sender') AND pg_has_role(oid, 'MEMBER')
            OR rolname IN ('webhooks_fanout', 'webhooks_sender')";
    let transaction = client.transaction().await?;
    if transaction.query_one(ROLES, &[]).await?.get(0) {
        transaction
            .batch_execute(include_str!("../../../deploy/postgres/grants.sql"))
            .await?;
    }
    transaction.commit().await
}

async fn apply_all(client: &mut Connection, applied: &mut Vec<&'static str>) -> Result<(), StoreError> {
    client.batch_execute(CREATE_LEDGER).await?;
    for (version, name, sql) in MIGRATIONS {
        let transaction = client.transaction().await?;
        let known = "/* migrations.known */ SELECT EXISTS (SELECT FROM schema_migrations WHERE version = $1)";
        if transaction.query_one(known, &[&version]).await?.get(0) {
            continue;
        }
        transaction.batch_execute(sql).await?;
        let record = "/* migrations.record */ INSERT INTO schema_migrations (version, name) VALUES ($1, $2)";
        transaction.execute(record, &[&version, &name]).await?;
        transaction.commit().await?;
        applied.push(name);
    }
    Ok(())
}
