//! How the log is shared out: by days and by webhooks.

use domain::{AccountName, WebhookId};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Days of the log; the last of them is today.
pub const DAYS: i64 = 30;
/// Webhooks that share it. The first has a fifth of the deliveries, the others the same number each.
pub const WEBHOOKS: usize = 1000;

/// One webhook of the log.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) account: AccountName,
    pub(super) webhook: WebhookId,
}

/// Its days, oldest first.
pub(super) fn days() -> Vec<Date> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    (0..DAYS)
        .rev()
        .filter_map(|ago| today.checked_sub(ago.days()).ok())
        .collect()
}
