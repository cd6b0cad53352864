//! Details for a page of the log: attempts, and the first bytes of payloads, for all of its deliveries at once.

use std::collections::HashMap;

use domain::{AccountName, DeliveryId};
use uuid::Uuid;

use super::{Attempt, Delivery, attempt};
use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// The details of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extract {
    /// The first bytes of the payload.
    pub payload: Vec<u8>,
    /// Length of the payload, in bytes.
    pub payload_bytes: usize,
    /// The attempts, first to last; of more than ten, the last ten.
    pub attempts: Vec<Attempt>,
}

const PAYLOADS: &str = "/* delivery_log.extracts.payloads */
    SELECT d.id, substring(d.payload FOR $4) AS payload, octet_length(d.payload) AS payload_bytes
    FROM deliveries d JOIN unnest($2::uuid[], $3::date[]) AS line (id, created_on)
        ON d.id = line.id AND d.created_on = line.created_on
    WHERE d.account = $1";

const ATTEMPTS: &str = "/* delivery_log.extracts.attempts */
    SELECT a.delivery_id, a.number, a.trigger, a.at, a.outcome, a.http_status, a.response_time_ms,
        a.error, substring(a.response_excerpt FOR $3) AS response_excerpt
    FROM unnest($1::uuid[], $2::date[]) AS line (id, created_on) CROSS JOIN LATERAL (
        SELECT * FROM attempts WHERE delivery_id = line.id AND created_on = line.created_on
        ORDER BY number DESC LIMIT 10) AS a
    ORDER BY a.delivery_id, a.number";

impl Database {
    /// The details of these deliveries of the account. Payloads and response bodies are cut at `at_most_bytes`.
    /// Deliveries that no longer exist are omitted.
    pub async fn extracts(
        &self,
        account: &AccountName,
        deliveries: &[Delivery],
        at_most_bytes: i32,
    ) -> Result<HashMap<DeliveryId, Extract>, StoreError> {
        let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id.as_uuid()).collect();
        let days: Vec<_> = deliveries.iter().map(|delivery| day_of(delivery.created_at)).collect();
        let connection = self.connection().await?;
        let payloads = connection.prepare_cached(PAYLOADS).await?;
        let attempts = connection.prepare_cached(ATTEMPTS).await?;
        let mut extracts = HashMap::new();
        for row in connection
            .query(&payloads, &[&account.as_str(), &ids, &days, &at_most_bytes])
            .await?
        {
            let payload_bytes = usize::try_from(row.get::<_, i32>("payload_bytes")).unwrap_or_default();
            let extract = Extract {
                payload: row.get("payload"),
                payload_bytes,
                attempts: Vec::new(),
            };
            extracts.insert(row.get::<_, Uuid>("id").into(), extract);
        }
        // Only of deliveries that belong to the account by the first statement.
        for row in connection.query(&attempts, &[&ids, &days, &at_most_bytes]).await? {
            if let Some(extract) = extracts.get_mut(&row.get::<_, Uuid>("delivery_id").into()) {
                extract.attempts.push(attempt(&row)?);
            }
        }
        Ok(extracts)
    }
}
