//! What the use cases work with.

use domain::{AddressPolicy, AuditAction, ReleaseRate, WebhookId};
use store::Database;
use store::bearer::Bearer;

use crate::check_limit::CheckLimit;
use crate::test_delivery::TestSending;

/// The use cases, one method each. Clones share the limits of test deliveries.
#[derive(Clone)]
pub struct Admin {
    /// Where webhooks and the delivery log are.
    pub database: Database,
    /// Which addresses a webhook may be saved with.
    pub address_policy: AddressPolicy,
    /// How fast a resumed webhook gets the deliveries that were held.
    pub release_rate: ReleaseRate,
    /// Most webhooks of one account: each event is matched against all of them, and becomes a request to each.
    pub webhooks_per_account: i64,
    /// Addresses and networks that requests to receivers come from, for their firewalls.
    pub egress_addresses: Vec<String>,
    /// How often a person may check requests.
    pub check_limit: CheckLimit,
    /// Largest event that is accepted, in bytes.
    pub largest_event: usize,
    /// Sends test deliveries.
    pub test_sending: TestSending,
}

/// One log line for each change, beside the audit entry that the store wrote.
pub(crate) fn log_change(by: &Bearer, webhook: WebhookId, action: AuditAction) {
    tracing::info!(account = %by.account, by = %by.who, webhook_id = %webhook, %action, "webhook changed");
}
