//! API tokens: 32 random bytes each, stored as their hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::AccountName;
pub use domain::Role;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::bearer::{Bearer, Who};
use crate::database::Database;
use crate::error::StoreError;

/// By which scanners recognise a leaked token.
const PREFIX: &str = "ewh_";
const TOKEN_BYTES: usize = 32;

/// A stored token, without what would let anybody use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// Tenant it acts for.
    pub account: AccountName,
    /// What its bearer may do.
    pub role: Role,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

/// A token's text, shown once and wiped when dropped.
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(&mut *bytes).expect("the operating system has a random number generator");
        Self(Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes))))
    }

    /// The text, for the one who asked for the token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(hidden)")
    }
}

const CREATE: &str = "INSERT INTO api_tokens (id, account, role, name, hash) VALUES ($1, $2, $3, $4, $5)";

const LIST: &str = "SELECT id, account, role, name, created_at, last_used_at, revoked_at FROM api_tokens
    ORDER BY created_at, id";

const REVOKE: &str = "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1";

const BEARER: &str =
    "SELECT id, account, role, last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS stale
    FROM api_tokens WHERE hash = $1 AND revoked_at IS NULL";

const USED: &str = "UPDATE api_tokens SET last_used_at = now() WHERE id = $1";

impl Database {
    /// Makes a token and returns its text, which nobody can show again.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn create_token(&self, account: &AccountName, role: Role, name: &str) -> Result<TokenText, StoreError> {
        let text = TokenText::generate();
        let connection = self.connection().await?;
        let (id, hash) = (Uuid::now_v7(), hash(text.expose()));
        connection.execute(CREATE, &[&id, &account.as_str(), &role.as_str(), &name, &hash.as_slice()]).await?;
        Ok(text)
    }

    /// Every token, revoked ones too, oldest first.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.connection().await?.query(LIST, &[]).await?.iter().map(token).collect()
    }

    /// Refuses the token from now on; false when there is none of that id.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn revoke_token(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.connection().await?.execute(REVOKE, &[&id]).await? > 0)
    }

    /// Who bears this token; `None` for an unknown or revoked one. The look-up is by hash, so how long it takes says
    /// nothing about a token that nearly fits.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn bearer(&self, text: &str) -> Result<Option<Bearer>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(BEARER).await?;
        let Some(row) = connection.query_opt(&statement, &[&hash(text).as_slice()]).await? else { return Ok(None) };
        let id: Uuid = row.get("id");
        if row.get("stale") {
            connection.execute(USED, &[&id]).await?;
        }
        Ok(Some(Bearer { who: Who::Token(id), account: account(&row)?, role: role(&row)? }))
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

pub(crate) fn account(row: &Row) -> Result<AccountName, StoreError> {
    row.get::<_, &str>("account").parse().map_err(|_| StoreError::UnknownValue("account"))
}

pub(crate) fn role(row: &Row) -> Result<Role, StoreError> {
    row.get::<_, &str>("role").parse().map_err(|_| StoreError::UnknownValue("role"))
}

fn token(row: &Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.get("id"),
        account: account(row)?,
        role: role(row)?,
        name: row.get("name"),
        created_at: row.get("created_at"),
        last_used_at: row.get("last_used_at"),
        revoked_at: row.get("revoked_at"),
    })
}
