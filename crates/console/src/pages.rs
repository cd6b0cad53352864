//! The console: pages for people, rendered here, below `/settings/integrations/webhooks`.
//!
//! They work without the script; it makes them pleasant. They share state, checks and service functions with the API, and
//! know people by a session instead of a token.

mod assets;
mod chart;
mod cookie;
mod delete;
mod delivery;
mod detail;
mod edit;
mod failure;
mod json_text;
mod list;
mod log;
mod log_line;
mod new;
mod notifications;
mod origin;
mod page_query;
mod recover;
mod routes;
mod secret;
mod session;
mod shell;
pub(crate) mod shown_text;
mod sign_in;
mod sign_in_limit;
mod spark;
mod sso;
mod state;
mod submission;
mod switch;
mod test;
mod verify;
mod webhook_fields;
mod words;

pub(crate) use failure::{is_marked, page_instead};
pub use routes::PageRoute;
pub(crate) use routes::{fallback, router};
pub(crate) use state::PageState;

/// The path of the list below the base path; all pages but the first are below it.
const LIST: &str = "/settings/integrations/webhooks";
/// The path of the sign-in page below the base path.
const SIGN_IN: &str = "/sign-in";
