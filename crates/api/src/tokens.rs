//! `/tokens`, one file an operation. No operation takes an `Idempotency-Key`: a created token's text is stored nowhere, so
//! that it could not be answered again.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod representation;

/// The tag of these operations.
const TAG: &str = "Account";
