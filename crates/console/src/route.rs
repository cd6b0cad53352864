//! The table of routes: which paths there are, and what answers them.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get};

use crate::guard::{Guard, guard};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{deliveries, event_types, webhooks};

/// A route of the API. Methods it does not take are answered with 405.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The catalogue.
    EventTypes,
    /// An account's webhooks.
    Webhooks,
    /// One webhook.
    Webhook,
    /// The log of one webhook.
    WebhookDeliveries,
    /// One delivery.
    Delivery,
    /// No route: every path that is none of the above.
    Unmatched,
}

impl Route {
    /// Every value, in the order of declaration.
    pub const ALL: &'static [Self] =
        &[Self::EventTypes, Self::Webhooks, Self::Webhook, Self::WebhookDeliveries, Self::Delivery, Self::Unmatched];

    /// The path below the base path, with names in braces for what varies; also the metrics' label.
    pub const fn template(self) -> &'static str {
        match self {
            Self::EventTypes => "/api/v1/event-types",
            Self::Webhooks => "/api/v1/webhooks",
            Self::Webhook => "/api/v1/webhooks/{id}",
            Self::WebhookDeliveries => "/api/v1/webhooks/{id}/deliveries",
            Self::Delivery => "/api/v1/deliveries/{id}",
            Self::Unmatched => "unmatched",
        }
    }

    pub(crate) fn of_template(template: &str) -> Self {
        Self::ALL.iter().copied().find(|route| route.template() == template).unwrap_or(Self::Unmatched)
    }

    /// What answers it; `None` when there is nothing to answer.
    fn handlers(self) -> Option<MethodRouter<ApiState>> {
        Some(match self {
            Self::EventTypes => get(event_types::list),
            Self::Webhooks => get(webhooks::list).post(webhooks::create),
            Self::Webhook => get(webhooks::show).patch(webhooks::edit).delete(webhooks::delete),
            Self::WebhookDeliveries => get(deliveries::list),
            Self::Delivery => get(deliveries::show),
            Self::Unmatched => return None,
        })
    }
}

/// The whole API below `state.base_path`.
///
/// # Panics
/// When the base path is none that the settings accept.
pub fn router(state: ApiState) -> Router {
    let mut router = Router::new();
    for route in Route::ALL {
        if let Some(handlers) = route.handlers() {
            router = router.route(&format!("{}{}", state.base_path, route.template()), handlers);
        }
    }
    router
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(async || Problem::not_found())
        .layer(from_fn_with_state(Guard::new(&state), guard))
        .with_state(state)
}
