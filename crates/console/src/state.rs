//! What the API needs to work.

use std::sync::Arc;

use domain::AddressPolicy;
use store::Database;

use crate::observer::RequestObserver;

/// What [`router`](crate::router) is built from.
#[derive(Clone)]
pub struct ApiState {
    /// Where webhooks, tokens and the delivery log are.
    pub database: Database,
    /// Which addresses a webhook may be saved with.
    pub policy: AddressPolicy,
    /// What stands before every route, as the settings give it: empty, or such as `/apps/webhooks`.
    pub base_path: String,
    /// Is told of every answer.
    pub observer: Arc<dyn RequestObserver>,
}
