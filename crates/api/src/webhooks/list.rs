//! `GET /webhooks`: a page of an account's webhooks, oldest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{AccountName, EventType, Role, WebhookId};
use serde_json::json;
use store::webhooks::WebhookFilter;

use super::TAG;
use super::representation::WebhookRepresentation;
use crate::caller::RequireViewer;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::page::{ListPage, Page};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

/// The longest text to search for, in characters.
const MAX_SEARCH_CHARACTERS: usize = 200;

pub(crate) fn operation() -> Operation {
    let search = "Only webhooks with this text in name or URL, in any case; for viewers the URL ends before its path";
    Operation::get("/api/v1/webhooks", handler)
        .for_viewers(TAG, "listWebhooks", "List webhooks, oldest first")
        .about("A cursor is valid only with the filter of the list that returned it.")
        .query("status", "Only webhooks with this status", reference("WebhookStatus"))
        .query(
            "event_type",
            "Only webhooks that subscribe to this event type",
            reference("EventType"),
        )
        .query(
            "search",
            search,
            json!({"type": "string", "maxLength": MAX_SEARCH_CHARACTERS}),
        )
        .paginated()
        .answer(200, "A page of webhooks", reference("WebhookPage"))
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<WebhookRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let filter = filter(&mut query, caller.role);
    let page = ListPage::of(list_name(&caller.account, &filter), query)?;
    let after = page.after.map(|cursor| (cursor.at, WebhookId(cursor.id)));
    let filter = WebhookFilter { after, ..filter };
    let webhooks = state
        .admin
        .database
        .find_webhooks(&caller.account, &filter, page.rows())
        .await?;
    Ok(Json(page.answer(webhooks, |webhook| {
        WebhookRepresentation::new(webhook, caller.role)
    })))
}

fn filter(query: &mut Query<'_>, role: Role) -> WebhookFilter {
    let status = query.take("status", "Must be one of active, paused and error", |text| {
        text.parse().ok()
    });
    let event_type = query.take("event_type", "There is no such event type", EventType::parse);
    let text = query.take("search", "Must have at most 200 characters, none of them NUL", searched);
    WebhookFilter {
        status,
        event_type,
        text,
        whole_url: role == Role::Admin,
        after: None,
    }
}

/// No name holds a NUL, and the database takes none.
fn searched(text: &str) -> Option<String> {
    let fits = text.chars().count() <= MAX_SEARCH_CHARACTERS && !text.contains('\0');
    fits.then(|| text.to_owned())
}

/// The list with this filter: its cursors continue no other.
fn list_name(account: &AccountName, filter: &WebhookFilter) -> String {
    let status = filter.status.map(|status| format!(", status {status}"));
    let event_type = filter
        .event_type
        .map(|event_type| format!(", type {}", event_type.name()));
    let search = filter.text.as_ref().map(|text| format!(", search {text}"));
    let filter: String = [status, event_type, search].into_iter().flatten().collect();
    format!("webhooks of {account}{filter}")
}
