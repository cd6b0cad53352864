//! What the handlers work with.

use admin::Admin;
use web::CallerLimits;

/// What every handler can ask for.
#[derive(Clone)]
pub struct ApiState {
    /// The use cases, and the database to read from.
    pub admin: Admin,
    /// How much each caller and each account may ask for.
    pub limits: CallerLimits,
    /// What stands before every route, as the settings give it: empty, or such as `/apps/webhooks`.
    pub base_path: String,
}
