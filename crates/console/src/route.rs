//! The table of routes: which paths there are, and what answers them.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};

use crate::guard::{Guard, guard};
use crate::observer::RequestMethod;
use crate::pages::{self, PageRoute, PageState};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{deliveries, event_types, notifications, openapi, test_button, webhooks};

/// A route of the API. Methods it does not take are answered with 405.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The catalogue.
    EventTypes,
    /// An account's webhooks.
    Webhooks,
    /// One webhook.
    Webhook,
    /// The Test button for a form.
    Test,
    /// The Test button for a webhook.
    WebhookTest,
    /// The log of one webhook.
    WebhookDeliveries,
    /// Pausing a webhook.
    WebhookPause,
    /// Resuming it.
    WebhookResume,
    /// Its secret.
    WebhookSecret,
    /// Replacing its secret.
    WebhookSecretRotate,
    /// Sending its failed deliveries again.
    WebhookRecover,
    /// How far that is.
    WebhookRecovery,
    /// Numbers for its chart.
    WebhookStats,
    /// Who did what to it.
    WebhookAudit,
    /// One delivery.
    Delivery,
    /// Sending it again.
    DeliveryRetry,
    /// What administrators were told.
    Notifications,
    /// Marking one notification as read.
    NotificationRead,
    /// Marking all of them as read.
    NotificationsReadAll,
    /// The description of this API.
    OpenApi,
    /// The pages of the console, which the metrics do not tell apart.
    Console,
    /// No route: every path that is none of the above.
    Unmatched,
}

impl Route {
    /// Every value, in the order of declaration.
    pub const ALL: &'static [Self] = &[
        Self::EventTypes,
        Self::Webhooks,
        Self::Webhook,
        Self::Test,
        Self::WebhookTest,
        Self::WebhookDeliveries,
        Self::WebhookPause,
        Self::WebhookResume,
        Self::WebhookSecret,
        Self::WebhookSecretRotate,
        Self::WebhookRecover,
        Self::WebhookRecovery,
        Self::WebhookStats,
        Self::WebhookAudit,
        Self::Delivery,
        Self::DeliveryRetry,
        Self::Notifications,
        Self::NotificationRead,
        Self::NotificationsReadAll,
        Self::OpenApi,
        Self::Console,
        Self::Unmatched,
    ];

    /// The path below the base path, with names in braces for what varies; also the metrics' label.
    pub const fn template(self) -> &'static str {
        match self {
            Self::EventTypes => "/api/v1/event-types",
            Self::Webhooks => "/api/v1/webhooks",
            Self::Webhook => "/api/v1/webhooks/{id}",
            Self::Test => "/api/v1/webhooks/test",
            Self::WebhookTest => "/api/v1/webhooks/{id}/test",
            Self::WebhookDeliveries => "/api/v1/webhooks/{id}/deliveries",
            Self::WebhookPause => "/api/v1/webhooks/{id}/pause",
            Self::WebhookResume => "/api/v1/webhooks/{id}/resume",
            Self::WebhookSecret => "/api/v1/webhooks/{id}/secret",
            Self::WebhookSecretRotate => "/api/v1/webhooks/{id}/secret/rotate",
            Self::WebhookRecover => "/api/v1/webhooks/{id}/recover",
            Self::WebhookRecovery => "/api/v1/webhooks/{id}/recovery",
            Self::WebhookStats => "/api/v1/webhooks/{id}/stats",
            Self::WebhookAudit => "/api/v1/webhooks/{id}/audit",
            Self::Delivery => "/api/v1/deliveries/{id}",
            Self::DeliveryRetry => "/api/v1/deliveries/{id}/retry",
            Self::Notifications => "/api/v1/notifications",
            Self::NotificationRead => "/api/v1/notifications/{id}/read",
            Self::NotificationsReadAll => "/api/v1/notifications/read-all",
            Self::OpenApi => "/api/v1/openapi.json",
            Self::Console => "console",
            Self::Unmatched => "unmatched",
        }
    }

    pub(crate) fn of_template(template: &str) -> Self {
        let api = Self::ALL.iter().copied().find(|route| route.template() == template);
        api.or_else(|| PageRoute::is_template(template).then_some(Self::Console)).unwrap_or(Self::Unmatched)
    }

    /// The methods that it takes; a test asks each route whether that is so. `HEAD` goes with `GET`.
    pub const fn methods(self) -> &'static [RequestMethod] {
        use RequestMethod::{Delete, Get, Other, Patch, Post};
        match self {
            Self::Webhooks | Self::Console => &[Get, Post],
            Self::Webhook => &[Get, Patch, Delete],
            Self::EventTypes
            | Self::WebhookDeliveries
            | Self::WebhookSecret
            | Self::WebhookRecovery
            | Self::WebhookStats
            | Self::WebhookAudit
            | Self::Delivery
            | Self::Notifications
            | Self::OpenApi => &[Get],
            Self::Test
            | Self::WebhookTest
            | Self::WebhookPause
            | Self::WebhookResume
            | Self::WebhookSecretRotate
            | Self::WebhookRecover
            | Self::DeliveryRetry
            | Self::NotificationRead
            | Self::NotificationsReadAll => &[Post],
            Self::Unmatched => &[Other],
        }
    }

    /// What answers it; `None` when there is nothing to answer.
    fn handlers(self) -> Option<MethodRouter<ApiState>> {
        Some(match self {
            Self::EventTypes => get(event_types::list),
            Self::Webhooks => get(webhooks::list).post(webhooks::create),
            Self::Webhook => get(webhooks::show).patch(webhooks::edit).delete(webhooks::delete),
            Self::Test => post(test_button::test_form),
            Self::WebhookTest => post(test_button::test_saved),
            Self::WebhookDeliveries => get(deliveries::list),
            Self::WebhookPause => post(webhooks::pause),
            Self::WebhookResume => post(webhooks::resume),
            Self::WebhookSecret => get(webhooks::show_secret),
            Self::WebhookSecretRotate => post(webhooks::rotate_secret),
            Self::WebhookRecover => post(deliveries::recover),
            Self::WebhookRecovery => get(deliveries::progress),
            Self::WebhookStats => get(webhooks::show_stats),
            Self::WebhookAudit => get(webhooks::list_audit),
            Self::Delivery => get(deliveries::show),
            Self::DeliveryRetry => post(deliveries::retry),
            Self::Notifications => get(notifications::list),
            Self::NotificationRead => post(notifications::read),
            Self::NotificationsReadAll => post(notifications::read_all),
            Self::OpenApi => get(openapi::show),
            Self::Console | Self::Unmatched => return None,
        })
    }
}

/// API and console below `state.base_path`.
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
    let guarded = from_fn_with_state(Guard::new(&state), guard);
    let pages = PageState::new(state.clone());
    router
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .with_state(state)
        .merge(pages::router(pages.clone()))
        .fallback_service(any(pages::fallback).with_state(pages))
        .layer(guarded)
}
