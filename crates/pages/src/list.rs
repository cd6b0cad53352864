//! The list of webhooks.

use admin::shown_url;
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{EventType, Role, WebhookId, WebhookStatus};
use store::recent_counts::{HourCount, RECENT_HOURS};
use store::webhooks::{AutoPaused, DeletedWebhook, Webhook, WebhookFilter};
use strum::VariantArray;
use url::{Url, form_urlencoded};
use web::Cursor;

use crate::access::session::SignedIn;
use crate::error::PageError;
use crate::page_query::PageQuery;
use crate::state::PageState;
use crate::view::Spark;
use crate::view::labels::{Badge, Moment, count};
use crate::view::layout::{Layout, page};
use crate::view::text::filters;

/// Of a URL, behind its host's name; its page has the whole.
const MAX_URL_CHARACTERS: usize = 200;
/// Webhooks of a page.
const PAGE: usize = 25;
/// Auto-paused webhooks that are named above the list; of more, their number.
const BANNERS: usize = 3;
/// Deleted webhooks that are named below the list.
const DELETED: i64 = 20;
/// Longer searches find nothing that a shorter one would not.
const MAX_SEARCH_CHARACTERS: usize = 200;

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    layout: Layout,
    rows: Vec<Row>,
    /// What the address asks for.
    status: Option<WebhookStatus>,
    event_type: Option<EventType>,
    search: String,
    /// The query of the next page.
    next: Option<String>,
    /// Whether this is not the first page.
    later: bool,
    /// What is wrong now.
    auto_paused: AutoPaused,
    /// Deleted ones whose log can still be read, last deleted first.
    deleted: Vec<DeletedRow>,
}

/// A webhook that was deleted.
struct DeletedRow {
    id: WebhookId,
    name: String,
    at: Moment,
}

struct Row {
    id: WebhookId,
    name: String,
    host: String,
    url: String,
    badge: Badge,
    paused: bool,
    note: Option<String>,
    events: String,
    recent: Spark,
    held: i64,
}

/// What is looked for. No name holds a NUL, and the database takes none.
fn searched(text: &str) -> String {
    text.chars()
        .filter(|character| *character != '\0')
        .take(MAX_SEARCH_CHARACTERS)
        .collect()
}

/// `GET …`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let account = &viewer.bearer.account;
    let list = format!("pages of webhooks of {account}");
    let after = query.cursor("cursor", &list)?;
    let filter = WebhookFilter {
        status: query.read("status", |text| text.parse().ok())?,
        event_type: query.event_type()?,
        text: query.get("search").map(searched),
        whole_url: viewer.is_admin(),
        after: after.map(|cursor| (cursor.at, WebhookId(cursor.id))),
    };
    let database = state.database();
    let mut webhooks = database.find_webhooks(account, &filter, PAGE as i64 + 1).await?;
    let more = webhooks.len() > PAGE;
    webhooks.truncate(PAGE);
    let ids: Vec<_> = webhooks.iter().map(|webhook| webhook.id).collect();
    let recent = database.recent_counts(account, &ids).await?;
    let auto_paused = database.auto_paused_webhooks(account, BANNERS).await?;
    let deleted = database.deleted_webhooks(account, DELETED).await?;
    let layout = Layout::load(&state, &viewer).await?.with_done(query.get("done"));
    let role = viewer.bearer.role;
    let row = |webhook: &Webhook| Row::new(webhook, role, &recent.get(&webhook.id).copied().unwrap_or_default());
    let last = webhooks.last().filter(|_| more);
    let shown = ListPage {
        rows: webhooks.iter().map(row).collect(),
        next: last.map(|last| next_query(&filter, &Cursor::from(last).encode(&list))),
        later: after.is_some(),
        auto_paused,
        deleted: deleted.into_iter().map(DeletedRow::from).collect(),
        status: filter.status,
        event_type: filter.event_type,
        search: filter.text.unwrap_or_default(),
        layout,
    };
    page(StatusCode::OK, &shown)
}

fn next_query(filter: &WebhookFilter, cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filter.status.map(|status| ("status", status.to_string())));
    query.extend_pairs(filter.event_type.map(|event_type| ("event_type", event_type.name())));
    query.extend_pairs(filter.text.as_deref().map(|text| ("search", text)));
    query.append_pair("cursor", cursor).finish()
}

impl Row {
    fn new(webhook: &Webhook, role: Role, hours: &[HourCount; RECENT_HOURS]) -> Self {
        let failures = i64::from(webhook.health.consecutive_failures);
        let events = webhook.event_types.len();
        Self {
            id: webhook.id,
            name: webhook.name.clone(),
            host: host(&webhook.url),
            url: shown_url(&webhook.url, role).chars().take(MAX_URL_CHARACTERS).collect(),
            badge: webhook.status().into(),
            paused: webhook.status() == WebhookStatus::Paused,
            note: (failures > 0).then(|| format!("{} in a row", count(failures, "failure", "failures"))),
            events: if webhook.event_types.is_every() {
                "All".to_owned()
            } else if events == EventType::COUNT {
                format!("All {events}")
            } else {
                format!("{events} of {}", EventType::COUNT)
            },
            recent: Spark::new(hours),
            held: webhook.held,
        }
    }
}

impl From<DeletedWebhook> for DeletedRow {
    fn from(webhook: DeletedWebhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name,
            at: webhook.deleted_at.into(),
        }
    }
}

/// `erp.example.com/…`: where it goes, without a path that may be long, or tell a secret.
fn host(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if parsed.path() == "/" && parsed.query().is_none() {
        ""
    } else {
        "/…"
    };
    format!("{host}{port}{path}")
}

impl ListPage {
    fn statuses(&self) -> &'static [WebhookStatus] {
        WebhookStatus::VARIANTS
    }

    fn is_status(&self, status: &WebhookStatus) -> bool {
        self.status == Some(*status)
    }

    fn is_event_type(&self, event_type: &EventType) -> bool {
        self.event_type == Some(*event_type)
    }

    fn word(status: &WebhookStatus) -> &'static str {
        Badge::from(*status).word()
    }

    /// Whether the account has no webhook at all, so that there is nothing to filter.
    fn is_unused(&self) -> bool {
        self.rows.is_empty() && !self.is_filtered() && !self.later
    }

    fn is_filtered(&self) -> bool {
        self.status.is_some() || self.event_type.is_some() || !self.search.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_told_by_its_host() {
        for (url, expected) in [
            ("https://erp.example.com/hook?x=1", "erp.example.com/…"),
            ("https://erp.example.com/", "erp.example.com"),
            ("https://erp.example.com:8443/a", "erp.example.com:8443/…"),
            ("https://[2606:4700::1]/", "[2606:4700::1]"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
