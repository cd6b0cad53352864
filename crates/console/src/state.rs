//! What the API needs to work.

use std::sync::Arc;

use domain::sso::IdentityProvider;
use domain::{AddressPolicy, ReleasePace};
use runtime::settings::Origin;
use store::Database;
use url::Url;

use crate::observer::RequestObserver;
use crate::request_limit::RequestLimit;
use crate::test_button::Tests;

/// What [`router`](crate::router) is built from.
#[derive(Clone)]
pub struct ApiState {
    /// Where webhooks, tokens and the delivery log are.
    pub database: Database,
    /// Which addresses a webhook may be saved with.
    pub policy: AddressPolicy,
    /// How fast a resumed webhook gets what was held.
    pub release_pace: ReleasePace,
    /// How often one token's bearer may call.
    pub request_limit: RequestLimit,
    /// What stands before every route, as the settings give it: empty, or such as `/apps/webhooks`.
    pub base_path: String,
    /// What only the pages need.
    pub console: ConsoleSettings,
    /// Who makes tests.
    pub tests: Tests,
    /// Is told of every answer.
    pub observer: Arc<dyn RequestObserver>,
}

/// What the pages say and do beyond the API.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
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
