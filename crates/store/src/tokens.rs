//! API tokens: 32 random bytes each, stored as their hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use domain::Role;
use domain::{AccountName, AuditAction};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::audit::Entry;
use crate::bearer::{Bearer, Credential, Who};
use crate::connection::Transaction;
use crate::database::Database;
use crate::error::StoreError;

/// Lets secret scanners recognise a leaked token.
const PREFIX: &str = "ewh_";
const TOKEN_BYTES: usize = 32;

/// A stored token, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// Tenant it acts for; `None` for a service token.
    pub account: Option<AccountName>,
    /// Its role.
    pub role: Role,
    /// Purpose of the token.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Its expiry; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A token to create.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// Tenant it acts for; `None` for a service token.
    pub account: Option<&'a AccountName>,
    /// Its role.
    pub role: Role,
    /// Purpose of the token.
    pub name: &'a str,
    /// Its expiry; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// A token that was just created.
#[derive(Debug)]
pub struct CreatedToken {
    /// As it is stored.
    pub token: Token,
    /// Its text, which cannot be shown again.
    pub text: TokenText,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// It does not exist.
    Unknown,
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
    /// It is a service token, which has no account of its own.
    Service,
}

/// A token's text, shown once and wiped when dropped.
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(&mut *bytes).expect("the operating system has a random number generator");
        Self(Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes))))
    }

    /// The text, for the person who created the token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(hidden)")
    }
}

const CREATE: &str = "/* tokens.create */
    INSERT INTO api_tokens (id, account, role, name, expires_at, hash) VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id, account, role, name, created_at, last_used_at, expires_at, revoked_at";

/// Concurrent creations in an account are counted one after the other.
const LOCK_ACCOUNT: &str = "/* tokens.lock_account */
    SELECT pg_advisory_xact_lock(hashtext('create_token'), hashtext($1))";

const COUNT: &str = "/* tokens.count */ SELECT count(*) FROM api_tokens
    WHERE account = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())";

const LIST: &str = "/* tokens.list */
    SELECT id, account, role, name, created_at, last_used_at, expires_at, revoked_at FROM api_tokens
    ORDER BY created_at, id";

const ACCOUNT_PAGE: &str = "/* tokens.account_page */
    SELECT id, account, role, name, created_at, last_used_at, expires_at, revoked_at FROM api_tokens
    WHERE account = $1 AND revoked_at IS NULL
        AND (created_at, id) > (coalesce($2, '-infinity'::timestamptz),
            coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid))
    ORDER BY created_at, id LIMIT $4";

const REVOKE: &str = "/* tokens.revoke */ UPDATE api_tokens SET revoked_at = now()
    WHERE id = $1 AND revoked_at IS NULL AND ($2::text IS NULL OR account = $2)
    RETURNING account, role, name";

const EXISTS: &str = "/* tokens.exists */ SELECT EXISTS (SELECT FROM api_tokens WHERE id = $1)";

const CREDENTIAL: &str = "/* tokens.credential */ SELECT id, account, role, revoked_at IS NOT NULL AS revoked,
        coalesce(expires_at <= now(), false) AS expired,
        last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS stale
    FROM api_tokens WHERE hash = $1";

const USED: &str = "/* tokens.used */ UPDATE api_tokens SET last_used_at = now() WHERE id = $1";

impl Database {
    /// Creates a token of an account, unless the account has `at_most` tokens that can be used already: each has rate
    /// limits of its own.
    pub async fn create_account_token(
        &self,
        by: &Who,
        new: &NewToken<'_>,
        at_most: i64,
    ) -> Result<Option<CreatedToken>, StoreError> {
        let account = new.account.map(AccountName::as_str);
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        transaction.execute(LOCK_ACCOUNT, &[&account]).await?;
        let count: i64 = transaction.query_one(COUNT, &[&account]).await?.get(0);
        if count >= at_most {
            return Ok(None);
        }
        let created = create(&transaction, by, new).await?;
        transaction.commit().await?;
        Ok(Some(created))
    }

    /// Creates a token. A service token is in no account's audit trail.
    pub async fn create_token(&self, by: &Who, new: &NewToken<'_>) -> Result<CreatedToken, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let created = create(&transaction, by, new).await?;
        transaction.commit().await?;
        Ok(created)
    }

