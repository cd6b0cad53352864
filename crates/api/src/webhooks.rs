//! `/webhooks`, one file an operation.

pub(crate) mod audit;
pub(crate) mod check_request;
pub(crate) mod create;
pub(crate) mod delete;
mod form;
pub(crate) mod get;
pub(crate) mod headers;
pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod preview;
pub(crate) mod recover;
pub(crate) mod recovery;
pub(crate) mod representation;
pub(crate) mod resume;
pub(crate) mod rotate_secret;
pub(crate) mod secret;
pub(crate) mod stats;
pub(crate) mod test;
pub(crate) mod test_endpoint;
pub(crate) mod test_result;
pub(crate) mod update;
mod version;

/// The tag of these operations.
const TAG: &str = "Webhooks";
/// What the header `ETag` is for.
const ETAG_TEXT: &str = "Version of the webhook, for `If-Match`";
