//! Sessions of people for whom a CRM vouches. A ticket is exchanged for one session, and then never again.

use domain::sso::Ticket;

use crate::bearer::{Bearer, Who};
use crate::database::Database;
use crate::error::StoreError;
use crate::sessions::{self, SessionKey, SessionLimits};

/// Whoever comes second waits for the first, and then finds it used.
const USE: &str = "INSERT INTO sso_tokens_used (id, dead_since) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Kept longer than they need be, because the clocks of the processes that judge their age may be behind.
const FORGET: &str = "DELETE FROM sso_tokens_used WHERE dead_since < now() - interval '1 hour'";

impl Database {
    /// Starts the session that a ticket is good for; `None` when it was used before. It counts as used only when the
    /// session stands.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn start_session_by_ticket(
        &self,
        ticket: &Ticket,
        limits: SessionLimits,
    ) -> Result<Option<SessionKey>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction.execute(USE, &[&ticket.id, &ticket.dead_since]).await? == 0 {
            return Ok(None);
        }
        let (account, role) = (ticket.account.clone(), ticket.role);
        let bearer = Bearer { who: Who::Person(ticket.subject.clone()), account, role };
        let key = sessions::start(&*transaction, &bearer, limits).await?;
        transaction.commit().await?;
        Ok(Some(key))
    }

    /// Forgets used tickets that are refused for their age.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn forget_used_tickets(&self) -> Result<u64, StoreError> {
        Ok(self.connection().await?.execute(FORGET, &[]).await?)
    }
}