    /// Every token, revoked ones too, oldest first.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.connection()
            .await?
            .query(LIST, &[])
            .await?
            .iter()
            .map(token)
            .collect()
    }

    /// A page of the account's tokens that were not revoked, oldest first, from the one after `after`.
    pub async fn account_tokens(
        &self,
        account: &AccountName,
        after: Option<(Timestamp, Uuid)>,
        limit: i64,
    ) -> Result<Vec<Token>, StoreError> {
        let (created_at, id) = after.unzip();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(ACCOUNT_PAGE).await?;
        let rows = connection
            .query(&statement, &[&account.as_str(), &created_at, &id, &limit])
            .await?;
        rows.iter().map(token).collect()
    }

    /// Revokes the token; false when it does not exist.
    pub async fn revoke_token(&self, by: &Who, id: Uuid) -> Result<bool, StoreError> {
        if self.revoke(by, None, id).await? {
            return Ok(true);
        }
        Ok(self.connection().await?.query_one(EXISTS, &[&id]).await?.get(0))
    }

    /// Revokes a token of `by`'s account; false when the account has no such token, or it was revoked before.
    pub async fn revoke_account_token(&self, by: &Bearer, id: Uuid) -> Result<bool, StoreError> {
        self.revoke(&by.who, Some(&by.account), id).await
    }

    async fn revoke(&self, by: &Who, of: Option<&AccountName>, id: Uuid) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let of = of.map(AccountName::as_str);
        let Some(row) = transaction.query_opt(REVOKE, &[&id, &of]).await? else {
            return Ok(false);
        };
        if let Some(account) = any_account(&row)? {
            let role = role(&row)?;
            let name: &str = row.get("name");
            let entry = Entry::of_account(&account, by, AuditAction::TokenRevoked);
            entry
                .with_detail(format!("{id}, {role}, {name:?}"))
                .write(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The principal of this token of an account.
    pub async fn bearer(&self, text: &str) -> Result<Result<Bearer, TokenRefusal>, StoreError> {
        let credential = self.credential(text).await?;
        Ok(credential.and_then(|credential| credential.acting_for(None).map_err(|_| TokenRefusal::Service)))
    }

    /// This token, of an account or a service. The lookup is by hash, so its duration reveals nothing about a similar token.
    pub async fn credential(&self, text: &str) -> Result<Result<Credential, TokenRefusal>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(CREDENTIAL).await?;
        let Some(row) = connection.query_opt(&statement, &[&hash(text).as_slice()]).await? else {
            return Ok(Err(TokenRefusal::Unknown));
        };
        if row.get("revoked") {
            return Ok(Err(TokenRefusal::Revoked));
        }
        if row.get("expired") {
            return Ok(Err(TokenRefusal::Expired));
        }
        let id: Uuid = row.get("id");
        if row.get("stale") {
            connection.execute(USED, &[&id]).await?;
        }
        Ok(Ok(Credential {
            token: id,
            account: any_account(&row)?,
            role: role(&row)?,
        }))
    }
}

async fn create(transaction: &Transaction<'_>, by: &Who, new: &NewToken<'_>) -> Result<CreatedToken, StoreError> {
    let text = TokenText::generate();
    let id = Uuid::now_v7();
    let hash = hash(text.expose());
    let account = new.account.map(AccountName::as_str);
    let role: &str = new.role.into();
    let name = new.name;
    let values: [&(dyn ToSql + Sync); 6] = [&id, &account, &role, &name, &new.expires_at, &hash.as_slice()];
    let token = token(&transaction.query_one(CREATE, &values).await?)?;
    if let Some(account) = new.account {
        let until = new.expires_at.map_or_else(String::new, |at| format!(", expires {at}"));
        let entry = Entry::of_account(account, by, AuditAction::TokenCreated);
        entry
            .with_detail(format!("{id}, {role}, {name:?}{until}"))
            .write(transaction)
            .await?;
    }
    Ok(CreatedToken { token, text })
}

/// The first digits of a token's hash, in hexadecimal: enough to identify a token in a log, and to find it in the
/// database (`encode(hash, 'hex')`), but useless for guessing the token.
pub fn fingerprint(text: &str) -> String {
    hash(text)[..3].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

pub(crate) fn account(row: &Row) -> Result<AccountName, StoreError> {
    row.get::<_, &str>("account")
        .parse()
        .map_err(|_| StoreError::UnknownValue("account"))
}

/// None for a service token.
fn any_account(row: &Row) -> Result<Option<AccountName>, StoreError> {
    let name: Option<&str> = row.get("account");
    name.map(str::parse)
        .transpose()
        .map_err(|_| StoreError::UnknownValue("account"))
}

pub(crate) fn role(row: &Row) -> Result<Role, StoreError> {
    row.get::<_, &str>("role")
        .parse()
        .map_err(|_| StoreError::UnknownValue("role"))
}

fn token(row: &Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.get("id"),
        account: any_account(row)?,
        role: role(row)?,
        name: row.get("name"),
        created_at: row.get("created_at"),
        last_used_at: row.get("last_used_at"),
        expires_at: row.get("expires_at"),
        revoked_at: row.get("revoked_at"),
    })
}
