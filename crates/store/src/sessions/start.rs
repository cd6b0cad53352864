//! Starts a session, and ends others that it replaces.

use domain::AuditAction;
use domain::sso::Voucher;

use super::SessionKey;
use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;

/// Maximum sessions of one token, or of one person; the oldest is replaced.
const MOST: i64 = 50;

const START: &str = "/* sessions.start.start */
    INSERT INTO console_sessions (hash, token_id, subject, account, role, issuer, key_fingerprint)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// The latest role from the CRM counts: sessions with another role end with the next SSO token.
const END_OTHER_ROLES: &str = "/* sessions.start.end_other_roles */
    DELETE FROM console_sessions WHERE account = $1 AND subject = $2 AND role <> $3";

const END_OLDEST_OF_TOKEN: &str =
    "/* sessions.start.end_oldest_of_token */ DELETE FROM console_sessions WHERE hash IN (
    SELECT hash FROM console_sessions WHERE token_id = $1 ORDER BY created_at DESC OFFSET $2)";

const END_OLDEST_OF_PERSON: &str = "/* sessions.start.end_oldest_of_person */
    DELETE FROM console_sessions WHERE hash IN (
    SELECT hash FROM console_sessions WHERE account = $1 AND subject = $2 ORDER BY created_at DESC OFFSET $3)";

impl Database {
    /// Starts a session for an API token.
    pub async fn start_session(&self, bearer: &Bearer) -> Result<SessionKey, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let key = start(&transaction, bearer, None).await?;
        transaction.commit().await?;
        Ok(key)
    }
}

/// A new session, whose account and role are the token's if there is one. Called in a transaction.
pub(crate) async fn start(
    transaction: &Connection,
    bearer: &Bearer,
    voucher: Option<&Voucher>,
) -> Result<SessionKey, StoreError> {
    let key = SessionKey::generate();
    let (token, subject) = bearer.who.columns();
    let account = bearer.account.as_str();
    let role: &str = bearer.role.into();
    if let Some(subject) = subject {
        transaction
            .execute(END_OTHER_ROLES, &[&account, &subject, &role])
            .await?;
        transaction
            .execute(END_OLDEST_OF_PERSON, &[&account, &subject, &(MOST - 1)])
            .await?;
    } else {
        transaction.execute(END_OLDEST_OF_TOKEN, &[&token, &(MOST - 1)]).await?;
    }
    let account = subject.map(|_| account);
    let role = subject.map(|_| role);
    let (issuer, signed_with) = voucher
        .map(|voucher| (&voucher.issuer, &voucher.key_fingerprint))
        .unzip();
    let hash = key.hash();
    transaction
        .execute(
            START,
            &[
                &hash.as_slice(),
                &token,
                &subject,
                &account,
                &role,
                &issuer,
                &signed_with,
            ],
        )
        .await?;
    Entry::of_account(&bearer.account, &bearer.who, AuditAction::SignedIn)
        .write(transaction)
        .await?;
    Ok(key)
}
