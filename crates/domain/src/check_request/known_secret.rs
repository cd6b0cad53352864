//! The secrets of a webhook, with the time that they stop signing.

use jiff::Timestamp;

use super::duration::duration;
use super::finding::{Finding, FindingCode};
use crate::secret::SigningSecret;

/// A secret of the webhook.
#[derive(Debug)]
pub struct KnownSecret {
    /// The secret.
    pub secret: SigningSecret,
    /// When it stops signing; `None` for the current one.
    pub expires_at: Option<Timestamp>,
}

impl KnownSecret {
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(super) fn signed_at(&self, seconds: i64) -> bool {
        self.expires_at.is_none_or(|at| seconds <= at.as_second())
    }

    /// The finding that this former secret was used.
    pub(super) fn former(&self, now: Timestamp) -> Finding {
        let detail = match self.expires_at {
            Some(at) if at <= now => {
                let ago = now.as_second() - at.as_second();
                format!(
                    "A former secret was used, which stopped signing {} ago. Use the present one",
                    duration(ago.unsigned_abs())
                )
            }
            Some(at) => format!("A former secret was used, which signs until {at}. Use the present one by then"),
            None => String::new(),
        };
        Finding::new(FindingCode::FormerSecret, detail)
    }
}
