//! Sessions as an operator lists and ends them.

use std::collections::BTreeMap;

use domain::{AccountName, AuditAction, Role};
use jiff::Timestamp;

use super::{SessionRules, is_worth_anything};
use crate::audit::Entry;
use crate::bearer::Who;
use crate::database::Database;
use crate::error::StoreError;
use crate::tokens;

/// A session, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The beginning of its hash, in hexadecimal.
    pub id: String,
    /// The principal.
    pub who: Who,
    /// Tenant they act for.
    pub account: AccountName,
    /// Their role.
    pub role: Role,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When the session was last used, to the minute.
    pub last_used_at: Timestamp,
}

/// Filter of the sessions to end. `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// As the list shows it.
    pub id: Option<String>,
    /// Only of this tenant.
    pub account: Option<AccountName>,
    /// Only of this person, as the CRM calls them.
    pub subject: Option<String>,
}

/// Numbers of sessions that an operator ended, by tenant and principal.
pub type EndedSessions = BTreeMap<(String, String), u64>;

const LIST: &str = concat!(
    "/* sessions.operator.list */ SELECT encode(substring(s.hash FROM 1 FOR 8), 'hex') AS id, s.token_id, s.subject,
        coalesce(t.account, s.account) AS account, coalesce(t.role, s.role) AS role, s.created_at, s.last_used_at
    FROM console_sessions s LEFT JOIN api_tokens t ON t.id = s.token_id
    WHERE ",
    is_worth_anything!(),
    " ORDER BY s.created_at, s.hash"
);

const END: &str = "/* sessions.operator.end */ WITH ended AS (
        DELETE FROM console_sessions s
        WHERE ($1::text IS NULL OR encode(substring(s.hash FROM 1 FOR 8), 'hex') = $1)
            AND ($2::text IS NULL OR $2 = coalesce(s.account, (SELECT account FROM api_tokens WHERE id = s.token_id)))
            AND ($3::text IS NULL OR s.subject = $3)
        RETURNING s.token_id, s.subject, s.account
    )
    SELECT ended.token_id, ended.subject, coalesce(t.account, ended.account) AS account, count(*) AS ended
    FROM ended LEFT JOIN api_tokens t ON t.id = ended.token_id GROUP BY 1, 2, 3";

impl Database {
    /// The valid sessions of all accounts, oldest first.
    pub async fn sessions(&self, rules: &SessionRules) -> Result<Vec<ListedSession>, StoreError> {
        let rows = self
            .connection()
            .await?
            .query(LIST, &rules.parameters().as_array())
            .await?;
        let listed = rows.iter().map(|row| {
            Ok(ListedSession {
                id: row.get("id"),
                who: Who::of(row),
                account: tokens::account(row)?,
                role: tokens::role(row)?,
                created_at: row.get("created_at"),
                last_used_at: row.get("last_used_at"),
            })
        });
        listed.collect()
    }

    /// Ends the sessions of the filter, with audit entries.
    pub async fn end_sessions(&self, filter: &SessionFilter) -> Result<EndedSessions, StoreError> {
        let account = filter.account.as_ref().map(AccountName::as_str);
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let rows = transaction.query(END, &[&filter.id, &account, &filter.subject]).await?;
        let mut all = EndedSessions::new();
        for row in &rows {
            let (account, who, ended) = (tokens::account(row)?, Who::of(row), row.get::<_, i64>("ended"));
            let entry = Entry::of_account(&account, &Who::Operator, AuditAction::SessionRevoked);
            entry
                .with_detail(format!("{ended} of {who}"))
                .write(&transaction)
                .await?;
            all.insert((account.to_string(), who.to_string()), ended.unsigned_abs());
        }
        transaction.commit().await?;
        Ok(all)
    }
}
