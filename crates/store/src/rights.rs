//! Permissions of a program's role in the database. Checked at the start: most are needed much later.

use crate::database::Database;
use crate::error::StoreError;
use crate::migrations::SchemaError;

/// The first missing permission. Partitions are created by a function with its owner's rights, which the tables' owner
/// must share.
const MISSING: &str = "
    /* rights.missing */ SELECT current_user::text AS role, what FROM (
        SELECT 1 AS place, 'make the days of the delivery log' AS what, has_function_privilege(f.oid, 'EXECUTE')
            AND CASE WHEN f.prosecdef
                THEN pg_has_role(f.proowner, t.relowner, 'USAGE') AND has_schema_privilege(f.proowner, t.relnamespace, 'CREATE')
                ELSE pg_has_role(t.relowner, 'USAGE') AND has_schema_privilege(t.relnamespace, 'CREATE') END AS may
        FROM pg_proc f, pg_class t
        WHERE f.oid = 'create_log_partitions(date)'::regprocedure AND t.oid = 'deliveries'::regclass
        UNION ALL
        SELECT 2, 'write into ' || name, has_table_privilege(name, 'INSERT') AND has_table_privilege(name, 'UPDATE')
        FROM unnest(ARRAY['deliveries', 'attempts', 'waiting_deliveries', 'releases']) AS name
        UNION ALL
        SELECT 3, 'read ' || name, has_table_privilege(name, 'SELECT')
        FROM unnest(ARRAY['webhooks', 'webhook_secrets', 'webhook_headers']) AS name
    ) AS needed WHERE NOT may ORDER BY place LIMIT 1";

/// The role that owns the log, if this one may act as it and is not it.
const LOG_OWNER: &str = "/* rights.log_owner */
    SELECT format('%I', r.rolname) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.oid = 'deliveries'::regclass AND NOT pg_has_role(r.oid, 'USAGE') AND pg_has_role(r.oid, 'MEMBER')";

impl Database {
    /// Checks the permissions that the programs need.
    ///
    /// # Errors
    /// When one is missing, or the database does not respond.
    pub(crate) async fn require_rights(&self) -> Result<(), SchemaError> {
        match self.missing_right().await.map_err(SchemaError::Database)? {
            Some((role, what)) => Err(SchemaError::Rights { role, what }),
            None => Ok(()),
        }
    }

    async fn missing_right(&self) -> Result<Option<(String, String)>, StoreError> {
        let row = self.connection().await?.query_opt(MISSING, &[]).await?;
        Ok(row.map(|row| (row.get("role"), row.get("what"))))
    }
}

impl crate::connection::Connection {
    /// Acts as the log's owner from now on, if that is another role.
    pub(crate) async fn act_as_log_owner(&self) -> Result<(), StoreError> {
        match self.query_opt(LOG_OWNER, &[]).await? {
            Some(owner) => {
                self.batch_execute(&format!("SET ROLE {}", owner.get::<_, &str>(0)))
                    .await
            }
            None => Ok(()),
        }
    }

    /// Acts as the program's own role again.
    pub(crate) async fn act_as_self(&self) -> Result<(), StoreError> {
        self.batch_execute("RESET ROLE").await
    }
}
