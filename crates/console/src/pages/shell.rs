//! What surrounds every page: where it stands, who looks at it, and what was just done.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::assets;
use super::failure::PageError;
use super::session::SignedIn;
use super::state::PageState;
use crate::problem::Problem;

/// What the layout shows.
pub(super) struct Shell {
    /// The path of the list; every page's begins with it.
    pub(super) root: String,
    /// What stands before all paths.
    pub(super) base: String,
    /// What every form carries.
    pub(super) form_token: String,
    /// Whether they may change things.
    pub(super) admin: bool,
    /// Whose webhooks these are.
    pub(super) account: String,
    /// What to call them; may be empty.
    pub(super) name: String,
    /// Notifications that nobody has read.
    pub(super) unread: i64,
    /// What was just done, in words.
    pub(super) done: Option<&'static str>,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
}

impl PageState {
    /// The surroundings of a page for `viewer`.
    pub(super) async fn shell(&self, viewer: &SignedIn) -> Result<Shell, PageError> {
        Ok(Shell {
            root: self.root(),
            base: self.api.base_path.clone(),
            form_token: viewer.form_token.clone(),
            admin: viewer.is_admin(),
            account: viewer.bearer.account.to_string(),
            name: viewer.name.clone(),
            unread: self.api.database.unread_notifications(&viewer.bearer.account).await?,
            done: None,
            style: assets::style(),
            script: assets::script(),
        })
    }
}

impl Shell {
    /// Tells what was just done, as the address says it. Only these words, so that nobody can put others there.
    pub(super) fn with_done(self, done: Option<&str>) -> Self {
        Self { done: done.and_then(words), ..self }
    }
}

fn words(done: &str) -> Option<&'static str> {
    Some(match done {
        "created" => "The webhook has been added. It is active: events are sent from now on.",
        "saved" => "Your changes are saved. They apply to events that are waiting, too.",
        "paused" => "Paused. Events are kept and sent when you resume.",
        "resumed" => "Resumed. What was kept is being sent now, oldest first.",
        "rotated" => "The secret has been replaced. For 24 hours requests carry a signature of the old one, too.",
        "retried" => "The delivery is being sent again.",
        "recovering" => "The failed deliveries are being sent again.",
        "deleted" => "The webhook has been deleted.",
        "read" => "Marked as read.",
        _ => return None,
    })
}

/// A page as an answer.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Result<Response, PageError> {
    match template.render() {
        Ok(page) => Ok((status, Html(page)).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Err(Problem::failed().into())
        }
    }
}
