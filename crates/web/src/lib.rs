//! The HTTP edge that API and pages share: their port, what surrounds every request, and its limits.
//!
//! Nothing here knows a route, a problem or a page. What goes wrong at the edge is a [`Failure`], which travels as a
//! typed extension of the response; the [`Surface`] that the request is for makes a problem or a page of it.
//! Everything that comes in is hostile, and everything that is read is bounded.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account_limit;
mod auth_failure;
mod bearer_token;
pub mod body;
mod caller_limits;
mod cookie;
mod cursor;
mod failure;
mod guard;
mod observer;
mod path_id;
mod rate_budget;
mod refusal;
mod request_limit;
mod safe_headers;
mod serve;
mod surface;

pub use account_limit::AccountLimit;
pub use auth_failure::AuthFailure;
pub use bearer_token::bearer_token;
pub use caller_limits::CallerLimits;
pub use cookie::Cookie;
pub use cursor::Cursor;
pub use failure::{Failure, retry_after, retry_unavailable};
pub use guard::{Guard, guard};
pub use observer::{RequestObserver, ServedRequest};
pub use path_id::PathId;
pub use refusal::{Refusal, Refusals};
pub use request_limit::RequestLimit;
pub use safe_headers::SafeHeaders;
pub use serve::serve;
pub use surface::{RouteLabel, Surface};
