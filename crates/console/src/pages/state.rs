//! What the pages work with.

use std::sync::Arc;

use axum::extract::FromRef;
use domain::WebhookId;
use store::webhooks::Webhook;
use url::form_urlencoded;

use super::cookie::SessionCookie;
use super::failure::PageError;
use super::session::SignedIn;
use super::sign_in_limit::SignInLimit;
use super::{LIST, SIGN_IN};
use crate::state::ApiState;

/// What every page's handler can ask for.
#[derive(Clone)]
pub(crate) struct PageState {
    /// What pages and API share.
    pub(super) api: ApiState,
    /// The cookie that names a session.
    pub(super) cookie: Arc<SessionCookie>,
    /// Failed attempts to sign in.
    pub(super) sign_in_limit: Arc<SignInLimit>,
}

impl FromRef<PageState> for ApiState {
    fn from_ref(state: &PageState) -> Self {
        state.api.clone()
    }
}

impl PageState {
    pub(crate) fn new(api: ApiState) -> Self {
        let cookie = Arc::new(SessionCookie::new(&api));
        Self { api, cookie, sign_in_limit: Arc::default() }
    }

    /// The webhook that a page is about, or 404 when their account has none with this id.
    pub(super) async fn webhook(&self, by: &SignedIn, id: WebhookId) -> Result<Webhook, PageError> {
        self.api.database.webhook(&by.bearer.account, id).await?.ok_or_else(PageError::not_found)
    }

    /// The path of the list; every page's is this, or begins with it.
    pub(super) fn root(&self) -> String {
        format!("{}{LIST}", self.api.base_path)
    }

    /// The path of the sign-in page, which then leads to `next`.
    pub(super) fn sign_in_url(&self, next: Option<&str>) -> String {
        let path = format!("{}{SIGN_IN}", self.api.base_path);
        match next.and_then(|next| self.local_path(next)) {
            Some(next) => {
                format!("{path}?next={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>())
            }
            None => path,
        }
    }

    /// `text` if it is the path of one of our pages: nobody can be led elsewhere by a link to the sign-in page.
    pub(super) fn local_path<'a>(&self, text: &'a str) -> Option<&'a str> {
        let rest = text.strip_prefix(&self.root())?;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let (path, _) = rest.split_once('?').unwrap_or((rest, ""));
        // Browsers take an encoded dot for a dot.
        let climbs = path.contains("%2e")
            || path.contains("%2E")
            || path.split('/').any(|segment| matches!(segment, "." | ".."))
            || path.contains("//");
        (plain && !climbs && (path.is_empty() || path.starts_with('/'))).then_some(text)
    }
}
