//! The delivery log, one file an operation.

pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod payload;
pub(crate) mod representation;
pub(crate) mod retry;

/// The tag of these operations.
const TAG: &str = "Deliveries";
