//! Re-encrypts stored secrets, so that a former key can be retired. Everything keeps running meanwhile: processes
//! decrypt a secret with the key that its row names.

use domain::{AccountName, WebhookId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::Place;
use crate::database::Database;
use crate::error::StoreError;

/// Rows processed in one transaction.
const BATCH: i64 = 200;

/// The result of a re-encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rekeyed {
    /// Re-encrypted with the current key.
    pub changed: u64,
    /// Already encrypted with it, and bound to their webhook.
    pub current: u64,
    /// Cannot be decrypted with any configured key. They stay unchanged.
    pub unreadable: u64,
}

/// In the order of the primary key, so that the whole table is walked once.
const NEXT: &str = "/* secret_keys.rekey.next */ SELECT s.id, s.webhook_id, w.account, s.key_id, s.ciphertext
    FROM webhook_secrets s JOIN webhooks w ON w.id = s.webhook_id
    WHERE s.id > $1 ORDER BY s.id LIMIT $2 FOR UPDATE OF s";

const REPLACE: &str = "/* secret_keys.rekey.replace */
    UPDATE webhook_secrets SET key_id = $2, ciphertext = $3 WHERE id = $1";

const NEXT_HEADERS: &str = "/* secret_keys.rekey.next_headers */
    SELECT h.webhook_id AS id, h.webhook_id, w.account, h.key_id, h.ciphertext
    FROM webhook_headers h JOIN webhooks w ON w.id = h.webhook_id
    WHERE h.webhook_id > $1 ORDER BY h.webhook_id LIMIT $2 FOR UPDATE OF h";

const REPLACE_HEADERS: &str = "/* secret_keys.rekey.replace_headers */
    UPDATE webhook_headers SET key_id = $2, ciphertext = $3 WHERE webhook_id = $1";

/// A table with ciphertexts.
#[derive(Debug, Clone, Copy)]
enum Table {
    Secrets,
    Headers,
}

impl Table {
    const fn statements(self) -> (&'static str, &'static str) {
        match self {
            Self::Secrets => (NEXT, REPLACE),
            Self::Headers => (NEXT_HEADERS, REPLACE_HEADERS),
        }
    }
}

impl Database {
    /// Re-encrypts every webhook's secret, and its request headers, that do not use the current key and format. A process that still encrypts
    /// with a former key may add secrets behind it: call it when there is none any more.
    ///
    /// # Errors
    /// What was done until then stays done.
    pub async fn rekey_secrets(&self) -> Result<Rekeyed, StoreError> {
        let mut rekeyed = Rekeyed::default();
        for table in [Table::Secrets, Table::Headers] {
            let mut after = Some(Uuid::nil());
            while let Some(last) = after {
                after = self.rekey_batch(table, last, &mut rekeyed).await?;
            }
        }
        Ok(rekeyed)
    }

    /// Returns the last processed row; `None` when there were no more.
    async fn rekey_batch(&self, table: Table, after: Uuid, rekeyed: &mut Rekeyed) -> Result<Option<Uuid>, StoreError> {
        let (next, replace) = table.statements();
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let rows = transaction.query(next, &[&after, &BATCH]).await?;
        for row in &rows {
            match self.resealed(table, row)? {
                Resealed::Unreadable => rekeyed.unreadable += 1,
                Resealed::Current => rekeyed.current += 1,
                Resealed::Changed { key_id, ciphertext } => {
                    transaction
                        .execute(replace, &[&row.get::<_, Uuid>("id"), &key_id, &ciphertext])
                        .await?;
                    rekeyed.changed += 1;
                }
            }
        }
        transaction.commit().await?;
        Ok(rows.last().map(|row| row.get("id")))
    }

    fn resealed(&self, table: Table, row: &Row) -> Result<Resealed, StoreError> {
        let account: AccountName = row
            .get::<_, &str>("account")
            .parse()
            .map_err(|_| StoreError::UnknownValue("account"))?;
        let webhook = WebhookId(row.get("webhook_id"));
        let account = &account;
        let place = match table {
            Table::Secrets => Place::Webhook {
                row: row.get("id"),
                webhook,
                account,
            },
            Table::Headers => Place::Headers { webhook, account },
        };
        Ok(
            match self.keys.open_bytes(place, row.get("key_id"), row.get("ciphertext")) {
                Err(_) => Resealed::Unreadable,
                Ok((_, false)) => Resealed::Current,
                Ok((opened, true)) => {
                    let sealed = self.keys.seal_bytes(place, &opened);
                    Resealed::Changed {
                        key_id: sealed.key_id,
                        ciphertext: sealed.ciphertext,
                    }
                }
            },
        )
    }
}

enum Resealed {
    Unreadable,
    Current,
    Changed { key_id: String, ciphertext: Vec<u8> },
}
