//! What administrators do to webhooks, deliveries and API tokens, as use cases that API and pages share.
//!
//! A use case checks what was filled in, stores it and logs it; `store` writes the audit entry in the same transaction.
//! Nothing here knows HTTP: input comes as forms of [`Input`] fields, refusals are an [`AdminError`]. Mere reading needs
//! no use case: `store` is asked directly.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check_event;
mod check_limit;
mod check_request;
mod condition_form;
mod deliveries;
mod error;
mod field_error;
mod find;
mod input;
mod preview;
mod request_headers;
mod secrets;
mod service;
mod shown_url;
mod signed_request;
mod test_delivery;
mod tokens;
mod webhook_form;
mod webhooks;

pub use check_event::{AcceptedEvent, CheckRefusal, CheckedEvent, CheckedWebhook, check_event};
pub use check_limit::{CheckLimit, check_limit};
pub use check_request::{CheckForm, MAX_PASTED_BYTES, MAX_PASTED_HEADERS, header_lines};
pub use condition_form::ConditionForm;
pub use error::AdminError;
pub use field_error::FieldError;
pub use find::{FindForm, Found, FoundEvent, FoundWebhook, MAX_FOUND_EVENTS, MAX_SEARCH_BYTES, Published};
pub use input::{Input, MAX_NAME_CHARACTERS, check_event_types};
pub use preview::{Preview, PreviewExample, PreviewForm};
pub use request_headers::HeadersForm;
pub use secrets::{Rotation, SecretForm};
pub use service::Admin;
pub use shown_url::shown_url;
pub use store::recover::RecoverRange;
pub use test_delivery::{NoTestResult, TestForm, TestResult, TestSender, TestSending};
pub use tokens::TokenForm;
pub use webhook_form::{MAX_DESCRIPTION_CHARACTERS, MAX_EVENT_TYPE_ENTRIES, MAX_PER_SECOND, WebhookForm};
