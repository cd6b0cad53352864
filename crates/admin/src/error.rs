//! Why a use case was not carried out.

use std::time::Duration;

use store::StoreError;

use crate::field_error::FieldError;
use crate::test_delivery::NoTestResult;

/// Why a use case was not carried out; nothing was changed then. API and pages each have their own words for it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The account has no such object. An object of another account gives the same error as one that does not exist.
    #[error("the account has no such object")]
    NotFound,
    /// Everything that is wrong with the form.
    #[error("the form has {} errors", .0.len())]
    Invalid(Vec<FieldError>),
    /// The account has as many webhooks as it may have.
    #[error("the account has {0} webhooks already")]
    WebhookLimit(i64),
    /// The account has as many API tokens as it may have.
    #[error("the account has {0} API tokens already")]
    TokenLimit(i64),
    /// The person may do this again after this time.
    #[error("too many requests: again in {} s", .0.as_secs())]
    RateLimited(Duration),
    /// The webhook is no longer at the version that was to be changed.
    #[error("the webhook was changed after it was read")]
    VersionChanged,
    /// The delivery has not ended, or its webhook is deleted, or it is a test delivery.
    #[error("the delivery cannot be sent again")]
    NotRetryable,
    /// The webhook's failed deliveries are being recovered already.
    #[error("a recovery of the webhook is in progress")]
    RecoveryUnderWay,
    /// The next test delivery may be sent after this time.
    #[error("a test delivery may be sent in {} s", .0.as_secs())]
    TestTooSoon(Duration),
    /// A test delivery has no result.
    #[error(transparent)]
    NoTestResult(#[from] NoTestResult),
    /// The database did not answer, or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}
