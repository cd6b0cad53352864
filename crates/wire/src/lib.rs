//! The contracts between processes: CRM events, the posted body, delivery jobs, test delivery requests and
//! notifications. It encodes and decodes; it decides nothing. Schemas: `proto-schemas/`.
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
/// Content type of a test delivery request.
pub const TEST_REQUEST: &str = "application/protobuf; messageType=easycrm.webhooks.v1.TestRequest";
/// Content type of its reply.
pub const TEST_ANSWER: &str = "application/protobuf; messageType=easycrm.webhooks.v1.TestAnswer";
/// Content type of a notification.
pub const NOTIFICATION: &str = "application/protobuf; messageType=easycrm.webhooks.v1.Notification";
