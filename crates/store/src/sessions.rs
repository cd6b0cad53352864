//! Sessions of the console: what a browser holds instead of an API token, stored as its hash.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio_postgres::GenericClient;
use zeroize::Zeroizing;

use crate::bearer::{Bearer, Who};
use crate::database::Database;
use crate::error::StoreError;
use crate::tokens;

const KEY_BYTES: usize = 32;

/// What the browser holds: 32 random bytes. Hidden in `Debug`, overwritten when dropped.
#[derive(Clone)]
pub struct SessionKey(Zeroizing<[u8; KEY_BYTES]>);

impl SessionKey {
    /// A new one.
    ///
    /// # Panics
    /// When the operating system has no randomness to give; a guessable key would be worse.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *bytes).expect("the operating system has a random number generator");
        Self(bytes)
    }

    /// The key that a browser sent back; `None` for what never was one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut *bytes).ok()?;
        (length == KEY_BYTES).then_some(Self(bytes))
    }

    /// The text for the browser.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    /// A text that only this session has, one for each purpose. It does not tell the key.
    pub fn derive(&self, purpose: &str) -> String {
        let hash = Sha256::new().chain_update(purpose).chain_update([0]).chain_update(*self.0).finalize();
        URL_SAFE_NO_PAD.encode(hash)
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(hidden)")
    }
}

/// After which times a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Since it was last used.
    pub idle: Duration,
    /// Since it began.
    pub absolute: Duration,
}

/// Who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// As whom: the bearer of the token that was used to sign in, or the person for whom the CRM vouched.
    pub bearer: Bearer,
    /// What to call them: what the token is for, or the subject. May be empty.
    pub name: String,
}

const FORGET: &str = "DELETE FROM console_sessions
    WHERE last_used_at <= now() - make_interval(secs => $1) OR created_at <= now() - make_interval(secs => $2)";

const START: &str = "INSERT INTO console_sessions (hash, token_id, subject, account, role) VALUES ($1, $2, $3, $4, $5)";

/// Of a token's session everything but the times is the token's, as it is now.
const FIND: &str = "SELECT s.token_id, s.subject, coalesce(t.account, s.account) AS account,
        coalesce(t.role, s.role) AS role, coalesce(t.name, s.subject) AS name,
        s.last_used_at < now() - interval '1 minute' AS stale
    FROM console_sessions s LEFT JOIN api_tokens t ON t.id = s.token_id
    WHERE s.hash = $1 AND t.revoked_at IS NULL
        AND s.last_used_at > now() - make_interval(secs => $2) AND s.created_at > now() - make_interval(secs => $3)";

const USED: &str = "WITH used AS (UPDATE console_sessions SET last_used_at = now() WHERE hash = $1 RETURNING token_id)
    UPDATE api_tokens SET last_used_at = now() FROM used WHERE id = used.token_id";

const END: &str = "DELETE FROM console_sessions WHERE hash = $1";

impl Database {
    /// Starts a session, and forgets those that have ended by themselves.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn start_session(&self, bearer: &Bearer, limits: SessionLimits) -> Result<SessionKey, StoreError> {
        start(&**self.connection().await?, bearer, limits).await
    }

    /// The session of this key; `None` when it has ended, or its token was revoked. `used` says whether this look-up is
    /// somebody's doing and so keeps the session going: a page that refreshes itself must not.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn session(
        &self,
        key: &SessionKey,
        limits: SessionLimits,
        used: bool,
    ) -> Result<Option<Session>, StoreError> {
        let hash = key.hash();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(FIND).await?;
        let (idle, absolute) = (limits.idle.as_secs_f64(), limits.absolute.as_secs_f64());
        let row = connection.query_opt(&statement, &[&hash.as_slice(), &idle, &absolute]).await?;
        let Some(row) = row else { return Ok(None) };
        if used && row.get("stale") {
            connection.execute(USED, &[&hash.as_slice()]).await?;
        }
        let bearer = Bearer { who: Who::of(&row), account: tokens::account(&row)?, role: tokens::role(&row)? };
        Ok(Some(Session { bearer, name: row.get("name") }))
    }

    /// Ends a session. One that has ended already stays so.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn end_session(&self, key: &SessionKey) -> Result<(), StoreError> {
        self.connection().await?.execute(END, &[&key.hash().as_slice()]).await?;
        Ok(())
    }
}

/// A new session, whose account and role are the token's if there is one. Forgets those that have ended by themselves.
pub(crate) async fn start(
    client: &impl GenericClient,
    bearer: &Bearer,
    limits: SessionLimits,
) -> Result<SessionKey, StoreError> {
    let key = SessionKey::generate();
    client.execute(FORGET, &[&limits.idle.as_secs_f64(), &limits.absolute.as_secs_f64()]).await?;
    let (token, subject) = bearer.who.columns();
    let account = subject.map(|_| bearer.account.as_str());
    let role = subject.map(|_| bearer.role.as_str());
    client.execute(START, &[&key.hash().as_slice(), &token, &subject, &account, &role]).await?;
    Ok(key)
}
