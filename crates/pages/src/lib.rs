//! The console: pages for people, rendered here, below `/settings/integrations/webhooks`.
//!
//! They work without the script; it makes them pleasant. They share the use cases of `admin` with the API, and know people
//! by a session instead of a token. [`access`] says who asks, [`view`] holds what several pages show; every other module
//! is the controller of a page.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod assets;
mod delete;
mod delivery;
mod edit;
mod error;
mod find;
mod fragment;
mod list;
mod log;
mod new;
mod notifications;
mod page_query;
mod paths;
mod pause_resume;
mod preview;
mod recover;
mod request_headers;
mod routes;
mod secret;
mod settings;
mod state;
mod surface;
mod test;
mod verify;
mod view;
mod webhook;

pub use access::SESSION_LIMITS;
pub use error::see_other;
pub use paths::LIST;
pub use routes::{router, templates};
pub use settings::PageSettings;
pub use state::PageState;
pub use surface::PageSurface;
