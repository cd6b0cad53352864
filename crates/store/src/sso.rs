//! Sessions by single sign-on. An SSO token is exchanged for one session, once.

use domain::sso::Token;

use crate::bearer::{Bearer, Who};
use crate::database::Database;
use crate::error::StoreError;
use crate::sessions::{self, SessionKey};

/// A concurrent second use waits for the first, and then finds the token used.
const USE: &str = "/* sso.use */ INSERT INTO sso_tokens_used (id, dead_since) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Kept longer than necessary, because the clocks of the processes that check the expiry may be behind.
const DELETE: &str = "/* sso.delete */ DELETE FROM sso_tokens_used WHERE dead_since < now() - interval '1 hour'";

impl Database {
    /// Starts the session for an SSO token; `None` when it was used before. It counts as used only when the session was
    /// created.
    pub async fn start_session_by_sso_token(&self, token: &Token) -> Result<Option<SessionKey>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction.execute(USE, &[&token.id, &token.dead_since]).await? == 0 {
            return Ok(None);
        }
        let account = token.account.clone();
        let role = token.role;
        let bearer = Bearer {
            who: Who::Person(token.subject.clone()),
            account,
            role,
        };
        let key = sessions::start(&transaction, &bearer, Some(&token.voucher)).await?;
        transaction.commit().await?;
        Ok(Some(key))
    }

    /// Deletes used tokens that are expired by now.
    pub async fn delete_used_sso_tokens(&self) -> Result<u64, StoreError> {
        self.connection().await?.execute(DELETE, &[]).await
    }
}
