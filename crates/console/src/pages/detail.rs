//! A webhook's page: is it well, what happened lately, and what can be done.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{EventType, PausedReason, WebhookId};
use store::bearer::Who;
use store::delivery_log::Filter;
use store::recover::RecoveryProgress;
use store::stats::Window;
use store::webhooks::Webhook;

use super::chart::{self, Chart, WINDOWS};
use super::failure::PageError;
use super::log_line::LogLine;
use super::page_query::PageQuery;
use super::secret::{SecretBox, Shown};
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::shown_text::filters;
use super::state::PageState;
use super::test::TestView;
use super::words::{self, Badge, Moment, count};
use crate::path_id::PathId;

/// Deliveries on this page.
const LATEST: i64 = 5;
/// Audit entries on this page.
const AUDIT: i64 = 10;

#[derive(Template)]
#[template(path = "detail.html")]
struct DetailPage {
    shell: Shell,
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
pub(super) struct Extras {
    /// How a test went.
    pub(super) test: Option<TestView>,
    /// The secret that was asked for.
    pub(super) secret: Option<Shown>,
    /// What is wrong with the secret that was to replace it.
    pub(super) secret_error: Option<String>,
    /// What the chart shows; a day unless asked otherwise.
    pub(super) window: Option<Window>,
    /// What was just done.
    pub(super) done: Option<String>,
}

/// `GET …/{id}`
pub(super) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let window = query.read("window", chart::window)?;
    let done = query.get("done").map(str::to_owned);
    answer(&state, &viewer, id, StatusCode::OK, Extras { window, done, ..Extras::default() }).await
}

/// The page, with what an action adds to it.
pub(super) async fn answer(
    state: &PageState,
    viewer: &SignedIn,
    id: WebhookId,
    status: StatusCode,
    extras: Extras,
) -> Result<Response, PageError> {
    let (database, account) = (&state.api.database, &viewer.bearer.account);
    let webhook = state.webhook(viewer, id).await?;
    let shell = state.shell(viewer).await?.with_done(extras.done.as_deref());
    let window = extras.window.unwrap_or(Window::Day);
    let secret = viewer.is_admin().then(|| {
        let path = format!("{}/{id}", shell.root);
        SecretBox::new(path, viewer.form_token.clone(), extras.secret, extras.secret_error)
    });
    let latest = database.deliveries(account, id, &Filter::default(), LATEST).await?;
    let shown = DetailPage {
        recovery: database.recovery_progress(account, id).await?,
        chart: Chart::new(&database.webhook_stats(account, id, window).await?),
        latest: latest.iter().map(LogLine::from).collect(),
        audit: audit(state, viewer, id).await?,
        id,
        badge: webhook.status().into(),
        pause: Pause::of(&webhook),
        failures: failures(&webhook, state.api.console.auto_pause_after),
        held: match webhook.held {
            0 => "No event is waiting".to_owned(),
            held => count(held, "event is waiting", "events are waiting"),
        },
        oldest_held: webhook.oldest_held_at.map(Moment::from),
        event_types: webhook.event_types.iter().collect(),
        created: webhook.created_at.into(),
        updated: webhook.updated_at.into(),
        name: webhook.name,
        url: webhook.url,
        test: extras.test,
        retention_days: state.api.console.retention_days,
        window,
        secret,
        shell,
    };
    page(status, &shown)
}

async fn audit(state: &PageState, viewer: &SignedIn, id: WebhookId) -> Result<Vec<AuditLine>, PageError> {
    let entries = state.api.database.audit_entries(&viewer.bearer.account, id, None, AUDIT).await?;
    let line = |entry: store::audit::AuditEntry| AuditLine {
        at: entry.at.into(),
        action: words::action(entry.action),
        detail: entry.detail,
        by: match entry.by {
            Who::Person(subject) => subject,
            Who::Token(id) if entry.token_name.is_empty() => id.to_string(),
            Who::Token(_) => entry.token_name,
        },
    };
    Ok(entries.into_iter().map(line).collect())
}

/// How near the webhook is to being paused by itself.
fn failures(webhook: &Webhook, pause_after: u32) -> Option<String> {
    let failures = webhook.health.consecutive_failures;
    let deliveries = || count(failures.into(), "delivery in a row has failed", "deliveries in a row have failed");
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
        Some(Self { sentence, since: webhook.paused_at.map(Moment::from) })
    }
}

impl DetailPage {
    fn windows(&self) -> impl Iterator<Item = (bool, &'static str, &'static str)> {
        WINDOWS.into_iter().map(|(window, address, words)| (window == self.window, address, words))
    }
}
