//! What crosses a process boundary: the CRM's events coming in, the body that goes out, delivery jobs, test requests
//! and notifications. It encodes and decodes; it decides nothing. Schemas: `proto-schemas/`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cloud_event;
pub mod delivery_job;
pub mod event_body;
mod nesting;
pub mod schema;

pub use cloud_event::{CrmEvent, Rejection, RejectionReason};
pub use delivery_job::DeliveryJob;

/// Content type of our own messages: `application/protobuf` plus the message's name.
pub const DELIVERY_JOB: &str = "application/protobuf; messageType=easycrm.webhooks.v1.DeliveryJob";
