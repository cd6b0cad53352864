//! What surrounds every page: where it stands, who looks at it, and what was just done.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use web::Failure;

use crate::access::session::SignedIn;
use crate::assets;
use crate::error::PageError;
use crate::state::PageState;

/// What the layout shows.
pub(crate) struct Layout {
    /// The path of the list; every page's begins with it.
    pub(crate) root: String,
    /// What stands before all paths.
    pub(crate) base: String,
    /// What every form carries.
    pub(crate) form_token: String,
    /// Whether they may change things.
    pub(crate) admin: bool,
    /// Whose webhooks these are.
    pub(crate) account: String,
    /// What to call them; may be empty.
    pub(crate) name: String,
    /// Notifications that nobody has read.
    pub(crate) unread: i64,
    /// What was just done, in words.
    pub(crate) done: Option<&'static str>,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
}

impl Layout {
    /// The surroundings of a page for `viewer`.
    pub(crate) async fn load(state: &PageState, viewer: &SignedIn) -> Result<Self, PageError> {
        let unread = state.database().unread_notifications(&viewer.bearer.account).await?;
        Ok(Self {
            root: state.root(),
            base: state.base_path.clone(),
            form_token: viewer.form_token.clone(),
            admin: viewer.is_admin(),
            account: viewer.bearer.account.to_string(),
            name: viewer.name.clone(),
            unread,
            done: None,
            style: assets::style(),
            script: assets::script(),
        })
    }

    /// Tells what was just done, as the address says it. Only these words, so that nobody can put others there.
    pub(crate) fn with_done(self, done: Option<&str>) -> Self {
        Self {
            done: done.and_then(done_text),
            ..self
        }
    }
}

fn done_text(done: &str) -> Option<&'static str> {
    Some(match done {
        "created" => "The webhook has been added. It is active: events are sent from now on.",
        "exists" => "This webhook has been added already. To change it, choose Edit.",
        "saved" => "Your changes are saved.",
        "headers" => "The request headers are saved. They are added to every request from now on.",
        "saved-events" => {
            "Your changes are saved. The selected events and conditions apply from now on; events that are waiting are still sent."
        }
        "paused" => "The webhook is paused. Its events are held, and sent when you resume it.",
        "resumed" => "The webhook is resumed. Held events are being sent now, oldest first.",
        "rotated" => "The secret has been replaced. For 24 hours requests also have a signature of the former secret.",
        "retried" => "The delivery is being sent again.",
        "retry-held" => "The webhook is paused. The delivery is sent again when you resume it.",
        "recovering" => "The failed deliveries are being sent again.",
        "deleted" => "The webhook has been deleted.",
        "read" => "Marked as read.",
        _ => return None,
    })
}

/// A page as an answer.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Result<Response, PageError> {
    match template.render() {
        Ok(page) => Ok((status, Html(page)).into_response()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot render a page");
            Err(Failure::Internal.into())
        }
    }
}
