//! What the pages work with.

use std::sync::Arc;

use admin::Admin;
use domain::{AccountName, WebhookId};
use governor::{DefaultDirectRateLimiter, RateLimiter};
use jiff::Timestamp;
use store::Database;
use store::sessions::SessionRules;
use store::webhooks::Webhook;
use url::form_urlencoded;
use web::{CallerLimits, Cookie};

use crate::access::{FAILED_SIGN_INS, session_cookie, session_rules};
use crate::error::PageError;
use crate::paths::{LIST, SIGN_IN};
use crate::settings::PageSettings;

/// What every page's handler can ask for.
#[derive(Clone)]
pub struct PageState {
    /// The use cases, and the database to read from.
    pub(crate) admin: Admin,
    /// How much each caller and each account may ask for; shared with the API.
    pub(crate) limits: CallerLimits,
    /// What stands before every route: empty, or such as `/apps/webhooks`.
    pub(crate) base_path: String,
    pub(crate) settings: PageSettings,
    /// The cookie that names a session.
    pub(crate) cookie: Arc<Cookie>,
    /// Which sessions are valid.
    pub(crate) session_rules: Arc<SessionRules>,
    /// Rate limit of failed attempts to sign in, of all clients together.
    pub(crate) failed_sign_ins: Arc<DefaultDirectRateLimiter>,
}

impl PageState {
    /// Of pages below this base path.
    pub fn new(admin: Admin, limits: CallerLimits, base_path: String, settings: PageSettings) -> Self {
        Self {
            cookie: Arc::new(session_cookie(&base_path, &settings)),
            session_rules: Arc::new(session_rules(&settings)),
            failed_sign_ins: Arc::new(RateLimiter::direct(FAILED_SIGN_INS)),
            admin,
            limits,
            base_path,
            settings,
        }
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.admin.database
    }

    /// The webhook that a page is about, or 404 when the account has none with this id.
    pub(crate) async fn webhook(&self, account: &AccountName, id: WebhookId) -> Result<Webhook, PageError> {
        self.database()
            .webhook(account, id)
            .await?
            .ok_or_else(PageError::not_found)
    }

    /// The name of the webhook that a page of the log is about, and when it was deleted, if it was. `None` when the account has none
    /// with this id, and the log has nothing of one.
    pub(crate) async fn logged_webhook(
        &self,
        account: &AccountName,
        id: WebhookId,
    ) -> Result<Option<(String, Option<Timestamp>)>, PageError> {
        if let Some(webhook) = self.database().webhook(account, id).await? {
            return Ok(Some((webhook.name, None)));
        }
        let deleted = self.database().deleted_webhook(account, id).await?;
        Ok(deleted.map(|deleted| (deleted.name, Some(deleted.deleted_at))))
    }

    /// The path of the list; every page's is this, or begins with it.
    pub(crate) fn root(&self) -> String {
        format!("{}{LIST}", self.base_path)
    }

    /// The path of the sign-in page, which then leads to `next`.
    pub(crate) fn sign_in_url(&self, next: Option<&str>) -> String {
        let path = format!("{}{SIGN_IN}", self.base_path);
        match next.and_then(|next| self.local_path(next)) {
            Some(next) => {
                format!(
                    "{path}?next={}",
                    form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()
                )
            }
            None => path,
        }
    }

    /// `text` if it is the path of one of our pages: nobody can be led elsewhere by a link to the sign-in page.
    pub(crate) fn local_path<'a>(&self, text: &'a str) -> Option<&'a str> {
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
