//! The admin API under `/api/v1` and the console's pages, as a library that `fanout` serves.
//!
//! [`router`] builds it, [`serve`] answers connections with it. It owns what crosses HTTP: tokens, parsing, validation,
//! problems (RFC 9457), pages and entity tags. It stores through `store`, decides by `domain`, and talks to no broker.
//! Everything that comes in is hostile; a secret goes out to admins only, when it is made or asked for.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod caller;
mod deliveries;
mod entity_tag;
mod event_types;
mod guard;
mod idempotency;
mod json_body;
mod json_object;
mod notifications;
mod observer;
mod openapi;
mod page;
mod pages;
mod path_id;
mod problem;
mod query;
mod request_limit;
mod route;
mod server;
mod state;
mod test_button;
mod webhook_changes;
mod webhook_form;
mod webhooks;

pub use observer::{RequestLabels, RequestMethod, RequestObserver, ServedRequest, StatusClass};
pub use openapi::document as openapi_document;
pub use pages::PageRoute;
pub use request_limit::RequestLimit;
pub use route::{Route, router};
pub use server::serve;
pub use state::{ApiState, ConsoleSettings};
pub use test_button::{NoAnswer, Tester, Tests};
