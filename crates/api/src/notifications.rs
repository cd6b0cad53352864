//! `/notifications`, one file an operation.

pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod read_all;
pub(crate) mod representation;

/// The tag of these operations.
const TAG: &str = "Notifications";
