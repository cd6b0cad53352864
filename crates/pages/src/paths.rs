//! Paths that several modules lead to.

/// The path of the list below the base path; all pages but the first are below it.
pub const LIST: &str = "/settings/integrations/webhooks";
/// The path of the sign-in page below the base path.
pub(crate) const SIGN_IN: &str = "/sign-in";
