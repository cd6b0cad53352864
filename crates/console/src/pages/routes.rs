//! The table of the console's routes.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use super::failure::{AsPage, see_other};
use super::state::PageState;
use super::{LIST, SIGN_IN, assets, delete, delivery, detail, edit, list, log, new, notifications, recover, secret};
use super::{sign_in, sso, switch, test, verify};
use crate::problem::Problem;

/// A route of the console. What is not meant for its method is answered with 405.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageRoute {
    /// Signing in.
    SignIn,
    /// Signing out.
    SignOut,
    /// Signing in with a ticket of the CRM.
    Sso,
    /// Stylesheet and script.
    Asset,
    /// An account's webhooks.
    List,
    /// Adding one.
    New,
    /// Testing one that is not saved.
    TestForm,
    /// What administrators were told.
    Notifications,
    /// Marking all of it as read.
    ReadNotifications,
    /// Marking one as read.
    ReadNotification,
    /// One webhook.
    Detail,
    /// Editing it.
    Edit,
    /// Deleting it.
    Delete,
    /// How its receiver verifies signatures.
    Verify,
    /// Pausing it.
    Pause,
    /// Resuming it.
    Resume,
    /// Showing its secret.
    Secret,
    /// Replacing its secret.
    Rotate,
    /// Testing it.
    Test,
    /// Sending its failed deliveries again.
    Recover,
    /// Its log.
    Log,
    /// One delivery.
    Delivery,
    /// Sending it again.
    Retry,
}

impl PageRoute {
    /// Every value, in the order of declaration.
    pub const ALL: &'static [Self] = &[
        Self::SignIn,
        Self::SignOut,
        Self::Sso,
        Self::Asset,
        Self::List,
        Self::New,
        Self::TestForm,
        Self::Notifications,
        Self::ReadNotifications,
        Self::ReadNotification,
        Self::Detail,
        Self::Edit,
        Self::Delete,
        Self::Verify,
        Self::Pause,
        Self::Resume,
        Self::Secret,
        Self::Rotate,
        Self::Test,
        Self::Recover,
        Self::Log,
        Self::Delivery,
        Self::Retry,
    ];

    /// The path below the base path, with names in braces for what varies.
    pub const fn template(self) -> &'static str {
        match self {
            Self::SignIn => SIGN_IN,
            Self::SignOut => "/sign-out",
            Self::Sso => "/sso",
            Self::Asset => "/settings/integrations/webhooks/assets/{file}",
            Self::List => LIST,
            Self::New => "/settings/integrations/webhooks/new",
            Self::TestForm => "/settings/integrations/webhooks/test",
            Self::Notifications => "/settings/integrations/webhooks/notifications",
            Self::ReadNotifications => "/settings/integrations/webhooks/notifications/read-all",
            Self::ReadNotification => "/settings/integrations/webhooks/notifications/{notification}/read",
            Self::Detail => "/settings/integrations/webhooks/{id}",
            Self::Edit => "/settings/integrations/webhooks/{id}/edit",
            Self::Delete => "/settings/integrations/webhooks/{id}/delete",
            Self::Verify => "/settings/integrations/webhooks/{id}/verify",
            Self::Pause => "/settings/integrations/webhooks/{id}/pause",
            Self::Resume => "/settings/integrations/webhooks/{id}/resume",
            Self::Secret => "/settings/integrations/webhooks/{id}/secret",
            Self::Rotate => "/settings/integrations/webhooks/{id}/rotate",
            Self::Test => "/settings/integrations/webhooks/{id}/test",
            Self::Recover => "/settings/integrations/webhooks/{id}/recover",
            Self::Log => "/settings/integrations/webhooks/{id}/deliveries",
            Self::Delivery => "/settings/integrations/webhooks/{id}/deliveries/{delivery}",
            Self::Retry => "/settings/integrations/webhooks/{id}/deliveries/{delivery}/retry",
        }
    }

    fn handlers(self) -> MethodRouter<PageState> {
        match self {
            Self::SignIn => get(sign_in::show).post(sign_in::sign_in),
            Self::SignOut => post(sign_in::sign_out),
            Self::Sso => get(sso::by_header).post(sso::by_form),
            Self::Asset => get(assets::show),
            Self::List => get(list::show),
            Self::New => get(new::show).post(new::create),
            Self::TestForm => post(test::form),
            Self::Notifications => get(notifications::show),
            Self::ReadNotifications => post(notifications::read_all),
            Self::ReadNotification => post(notifications::read),
            Self::Detail => get(detail::show),
            Self::Edit => get(edit::show).post(edit::save),
            Self::Delete => get(delete::show).post(delete::delete),
            Self::Verify => get(verify::show),
            Self::Pause => post(switch::pause),
            Self::Resume => post(switch::resume),
            Self::Secret => post(secret::reveal),
            Self::Rotate => post(secret::rotate),
            Self::Test => post(test::webhook),
            Self::Recover => get(recover::show).post(recover::start),
            Self::Log => get(log::show),
            Self::Delivery => get(delivery::show),
            Self::Retry => post(delivery::retry),
        }
    }

    /// Whether this is the template of a page's route.
    pub(crate) fn is_template(template: &str) -> bool {
        Self::ALL.iter().any(|route| route.template() == template)
    }
}

/// The pages below the base path.
pub(crate) fn router(state: PageState) -> Router {
    let base_path = state.api.base_path.clone();
    let mut router = Router::new();
    for route in PageRoute::ALL {
        router = router.route(&format!("{base_path}{}", route.template()), route.handlers());
    }
    router.method_not_allowed_fallback(async || Problem::method_not_allowed()).with_state(state)
}

/// Any other path: people get a page, programs a problem. The root and a slash too many lead to the list.
pub(crate) async fn fallback(State(state): State<PageState>, request: Request) -> Response {
    // What is not below the base path belongs to somebody else.
    let below = request.uri().path().strip_prefix(&*state.api.base_path);
    let leads_to_list = |below: &str| {
        matches!(below, "" | "/" | "/settings" | "/settings/integrations") || below.strip_suffix('/') == Some(LIST)
    };
    if below.is_some_and(leads_to_list) {
        return see_other(&state.root());
    }
    let mut response = Problem::not_found().into_response();
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") || below.is_some_and(|below| below.starts_with(LIST)) {
        response.extensions_mut().insert(AsPage);
    }
    response
}
