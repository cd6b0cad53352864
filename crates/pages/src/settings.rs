//! Settings of the pages alone.

use std::sync::Arc;

use domain::Origin;
use domain::sso::IdentityProvider;
use url::Url;

/// What the pages say and do beyond the API.
#[derive(Debug, Clone)]
pub struct PageSettings {
    /// Scheme, host and port as browsers see them.
    pub public_url: Url,
    /// Whose pages may show ours in a frame.
    pub frame_ancestors: Vec<Origin>,
    /// The CRM that may vouch for people; without one everybody needs an API token.
    pub identity_provider: Option<Arc<IdentityProvider>>,
    /// How long the delivery log is kept, in days.
    pub retention_days: u16,
    /// Consecutive failed deliveries after which a webhook is paused; 0 for never.
    pub auto_pause_after: u32,
}
