//! Who asks: sessions, signing in, and whether a form comes from one of our own pages.

mod failed_sign_ins;
mod origin;
pub(crate) mod session;
mod session_cookie;
pub(crate) mod sign_in;
pub(crate) mod sso;
pub(crate) mod submission;

pub(crate) use failed_sign_ins::FAILED_SIGN_INS;
pub use session_cookie::SESSION_LIMITS;
pub(crate) use session_cookie::{session_cookie, session_rules};
