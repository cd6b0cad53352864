//! A webhook's page: is it well, what happened lately, and what can be done.

use admin::shown_url;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{EventType, PausedReason, WebhookId};
use store::audit::AuditEntry;
use store::bearer::Who;
use store::delivery_log::{Delivery, Filter};
use store::recover::RecoveryProgress;
use store::stats::{Bucket, Window};
use store::webhooks::Webhook;

use super::chart::{Chart, WINDOWS};
use super::condition_rows::ConditionRow;
use super::labels::{self, Badge, Moment, count};
use super::layout::{Layout, page};
use super::log_line::LogLine;
use super::secret_box::{SecretBox, ShownSecret};
use super::test_result::TestView;
use super::text::filters;
use crate::access::session::SignedIn;
use crate::error::PageError;
use crate::state::PageState;

/// Deliveries on this page.
const LATEST: i64 = 5;
/// Audit entries on this page.
const AUDIT: i64 = 10;

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    layout: Layout,
    id: WebhookId,
    name: String,
    url: String,
    badge: Badge,
    pause: Option<Pause>,
    failures: Option<String>,
    held: String,
    oldest_held: Option<Moment>,
    recovery: Option<RecoveryProgress>,
    event_types: Vec<EventType>,
    /// Whether types that are added later belong to them.
    every_event: bool,
    /// In words.
    conditions: Vec<String>,
    description: String,
    max_per_second: Option<i32>,
    header_names: Vec<String>,
    created: Moment,
    updated: Moment,
    window: Window,
    chart: Chart,
    secret: Option<SecretBox>,
    latest: Vec<LogLine>,
    audit: Vec<AuditLine>,
    test: Option<TestView>,
    retention_days: u16,
}

/// Why nothing is sent.
struct Pause {
    sentence: &'static str,
    since: Option<Moment>,
}

struct AuditLine {
    at: Moment,
    action: &'static str,
    detail: String,
    by: String,
}

/// What an action on this page adds to it.
#[derive(Default)]
pub(crate) struct Extras {
    /// How a test went.
    pub(crate) test: Option<TestView>,
    /// The secret that was asked for.
    pub(crate) secret: Option<ShownSecret>,
    /// What is wrong with the secret that was to replace it.
    pub(crate) secret_error: Option<String>,
    /// What the chart shows; a day unless asked otherwise.
    pub(crate) window: Option<Window>,
    /// What was just done.
    pub(crate) done: Option<String>,
}

/// The page, with what an action adds to it.
pub(crate) async fn respond(
    state: &PageState,
    viewer: &SignedIn,
    id: WebhookId,
    status: StatusCode,
    extras: Extras,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    let layout = Layout::load(state, viewer).await?.with_done(extras.done.as_deref());
    let window = extras.window.unwrap_or(Window::Day);
    let activity = Activity::load(state, viewer, id, window).await?;
    let secret = viewer.is_admin().then(|| SecretBox {
        webhook: format!("{}/{id}", layout.root),
        form_token: viewer.form_token.clone(),
        shown: extras.secret,
        error: extras.secret_error,
    });
    let shown = WebhookPage {
        id,
        badge: webhook.status().into(),
        pause: Pause::of(&webhook),
        failures: failures(&webhook, state.settings.auto_pause_after),
        held: match webhook.held {
            0 => "No event is waiting".to_owned(),
            held => count(held, "event is waiting", "events are waiting"),
        },
        oldest_held: webhook.oldest_held_at.map(Moment::from),
        event_types: webhook.event_types.iter().collect(),
        every_event: webhook.event_types.is_every(),
        conditions: ConditionRow::of(&webhook.conditions)
            .iter()
            .map(ConditionRow::words)
            .collect(),
        description: webhook.description,
        max_per_second: webhook.max_per_second,
        header_names: webhook.header_names,
        created: webhook.created_at.into(),
        updated: webhook.updated_at.into(),
        name: webhook.name,
        url: shown_url(&webhook.url, viewer.bearer.role),
        test: extras.test,
        retention_days: state.settings.retention_days,
        window,
        chart: Chart::new(&activity.buckets),
        latest: activity.latest.iter().map(LogLine::from).collect(),
        audit: activity.audit.into_iter().map(AuditLine::from).collect(),
        recovery: activity.recovery,
        secret,
        layout,
    };
    page(status, &shown)
}

/// What happened to a webhook lately.
struct Activity {
    latest: Vec<Delivery>,
    recovery: Option<RecoveryProgress>,
    buckets: Vec<Bucket>,
    audit: Vec<AuditEntry>,
}

impl Activity {
    async fn load(state: &PageState, viewer: &SignedIn, id: WebhookId, window: Window) -> Result<Self, PageError> {
        let database = state.database();
        let account = &viewer.bearer.account;
        let latest = database.deliveries(account, id, &Filter::default(), LATEST).await?;
        let recovery = database.recovery_progress(account, id).await?;
        let buckets = database.webhook_stats(account, id, window).await?;
        let audit = database.audit_entries(account, id, None, AUDIT).await?;
        Ok(Self {
            latest,
            recovery,
            buckets,
            audit,
        })
    }
}

impl From<AuditEntry> for AuditLine {
    fn from(entry: AuditEntry) -> Self {
        let by = match entry.by {
            Who::Person(subject) => subject,
            Who::Token(id) if entry.token_name.is_empty() => format!("the token {id}"),
            Who::Token(_) => format!("the token {}", entry.token_name),
            Who::Operator => "an operator".to_owned(),
        };
        Self {
            at: entry.at.into(),
            action: labels::action(entry.action),
            detail: entry.detail,
            by,
        }
    }
}

/// How near the webhook is to being paused by itself.
fn failures(webhook: &Webhook, pause_after: u32) -> Option<String> {
    let failures = webhook.health.consecutive_failures;
    let deliveries = || {
        count(
            failures.into(),
            "delivery in a row has failed",
            "deliveries in a row have failed",
        )
    };
    match (failures, webhook.health.paused, pause_after) {
        (0, ..) => None,
        (_, Some(_), _) | (_, _, 0) => Some(format!("{}.", deliveries())),
        (_, None, after) => Some(format!("{}; after {after} the webhook is paused.", deliveries())),
    }
}

impl Pause {
    fn of(webhook: &Webhook) -> Option<Self> {
        let sentence = match webhook.health.paused? {
            PausedReason::User => "Paused by an administrator",
            PausedReason::RepeatedFailures => "Paused due to repeated failures",
            PausedReason::Gone => "Paused because the endpoint answered 410 Gone",
        };
        Some(Self {
            sentence,
            since: webhook.paused_at.map(Moment::from),
        })
    }
}

impl WebhookPage {
    fn windows(&self) -> impl Iterator<Item = (bool, &'static str, &'static str)> {
        WINDOWS
            .into_iter()
            .map(|(window, address, words)| (window == self.window, address, words))
    }
}
