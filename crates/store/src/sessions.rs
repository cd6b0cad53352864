//! Sessions of the console: what a browser holds instead of an API token, stored as its hash. A session is valid only
//! with its credential: it ends with its API token, or with the CRM's key that signed the SSO token.

mod operator;
mod start;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::AuditAction;
use domain::sso::Voucher;
pub use operator::{EndedSessions, ListedSession, SessionFilter};
use sha2::{Digest, Sha256};
pub(crate) use start::start;
use tokio_postgres::types::ToSql;
use zeroize::Zeroizing;

use crate::audit::Entry;
use crate::bearer::{Bearer, Who};
use crate::database::Database;
use crate::error::StoreError;
use crate::tokens;

const KEY_BYTES: usize = 32;

/// The browser's session key: 32 random bytes. Hidden in `Debug`, overwritten when dropped.
#[derive(Clone)]
pub struct SessionKey(Zeroizing<[u8; KEY_BYTES]>);

impl SessionKey {
    /// A new key.
    ///
    /// # Panics
    /// When the operating system has no randomness; a guessable key would be worse.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *bytes).expect("the operating system has a random number generator");
        Self(bytes)
    }

    /// The key that a browser sent; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut *bytes).ok()?;
        (length == KEY_BYTES).then_some(Self(bytes))
    }

    /// The text for the cookie.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    /// A text unique to this session and purpose. It does not reveal the key.
    pub fn derive(&self, purpose: &str) -> String {
        let hash = Sha256::new()
            .chain_update(purpose)
            .chain_update([0])
            .chain_update(*self.0)
            .finalize();
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

/// Timeouts of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Since its last use.
    pub idle: Duration,
    /// Since its start.
    pub absolute: Duration,
}

/// The rules by which sessions are valid.
#[derive(Debug, Clone)]
pub struct SessionRules {
    /// Their timeouts.
    pub limits: SessionLimits,
    /// Trusted issuers and keys of SSO tokens; without any, everyone has to use an API token.
    pub vouchers: Vec<Voucher>,
}

/// The parameters of [`IS_WORTH_ANYTHING`].
struct RuleParameters<'a> {
    idle: f64,
    absolute: f64,
    issuers: Vec<&'a str>,
    keys: Vec<&'a str>,
}

impl SessionRules {
    fn parameters(&self) -> RuleParameters<'_> {
        let idle = self.limits.idle.as_secs_f64();
        let absolute = self.limits.absolute.as_secs_f64();
        let vouchers = self
            .vouchers
            .iter()
            .map(|voucher| (voucher.issuer.as_str(), voucher.key_fingerprint.as_str()));
        let (issuers, keys) = vouchers.unzip();
        RuleParameters {
            idle,
            absolute,
            issuers,
            keys,
        }
    }
}

impl RuleParameters<'_> {
    fn as_array(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.idle, &self.absolute, &self.issuers, &self.keys]
    }
}

/// A signed-in principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The principal of the API token, or the person whom the CRM signed in.
    pub bearer: Bearer,
    /// Display name: the token's name, or the subject. May be empty.
    pub name: String,
}

/// For a row `s` of `console_sessions` with its token `t`, if it has one.
macro_rules! is_worth_anything {
    () => {
        "t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
        AND s.last_used_at > now() - make_interval(secs => $1) AND s.created_at > now() - make_interval(secs => $2)
        AND (s.subject IS NULL OR (s.issuer, s.key_fingerprint) IN (SELECT * FROM unnest($3::text[], $4::text[])))"
    };
}
use is_worth_anything;

/// Account and role of a token's session are the token's current ones.
const FIND: &str = concat!(
    "/* sessions.find */ SELECT s.token_id, s.subject, coalesce(t.account, s.account) AS account,
        coalesce(t.role, s.role) AS role, coalesce(t.name, s.subject) AS name,
        s.last_used_at < now() - interval '1 minute' AS stale
    FROM console_sessions s LEFT JOIN api_tokens t ON t.id = s.token_id
    WHERE s.hash = $5 AND ",
    is_worth_anything!()
);

const DELETE: &str = "/* sessions.delete */ DELETE FROM console_sessions
    WHERE last_used_at <= now() - make_interval(secs => $1) OR created_at <= now() - make_interval(secs => $2)";

const USED: &str = "/* sessions.used */
    WITH used AS (UPDATE console_sessions SET last_used_at = now() WHERE hash = $1 RETURNING token_id)
    UPDATE api_tokens SET last_used_at = now() FROM used WHERE id = used.token_id";

const END: &str = "/* sessions.end */ DELETE FROM console_sessions WHERE hash = $1";

impl Database {
    /// The session of this key; `None` when it has ended, or is not valid any more. `used`: whether this request is a
    /// person's and extends the idle timeout; a page that refreshes itself must not.
    pub async fn session(
        &self,
        key: &SessionKey,
        rules: &SessionRules,
        used: bool,
    ) -> Result<Option<Session>, StoreError> {
        let hash = key.hash();
        let rules = rules.parameters();
        let hash = hash.as_slice();
        let [idle, absolute, issuers, keys] = rules.as_array();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(FIND).await?;
        let row = connection
            .query_opt(&statement, &[idle, absolute, issuers, keys, &hash])
            .await?;
        let Some(row) = row else { return Ok(None) };
        if used && row.get("stale") {
            connection.execute(USED, &[&hash]).await?;
        }
        let bearer = Bearer {
            who: Who::of(&row),
            account: tokens::account(&row)?,
            role: tokens::role(&row)?,
        };
        Ok(Some(Session {
            bearer,
            name: row.get("name"),
        }))
    }

    /// Ends a session; idempotent.
    pub async fn end_session(&self, key: &SessionKey) -> Result<(), StoreError> {
        self.connection().await?.execute(END, &[&key.hash().as_slice()]).await?;
        Ok(())
    }

    /// Ends a session by sign-out, with an audit entry.
    pub async fn sign_out(&self, by: &Bearer, key: &SessionKey) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction.execute(END, &[&key.hash().as_slice()]).await? > 0 {
            Entry::of_account(&by.account, &by.who, AuditAction::SignedOut)
                .write(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes sessions that have timed out.
    pub async fn delete_ended_sessions(&self, limits: SessionLimits) -> Result<u64, StoreError> {
        let idle = limits.idle.as_secs_f64();
        let absolute = limits.absolute.as_secs_f64();
        self.connection().await?.execute(DELETE, &[&idle, &absolute]).await
    }
}
