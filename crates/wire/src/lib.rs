//! What crosses a process boundary: the CRM's events coming in, the body that goes out, delivery jobs, test requests
//! and notifications. It encodes and decodes; it decides nothing. Schemas: `proto-schemas/`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cloud_event;
pub mod delivery_job;
pub mod event_body;
mod nesting;
pub mod notification;
pub mod schema;
pub mod test_message;

pub use cloud_event::{CrmEvent, Rejection, RejectionReason};
pub use delivery_job::DeliveryJob;
pub use notification::Notification;
pub use test_message::{TestAnswer, TestAttempt, TestRequest};

/// Content type of our own messages: `application/protobuf` plus the message's name.
pub const DELIVERY_JOB: &str = "application/protobuf; messageType=easycrm.webhooks.v1.DeliveryJob";
/// The same of the Test button's question.
pub const TEST_REQUEST: &str = "application/protobuf; messageType=easycrm.webhooks.v1.TestRequest";
/// The same of its answer.
pub const TEST_ANSWER: &str = "application/protobuf; messageType=easycrm.webhooks.v1.TestAnswer";
/// The same of what administrators are told.
pub const NOTIFICATION: &str = "application/protobuf; messageType=easycrm.webhooks.v1.Notification";
