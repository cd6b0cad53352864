//! The list of the console's routes, and the router made from it.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use web::{Failure, Guard, guard};

use crate::access::{sign_in, sso};
use crate::paths::{LIST, SIGN_IN};
use crate::state::PageState;
use crate::{assets, delete, delivery, edit, find, list, log, new, notifications, pause_resume, preview, recover};
use crate::{request_headers, secret, test, verify, webhook};

/// A path below the base path, with names in braces for what varies, and what answers it.
type Route = (&'static str, MethodRouter<PageState>);

/// Every route but those that wait for a sender.
fn ordinary() -> Vec<Route> {
    vec![
        (SIGN_IN, get(sign_in::show).post(sign_in::sign_in)),
        ("/sign-out", post(sign_in::sign_out)),
        ("/sso", get(sso::by_header).post(sso::by_form)),
        ("/settings/integrations/webhooks/assets/{file}", get(assets::show)),
        (LIST, get(list::show)),
        ("/settings/integrations/webhooks/new", get(new::show).post(new::create)),
        ("/settings/integrations/webhooks/preview", post(preview::form)),
        (
            "/settings/integrations/webhooks/find",
            get(find::show).post(find::check),
        ),
        (
            "/settings/integrations/webhooks/notifications",
            get(notifications::show),
        ),
        (
            "/settings/integrations/webhooks/notifications/read-all",
            post(notifications::read_all),
        ),
        (
            "/settings/integrations/webhooks/notifications/{notification}/read",
            post(notifications::read),
        ),
        ("/settings/integrations/webhooks/{id}", get(webhook::show)),
        (
            "/settings/integrations/webhooks/{id}/edit",
            get(edit::show).post(edit::save),
        ),
        ("/settings/integrations/webhooks/{id}/preview", post(preview::webhook)),
        (
            "/settings/integrations/webhooks/{id}/delete",
            get(delete::show).post(delete::delete),
        ),
        (
            "/settings/integrations/webhooks/{id}/verify",
            get(verify::show).post(verify::check),
        ),
        ("/settings/integrations/webhooks/{id}/pause", post(pause_resume::pause)),
        (
            "/settings/integrations/webhooks/{id}/resume",
            post(pause_resume::resume),
        ),
        ("/settings/integrations/webhooks/{id}/secret", post(secret::reveal)),
        ("/settings/integrations/webhooks/{id}/rotate", post(secret::rotate)),
        (
            "/settings/integrations/webhooks/{id}/recover",
            get(recover::show).post(recover::start),
        ),
        (
            "/settings/integrations/webhooks/{id}/headers",
            get(request_headers::show).post(request_headers::save),
        ),
        ("/settings/integrations/webhooks/{id}/deliveries", get(log::show)),
        (
            "/settings/integrations/webhooks/{id}/deliveries/{delivery}",
            get(delivery::show),
        ),
        (
            "/settings/integrations/webhooks/{id}/deliveries/{delivery}/fold",
            get(delivery::fold),
        ),
        (
            "/settings/integrations/webhooks/{id}/deliveries/{delivery}/payload",
            get(delivery::download),
        ),
        (
            "/settings/integrations/webhooks/{id}/deliveries/{delivery}/send-again",
            get(delivery::confirm),
        ),
        (
            "/settings/integrations/webhooks/{id}/deliveries/{delivery}/retry",
            post(delivery::retry),
        ),
    ]
}

/// Routes that are answered when a sender has replied.
fn waiting_for_sender() -> Vec<Route> {
    vec![
        ("/settings/integrations/webhooks/test", post(test::form)),
        ("/settings/integrations/webhooks/{id}/test", post(test::webhook)),
    ]
}

/// The paths of all routes.
pub fn templates() -> Vec<&'static str> {
    ordinary()
        .into_iter()
        .chain(waiting_for_sender())
        .map(|(path, _)| path)
        .collect()
}

/// The pages below the base path, each surrounded by `surroundings`.
///
/// # Panics
/// When the base path is none that the settings accept.
pub fn router(state: PageState, surroundings: Guard) -> Router {
    let with_sender = surroundings.waiting_for_sender(state.admin.test_sending.timeout());
    let ordinary = routes(ordinary(), &state).layer(from_fn_with_state(surroundings, guard));
    let waiting = routes(waiting_for_sender(), &state).layer(from_fn_with_state(with_sender, guard));
    ordinary.merge(waiting)
}

fn routes(routes: Vec<Route>, state: &PageState) -> Router {
    let mut router = Router::new();
    for (path, handlers) in routes {
        router = router.route(&format!("{}{path}", state.base_path), handlers);
    }
    router
        .method_not_allowed_fallback(async || Failure::MethodNotAllowed)
        .with_state(state.clone())
}
